"""Where people stand who are not buyers: merchants at their tills, reviewers at their queue, packers."""

from dataclasses import dataclass

from order_processing.operations import Services
from order_processing.service.callbacks import TaskCallbacks
from order_processing.service.merchant_pages import MerchantPages
from order_processing.service.merchants import Merchants
from order_processing.service.operators import Operators
from order_processing.service.pages import Pages
from order_processing.service.review_api import ReviewApi, ReviewPages
from order_processing.service.review_desk import ReviewDesk
from order_processing.service.router import Route
from order_processing.service.sessions import Seal
from order_processing.service.settings import Settings
from order_processing.service.shipment_api import ShipmentApi
from order_processing.service.throttle import Throttle
from order_processing.service.voucher_api import OperatorVoucherApi, VoucherApi
from order_processing.service.voucher_desk import VoucherDesk


@dataclass(frozen=True, slots=True)
class Desks:
    """All desks of one service process; they share one throttle.

    Attributes:
        vouchers: what merchants' programs use, part of the public API.
        routes: everything else.
    """

    vouchers: VoucherApi
    routes: tuple[Route, ...]


def open_desks(
    services: Services, settings: Settings, pages: Pages, operators: Operators, callbacks: TaskCallbacks
) -> Desks:
    """Puts the desks together."""
    throttle = Throttle(services.clock.now)
    merchants = Merchants(settings.merchants_file, Seal(services.voucher_secret, "merchant"), services.clock, throttle)
    desk = VoucherDesk(services, throttle)
    reviews = ReviewDesk(services, callbacks)
    review_pages = ReviewPages(reviews, operators, pages, throttle)
    return Desks(
        vouchers=VoucherApi(desk, merchants),
        routes=(
            *merchant_routes(MerchantPages(desk, merchants, pages, services.ids)),
            *operator_voucher_routes(OperatorVoucherApi(services, operators)),
            *shipment_routes(ShipmentApi(services, operators, callbacks)),
            *review_routes(ReviewApi(reviews, operators, review_pages), review_pages),
        ),
    )


def merchant_routes(pages: MerchantPages) -> tuple[Route, ...]:
    """The page at the till."""
    return (
        Route("GET", "/merchant", pages.home),
        Route("POST", "/merchant/session", pages.sign_in),
        Route("POST", "/merchant/session/end", pages.sign_out),
        Route("POST", "/merchant/check", pages.check),
        Route("POST", "/merchant/redeem", pages.redeem),
        Route("POST", "/merchant/undo", pages.undo),
    )


def operator_voucher_routes(api: OperatorVoucherApi) -> tuple[Route, ...]:
    """What operators do with vouchers."""
    return (
        Route("POST", "/operator/vouchers/shown", api.show),
        Route("POST", "/operator/vouchers/voids", api.void),
    )


def shipment_routes(api: ShipmentApi) -> tuple[Route, ...]:
    """Where the warehouse says what it has sent."""
    return (
        Route("GET", "/operator/shipments", api.waiting),
        Route("POST", "/operator/shipments/{order_id}", api.ship),
    )


def review_routes(api: ReviewApi, pages: ReviewPages) -> tuple[Route, ...]:
    """The review queue."""
    return (
        Route("GET", "/operator/reviews", api.reviews),
        Route("POST", "/operator/reviews/{order_id}/claim", api.claim),
        Route("POST", "/operator/reviews/{order_id}/decision", api.decide),
        Route("POST", "/operator/session", pages.sign_in),
        Route("POST", "/operator/session/end", pages.sign_out),
        Route("POST", "/operator/reviews/claim", pages.claim),
        Route("POST", "/operator/reviews/decide", pages.decide),
    )
