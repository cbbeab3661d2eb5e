// Makes the order page live and the buy button single-shot. Everything works without it.
"use strict";

const order = document.getElementById("order");
const announce = document.getElementById("announce");

function dress() {
  for (const button of document.querySelectorAll("button.print")) {
    button.hidden = false;
    button.onclick = () => window.print();
  }
}

function show(html) {
  order.innerHTML = html;
  const headline = order.firstElementChild.dataset.headline;
  if (announce.textContent !== headline) announce.textContent = headline;
  document.title = headline + " · City Vouchers";
  dress();
}

if (order) {
  dress();
  if (!order.querySelector("[data-rest]")) {
    const source = new EventSource(order.dataset.stream);
    source.addEventListener("page", (event) => {
      show(event.data);
      if (order.querySelector("[data-rest]")) source.close();
    });
  }
}

// Back after buying shows the same form with the same key again: pressing the button leads to the same order.
for (const form of document.querySelectorAll("form.buy")) {
  const button = form.querySelector("button[type=submit]");
  const text = button ? button.textContent : "";
  form.addEventListener("submit", () => {
    button.disabled = true;
    button.textContent = "Placing your order…";
  });
  window.addEventListener("pageshow", () => {
    if (button) {
      button.disabled = false;
      button.textContent = text;
    }
  });
}
