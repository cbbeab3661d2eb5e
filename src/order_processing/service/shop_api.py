"""What is on sale, as data and as pages, and the form that buys it."""

from collections.abc import Collection

import msgspec

from order_processing.domain import CITIES, Category
from order_processing.ids import Ids
from order_processing.service.forms import again, guest_of, key_of, order_of, read_form
from order_processing.service.http import Reply
from order_processing.service.pages import Pages
from order_processing.service.placing import Placing
from order_processing.service.problems import Problem, ProblemError, field_problem
from order_processing.service.router import Request
from order_processing.service.sandbox import OfferForm
from order_processing.service.throttle import address_of
from order_processing.service.views import OfferView, offer_view
from order_processing.service.wallet import Wallet
from order_processing.stores import OrderStore

FILTERS = ("city", "category")


class ShopApi:
    """Handlers of offers, their pages and the buy form."""

    def __init__(self, store: OrderStore, placing: Placing, pages: Pages, wallet: Wallet, ids: Ids) -> None:
        self._store = store
        self._placing = placing
        self._pages = pages
        self._wallet = wallet
        self._ids = ids

    async def offers(self, request: Request) -> Reply:
        """``GET /offers``."""
        return Reply(200, msgspec.json.encode(self._offers(request.query(FILTERS))))

    async def front(self, request: Request) -> Reply:
        """``GET /``."""
        chosen = request.query(FILTERS, ignores_others=True)
        return self._pages.offers(self._offers(chosen), chosen.get("city"), chosen.get("category"))

    async def offer(self, request: Request) -> Reply:
        """``GET /units/{unit_id}``."""
        guest = guest_of(request.scope) or self._ids.order_id()
        return self._pages.offer(self._offer(request), OfferForm(self._ids.order_id(), guest))

    async def buy(self, request: Request) -> Reply:
        """``POST /units/{unit_id}``: the buy form; to the order's page, or the form again with the reason."""
        form = await read_form(request)
        unit_id = request.parameters["unit_id"]
        try:
            placed = await self._placing.place(order_of(form, unit_id), key_of(form), address_of(request.scope))
        except ProblemError as error:
            self._placing.refused(error)
            return self._pages.offer(self._offer(request), again(form, error, self._ids.order_id()), error)
        order_id = placed.order.order_id
        kept = (b"set-cookie", self._wallet.with_order(request.scope, order_id))
        return Reply(303, b"", headers=((b"location", b"/orders/" + order_id.encode()), kept))

    def _offers(self, chosen: dict[str, str]) -> list[OfferView]:
        _demand_known(chosen, "city", list(CITIES))
        _demand_known(chosen, "category", [each.value for each in Category])
        views = map(offer_view, self._store.offers())
        return [view for view in views if all(getattr(view, name) == value for name, value in chosen.items())]

    def _offer(self, request: Request) -> OfferView:
        offer = self._store.offer(request.parameters["unit_id"])
        if offer is None:
            raise ProblemError(Problem.UNKNOWN_OFFER, "there is no such offer; the front page lists what is on sale")
        return offer_view(offer)


def _demand_known(chosen: dict[str, str], name: str, known: Collection[str]) -> None:
    if name in chosen and chosen[name] not in known:
        raise field_problem(Problem.INVALID_FIELD, name, f"{name} is one of: {', '.join(known)}")
