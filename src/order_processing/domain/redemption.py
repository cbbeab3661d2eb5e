"""What becomes of issued vouchers: redeemed once, undone within a minute, revoked."""

from collections.abc import Mapping

import msgspec

from order_processing.domain.lifecycle import changed
from order_processing.domain.orders import Order, TimelineEntry, noted
from order_processing.domain.vouchers import Standing, Voucher, VoucherState, standing
from order_processing.errors import RefusedError

UNDO_SECONDS = 60.0


class MerchantUser(msgspec.Struct, frozen=True):
    """Somebody who redeems for a merchant.

    Attributes:
        merchant: as offers name it, alone for all its cities, or as ``Lumen Studio, Austin`` for one of them.
        user: who it is there, such as ``till``.
    """

    merchant: str
    user: str

    def __str__(self) -> str:
        return f"{self.merchant}/{self.user}"

    def serves(self, order: Order) -> bool:
        """Whether the vouchers of *order* are this merchant's to redeem."""
        return self.merchant in (order.merchant, f"{order.merchant}, {order.city}")


class VoucherRefusedError(RefusedError):
    """A voucher that is not valid, or not any more, can be neither redeemed nor revoked.

    Attributes:
        standing: why not.
    """

    def __init__(self, order_id: str, voucher: Voucher, found: Standing | None) -> None:
        what = "not issued" if found is None else _WORDS[found]
        super().__init__(f"voucher {voucher.number} of order {order_id} is {what}; look at the order's timeline")
        self.order_id = order_id
        self.voucher = voucher
        self.standing = found


class RedemptionStandsError(RefusedError):
    """A redemption is undone only by the user who made it, and only within ``UNDO_SECONDS``."""

    def __init__(self, order_id: str, voucher: Voucher) -> None:
        super().__init__(
            f"the redemption of voucher {voucher.number} of order {order_id} stands; only who made it can undo it, "
            f"within {UNDO_SECONDS:g} s"
        )
        self.order_id = order_id
        self.voucher = voucher


_WORDS: Mapping[Standing, str] = {
    Standing.VALID: "valid",
    Standing.USED: "used already",
    Standing.EXPIRED: "expired",
    Standing.REVOKED: "revoked",
}


def voucher_of(order: Order, number: int) -> Voucher | None:
    """Voucher *number* of *order*, whatever its state."""
    return next((voucher for voucher in order.vouchers if voucher.number == number), None)


def has_redeemed(order: Order) -> bool:
    """Whether a voucher of *order* was used, which leaves a refund to a person."""
    return any(voucher.state is VoucherState.REDEEMED for voucher in order.vouchers)


def redeemed(order: Order, number: int, at: float, by: MerchantUser, redemption: str) -> Order:
    """*order* with one voucher used.

    Raises:
        VoucherRefusedError: it is not valid at this instant.
    """
    voucher = _demand_valid(order, number, at)
    used = changed(voucher, state=VoucherState.REDEEMED, redeemed_at=at, redeemed_by=str(by), redemption=redemption)
    return _with(order, used, TimelineEntry(at, "voucher_redeemed", str(by), f"voucher {number}"))


def undoable_until(voucher: Voucher, by: MerchantUser) -> float | None:
    """The instant before which *by* can undo the voucher's redemption; None: it is not his, or there is none."""
    if voucher.state is not VoucherState.REDEEMED or voucher.redeemed_at is None or voucher.redeemed_by != str(by):
        return None
    return voucher.redeemed_at + UNDO_SECONDS


def redemption_undone(order: Order, number: int, at: float, by: MerchantUser) -> Order:
    """*order* with one voucher as it was before its redemption.

    Raises:
        RedemptionStandsError: too late, or somebody else's.
    """
    voucher = voucher_of(order, number)
    assert voucher is not None
    until = undoable_until(voucher, by)
    if until is None or at >= until:
        raise RedemptionStandsError(order.order_id, voucher)
    unused = changed(voucher, state=VoucherState.ISSUED, redeemed_at=None, redeemed_by="", redemption="")
    return _with(order, unused, TimelineEntry(at, "redemption_undone", str(by), f"voucher {number}"))


def voucher_voided(order: Order, number: int, at: float, *, by: str, reason: str) -> Order:
    """*order* with one voucher revoked by a person; the money is another matter.

    Raises:
        VoucherRefusedError: it is used, revoked already, or was never issued; an expired one may be revoked.
    """
    voucher = voucher_of(order, number)
    assert voucher is not None
    found = standing(voucher, at)
    if found not in (Standing.VALID, Standing.EXPIRED):
        raise VoucherRefusedError(order.order_id, voucher, found)
    revoked = changed(voucher, state=VoucherState.REVOKED, revoked_by=by)
    return _with(order, revoked, TimelineEntry(at, "voucher_revoked", by, f"voucher {number}: {reason}"))


def _demand_valid(order: Order, number: int, at: float) -> Voucher:
    voucher = voucher_of(order, number)
    assert voucher is not None
    found = standing(voucher, at)
    if found is not Standing.VALID:
        raise VoucherRefusedError(order.order_id, voucher, found)
    return voucher


def _with(order: Order, voucher: Voucher, entry: TimelineEntry) -> Order:
    vouchers = tuple(voucher if known.number == voucher.number else known for known in order.vouchers)
    return noted(changed(order, vouchers=vouchers), entry)
