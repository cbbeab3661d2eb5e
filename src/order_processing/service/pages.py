"""The shop's pages: what they show, rendered from templates that are compiled once."""

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import urlencode

import jinja2

from order_processing.clock import Clock
from order_processing.domain import CITIES, Category, Order
from order_processing.service import wording
from order_processing.service.forms import guest_headers
from order_processing.service.http import HTML, Reply
from order_processing.service.journey import journey
from order_processing.service.problems import Problem, ProblemError
from order_processing.service.sandbox import CARDS, SHOPPERS, OfferForm
from order_processing.service.views import OfferView, order_view

_TYPES = {".css": b"text/css; charset=utf-8", ".js": b"text/javascript; charset=utf-8", ".svg": b"image/svg+xml"}
_FOREVER = b"public, max-age=31536000, immutable"
_BACK_SHOWS_THE_SAME = b"private, no-cache"
"""The offer page may be kept for the Back button, so that its form comes back with its key."""


class StaticFile(NamedTuple):
    """A file of the ``static`` folder."""

    reply: Reply
    url: str


class Pages:
    """Renders pages; holds the static files they use."""

    def __init__(self, clock: Clock, voucher_secret: Callable[[], bytes]) -> None:
        self._clock = clock
        self._voucher_secret = voucher_secret
        self.static = _static_files()
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("order_processing.service"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.globals.update(asset=lambda name: self.static[name].url, filter_url=filter_url)
        self._templates.filters.update(
            price=wording.price,
            total=wording.total,
            stock=wording.stock,
            stock_tone=wording.stock_tone,
            ends_in=wording.ends_in(clock.now),
            duration=wording.duration,
            ordered_at=wording.ordered_at,
            refunded=wording.refunded,
            valid_until=wording.valid_until,
            instant=wording.instant,
            worth=lambda voucher: wording.worth(voucher, clock.now()),
            spoken=wording.spoken,
            sentence=wording.sentence,
        )

    def offers(self, offers: Sequence[OfferView], city: str | None, category: str | None) -> Reply:
        """The front page, by city; *offers* are sorted by city."""
        groups = [{"city": name, "offers": list(group)} for name, group in groupby(offers, key=lambda each: each.city)]
        categories = [each.value for each in Category]
        return self.page(
            "offers.html", city=city, category=category, cities=CITIES, categories=categories, groups=groups
        )

    def offer(self, offer: OfferView, form: OfferForm, problem: ProblemError | None = None) -> Reply:
        """One offer with its form; *problem* says why the last attempt was refused."""
        most = min(offer.max_per_order, offer.stock_left)
        page = self.page(
            "offer.html",
            offer=offer,
            form=form,
            cards=CARDS,
            shoppers=SHOPPERS,
            quantities=range(1, most + 1),
            on_sale=most > 0 and offer.starts_at <= self._clock.now() < offer.ends_at,
            problem=problem and _for_customers(problem),
        )
        return Reply(
            status=problem.problem.status if problem else 200,
            body=page.body,
            media_type=HTML,
            headers=guest_headers(form.user_guid),
            cache=_BACK_SHOWS_THE_SAME,
            # With no-referrer browsers send the form with "Origin: null", as a foreign site might.
            referrer=b"same-origin",
        )

    def order(self, order: Order) -> Reply:
        """The order page."""
        page = self.page("order.html", **self._order_parts(order))
        return Reply(200, page.body, HTML, ((b"vary", b"accept"),))

    def order_live(self, order: Order) -> bytes:
        """The part of the order page that changes."""
        return self._templates.get_template("order_live.html").render(self._order_parts(order)).encode()

    def problem(self, error: ProblemError) -> Reply:
        """A refusal, for people."""
        problem = error.problem
        page = self.page("problem.html", status=problem.status, title=problem.title, detail=error.detail)
        return Reply(problem.status, page.body, HTML, error.headers)

    def docs(self, api: Mapping[str, Any]) -> Reply:
        """The API's description."""
        return self.page("docs.html", api=api, problems=list(Problem))

    def _order_parts(self, order: Order) -> dict[str, Any]:
        view = order_view(order, self._voucher_secret())
        return {
            "order": order,
            "vouchers": view.vouchers,
            "shipments": view.shipments,
            "refunds": view.refunds,
            "journey": journey(order, self._clock.now()),
            "charged": wording.charged(order),
        }

    def form(self, template: str, problem: ProblemError | None, **values: Any) -> Reply:
        """A page with forms of its own; *problem* says why the last one was refused."""
        shown = problem and {"title": problem.problem.title, "detail": problem.detail, "type": problem.problem.slug}
        page = self.page(template, problem=shown, **values)
        return Reply(
            status=problem.problem.status if problem else 200,
            body=page.body,
            media_type=HTML,
            headers=problem.headers if problem else (),
            referrer=b"same-origin",  # as on the offer page
        )

    def page(self, template: str, **values: Any) -> Reply:
        """Renders *template*."""
        return Reply(200, self._templates.get_template(template).render(values).encode(), HTML)


def filter_url(city: str | None, category: str | None) -> str:
    """The front page with these filters."""
    query = urlencode({name: value for name, value in (("city", city), ("category", category)) if value})
    return f"/?{query}" if query else "/"


def _for_customers(error: ProblemError) -> dict[str, str]:
    """What the offer page says of a refusal: a customer who went back knows no header."""
    if error.problem is Problem.KEY_REUSED:
        detail = "you find that order in My vouchers; press Buy now again to order what is chosen here as well"
        return {"title": "You have ordered from this page before", "detail": detail}
    return {"title": error.problem.title, "detail": error.detail}


@lru_cache(maxsize=1_000)
def qr_svg(code: str) -> bytes:
    """*code* as a QR code, black on white, an SVG image."""
    import segno

    image = io.BytesIO()
    segno.make(code, micro=False, error="m").save(image, kind="svg", border=2, scale=8, light="#fff")
    return image.getvalue()


def _static_files() -> dict[str, StaticFile]:
    """All files by name; their URLs carry a digest, so that browsers may keep them for ever."""
    files: dict[str, StaticFile] = {}
    for entry in resources.files("order_processing.service").joinpath("static").iterdir():
        media_type = _TYPES.get(entry.name[entry.name.rfind(".") :])
        if media_type is not None:
            body = entry.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:12]
            reply = Reply(200, body, media_type, cache=_FOREVER)
            files[entry.name] = StaticFile(reply, f"/static/{entry.name}?v={digest}")
    return files
