"use strict";
// Keeps the page current: the server says that something changed, the page fetches itself and swaps what it marks as
// live. Without this script the page is complete and a reload shows the newest state.

const badge = document.querySelector("[data-live-badge]");
const source = document.body.dataset.events;
let stream = null;
let waiting = false;
let missed = false;

function show(word) {
  if (badge) { badge.textContent = word; badge.className = "badge " + (word === "live" ? "succeeded" : ""); }
}

async function refresh() {
  if (waiting) { missed = true; return; }
  waiting = true;
  missed = false;
  try {
    const open = new Set([...document.querySelectorAll("details[open][id]")].map((each) => each.id));
    const response = await fetch(location.href, { headers: { "X-Live": "1" } });
    if (!response.ok) { return; }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(part.id);
      if (fresh && fresh.innerHTML !== part.innerHTML) { part.innerHTML = fresh.innerHTML; }
    }
    for (const id of open) { document.getElementById(id)?.setAttribute("open", ""); }
  } finally {
    // What changed since the page was asked for would stay unseen if it was the last change.
    setTimeout(() => { waiting = false; if (missed) { refresh(); } }, 150);
  }
}

function connect() {
  if (!source || document.hidden || stream) { return; }
  stream = new EventSource(source);
  stream.onopen = () => { show("live"); refresh(); };
  stream.onmessage = refresh;
  stream.onerror = () => show("reconnecting");
}

function pause() {
  if (stream) { stream.close(); stream = null; show("paused"); }
}

document.addEventListener("visibilitychange", () => (document.hidden ? pause() : connect()));

document.addEventListener("click", (event) => {
  const state = event.target.closest("[data-state]");
  if (!state) { return; }
  for (const each of document.querySelectorAll(".state.chosen")) { each.classList.remove("chosen"); }
  state.classList.add("chosen");
  const visits = document.querySelectorAll(`details[data-visit="${CSS.escape(state.dataset.state)}"]`);
  const visit = visits[visits.length - 1];
  if (visit) { visit.open = true; visit.scrollIntoView({ block: "nearest", behavior: "smooth" }); }
});

document.addEventListener("keydown", (event) => {
  const search = document.querySelector("input[type=search]");
  if (event.key === "/" && search && document.activeElement !== search) { event.preventDefault(); search.focus(); }
});

connect();
