"""The order service as one ASGI application: who may ask, which handler answers, how refusals look."""

import logging
from collections.abc import Callable

from order_processing.errors import TransientError
from order_processing.service.http import Receive, Reply, Scope, Send, header_values, problem_reply, send_reply
from order_processing.service.operator_api import OperatorApi
from order_processing.service.orders_api import OrdersApi
from order_processing.service.problems import Problem, ProblemError
from order_processing.service.router import Request, Route, Router
from order_processing.service.shop_api import ShopApi
from order_processing.service.upkeep_api import UpkeepApi
from order_processing.service.voucher_api import VoucherApi
from order_processing.service.wallet import Wallet

RETRY_AFTER_SECONDS = 1
LOCAL_NAMES = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})

_log = logging.getLogger(__name__)


def api_routes(orders: OrdersApi, shop: ShopApi, upkeep: UpkeepApi, vouchers: VoucherApi) -> tuple[Route, ...]:
    """What programs use; ``openapi.json`` describes exactly these."""
    return (
        Route("POST", "/orders", orders.place),
        Route("GET", "/orders/{order_id}", orders.see),
        Route("GET", "/orders/{order_id}/events", orders.events),
        Route("GET", "/offers", shop.offers),
        Route("POST", "/vouchers/checks", vouchers.check),
        Route("POST", "/vouchers/redemptions", vouchers.redeem),
        Route("POST", "/vouchers/reversals", vouchers.undo),
        Route("GET", "/healthz", upkeep.health),
        Route("GET", "/metrics", upkeep.metrics),
        Route("GET", "/openapi.json", upkeep.openapi),
    )


def operator_routes(operator: OperatorApi) -> tuple[Route, ...]:
    """What operators use; not part of the public description."""
    return (Route("GET", "/operator/orders", operator.orders),)


def page_routes(orders: OrdersApi, shop: ShopApi, upkeep: UpkeepApi, wallet: Wallet) -> tuple[Route, ...]:
    """What people's browsers use."""
    return (
        Route("GET", "/", shop.front),
        Route("GET", "/units/{unit_id}", shop.offer),
        Route("POST", "/units/{unit_id}", shop.buy),
        Route("GET", "/orders/{order_id}/live", orders.live),
        Route("GET", "/orders/{order_id}/vouchers/{number}.svg", orders.qr),
        Route("GET", "/orders/{order_id}/vouchers/{number}.pdf", orders.pdf),
        Route("GET", "/vouchers", wallet.page),
        Route("GET", "/docs", upkeep.docs),
        Route("GET", "/static/{name}", upkeep.static),
    )


class OrderServiceApp:
    """ASGI 3 application.

    Args:
        hosts: further names, besides those of this machine, under which the shop may be asked; without such a list a
            foreign site could reach it through a name that it points here.
        problem_page: a refusal as a page, for those who prefer HTML.
    """

    def __init__(self, router: Router, hosts: frozenset[bytes], problem_page: Callable[[ProblemError], Reply]) -> None:
        self._router = router
        self._hosts = LOCAL_NAMES | hosts
        self._problem_page = problem_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            self._demand_known_host(scope)
            reply = await self._router.answer(request)
        except ProblemError as error:
            reply = self._refusal(request, error)
        except TransientError as error:
            _log.warning("%s %s: %s", scope["method"], scope["path"], error)
            detail = "the order store does not answer; send the request again, with the same key if it places an order"
            reply = self._refusal(request, _with_retry(Problem.UNAVAILABLE, detail))
        except Exception:  # noqa: BLE001 - the edge: one request's bug must not show its insides, nor end the others
            _log.exception("%s %s failed", scope["method"], scope["path"])
            reply = self._refusal(request, _with_retry(Problem.UNEXPECTED, "this is our fault; try again in a moment"))
        if reply is not None and not request.started:
            await send_reply(send, reply)

    def _refusal(self, request: Request, error: ProblemError) -> Reply:
        return self._problem_page(error) if request.wants_page() else problem_reply(error)

    def _demand_known_host(self, scope: Scope) -> None:
        hosts = header_values(scope, b"host")
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            raise ProblemError(Problem.UNKNOWN_HOST, "this site has other names; use the address it printed")


def _name(host: bytes) -> bytes:
    name, colon, port = host.rpartition(b":")
    return name.lower() if colon and port.isdigit() else host.lower()


def _with_retry(problem: Problem, detail: str) -> ProblemError:
    return ProblemError(problem, detail, headers=((b"retry-after", b"%d" % RETRY_AFTER_SECONDS),))
