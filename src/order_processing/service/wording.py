"""Amounts, instants and stock in the words of the shop's pages."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from order_processing.domain import EXPONENTS, Money, Order, OrderStatus, Outcome, captured_net_minor
from order_processing.service.journey import StepState
from order_processing.service.views import OfferView, RefundView, VoucherView

FEW_LEFT = 10
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}

_SPOKEN = {
    StepState.DONE: "done",
    StepState.CURRENT: "in progress",
    StepState.WAITING: "still to come",
    StepState.STOPPED: "stopped here",
}
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def amount(money: Money) -> str:
    """``$1,250.00``, or with the currency's code where it has no symbol here."""
    places = EXPONENTS[money.currency]
    whole, rest = divmod(abs(money.amount_minor), 10**places)
    number = f"{whole:,}" + (f".{rest:0{places}d}" if places else "")
    sign = "-" if money.amount_minor < 0 else ""
    symbol = SYMBOLS.get(money.currency)
    return f"{sign}{symbol}{number}" if symbol else f"{money.currency} {sign}{number}"


def price(offer: OfferView, quantity: int = 1) -> str:
    """What *quantity* units cost."""
    return amount(Money(offer.price_minor * quantity, offer.currency))


def total(order: Order) -> str:
    """What the whole order costs."""
    return amount(order.amount)


def charged(order: Order) -> str | None:
    """What was taken of an order that was delivered in part; None for any other."""
    if order.status is not OrderStatus.PARTIALLY_FULFILLED:
        return None
    return amount(Money(captured_net_minor(order.payments), order.amount.currency))


def stock(offer: OfferView) -> str:
    """How many units are left, exact only when it matters."""
    if offer.stock_left == 0:
        return "Sold out"
    return f"Only {offer.stock_left} left" if offer.stock_left <= FEW_LEFT else f"{offer.stock_left:,} left"


def stock_tone(offer: OfferView) -> str:
    """Style of the stock: ``none``, ``few`` or ``many``."""
    if offer.stock_left == 0:
        return "none"
    return "few" if offer.stock_left <= FEW_LEFT else "many"


def ends_in(now: Callable[[], float]) -> Callable[[OfferView], str]:
    """The filter that says when a sale ends, in the largest unit that fits."""

    def words(offer: OfferView) -> str:
        if offer.starts_at > now():
            return f"Starts in {_span(offer.starts_at - now())}"
        left = offer.ends_at - now()
        if left <= 0:
            return "Sale is over"
        return f"Ends in {_span(left)}" if left < 365 * 86_400 else "No end date"

    return words


def duration(milliseconds: int) -> str:
    """``38 ms``, ``2.4 s`` or ``3 min 5 s``."""
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1_000:.1f} s"
    minutes, rest = divmod(round(milliseconds / 1_000), 60)
    return f"{minutes} min {rest} s"


def instant(at: float, time_zone: str) -> str:
    """``3 May 2026, 14:02 CDT``: an instant as clocks in *time_zone* show it."""
    return f"{datetime.fromtimestamp(at, ZoneInfo(time_zone)):%-d %B %Y, %H:%M %Z}"


def ordered_at(order: Order) -> str:
    """When the order was placed, as clocks in its city showed it."""
    return f"{datetime.fromtimestamp(order.created_at, ZoneInfo(order.time_zone)):%-d %B %Y, %H:%M:%S %Z}"


def refunded(refund: RefundView, order: Order) -> str:
    """What became of money on its way back: how much, and when it was sent."""
    much = amount(Money(refund.amount_minor, order.amount.currency))
    if refund.outcome == Outcome.UNKNOWN.value:
        return f"{much} is being refunded; we are waiting for the bank"
    day = f"{datetime.fromtimestamp(refund.at, ZoneInfo(order.time_zone)):%-d %B %Y}"
    return f"{much} refunded on {day}, 1 to 5 days on your statement"


def valid_until(voucher: VoucherView) -> str:
    """The last day a voucher can be used, in its city."""
    return f"{datetime.fromtimestamp(voucher.expires_at, ZoneInfo(voucher.time_zone)):%A, %-d %B %Y}"


def worth(voucher: VoucherView, now: float) -> str:
    """How a voucher stands: ``issued``, ``redeemed``, ``revoked`` as stored, or ``expired``."""
    return "expired" if voucher.state == "issued" and now >= voucher.expires_at + 1 else voucher.state


def spoken(state: StepState) -> str:
    """How a step stands, for those who do not see it."""
    return _SPOKEN[state]


def sentence(detail: str) -> str:
    """A problem's detail as a sentence of its own."""
    return f"{detail[:1].upper()}{detail[1:]}."


def _span(seconds: float) -> str:
    for size, unit in _UNITS:
        count = int(seconds // size)
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"
