"""Vouchers at the merchant's: looked up by their code, redeemed once, undone, revoked."""

from dataclasses import dataclass

from order_processing.domain import (
    AuditEntry,
    MerchantUser,
    Order,
    Voucher,
    VoucherState,
    code_hash,
    redeemed,
    redemption_undone,
    standing,
    voucher_of,
    voucher_voided,
)
from order_processing.errors import RefusedError
from order_processing.operations.context import Change, Services, change, load
from order_processing.stores import PutAudit

CODE_LENGTH_MAX = 64
"""Longer than any way to type a code; what is longer is no code."""


class UnknownVoucherError(RefusedError):
    """No voucher that the asker may know of has this code; says nothing else about it, on purpose."""

    def __init__(self) -> None:
        super().__init__("there is no voucher with this code here; check it letter by letter")


@dataclass(frozen=True, slots=True)
class Located:
    """A voucher and the order it belongs to."""

    order: Order
    voucher: Voucher


def locate_voucher(services: Services, code: str) -> Located:
    """The issued voucher that has *code*, however it was typed.

    Raises:
        UnknownVoucherError: none has.
    """
    wanted = code_hash(services.voucher_secret(), code[: CODE_LENGTH_MAX + 1])
    order_id = services.store.order_id_of_voucher(wanted)
    order = None if order_id is None else services.store.order(order_id)
    if order is None:
        raise UnknownVoucherError
    for voucher in order.vouchers:
        if voucher.code_hash == wanted and standing(voucher, services.clock.now()) is not None:
            return Located(order, voucher)
    raise UnknownVoucherError


def locate_for(services: Services, code: str, by: MerchantUser) -> Located:
    """Like ``locate_voucher``, for a merchant: another one's voucher is as unknown as one that does not exist.

    Raises:
        UnknownVoucherError: this merchant has no such voucher.
    """
    found = locate_voucher(services, code)
    if not by.serves(found.order):
        raise UnknownVoucherError
    return found


def redeem_voucher(services: Services, found: Located, by: MerchantUser, redemption: str = "") -> Located:
    """Uses a voucher up, once, whoever tries at the same moment: the order's version decides.

    Args:
        redemption: the merchant's name for it; the same user with the same name gets the same redemption again.

    Raises:
        VoucherRefusedError: it is used, expired or revoked.
    """
    number = found.voucher.number

    def step(order: Order) -> Order | None:
        voucher = voucher_of(order, number)
        if voucher is not None and _is_same(voucher, by, redemption):
            return None
        return redeemed(order, number, services.clock.now(), by, redemption)

    return _located(change(services, found.order.order_id, step), number)


def undo_redemption(services: Services, found: Located, by: MerchantUser) -> Located:
    """Takes a redemption back, within a minute and by the user who made it.

    Raises:
        RedemptionStandsError: too late, or somebody else's.
    """
    number = found.voucher.number

    def step(order: Order) -> Order:
        return redemption_undone(order, number, services.clock.now(), by)

    return _located(change(services, found.order.order_id, step), number)


def void_voucher(services: Services, order_id: str, number: int, *, by: str, reason: str) -> Located:
    """Revokes a voucher for good, on an operator's word.

    Raises:
        UnknownOrderError, UnknownVoucherError: there is no such order, or it has no such voucher.
        VoucherRefusedError: it was used, or is revoked already.
    """
    if voucher_of(load(services, order_id), number) is None:
        raise UnknownVoucherError
    audit_id = services.ids.order_id()

    def step(order: Order) -> Change:
        at = services.clock.now()
        entry = AuditEntry(
            audit_id=audit_id,
            at=at,
            actor=by,
            action="void-voucher",
            subject=order_id,
            reason=reason,
            before={"voucher": number, "state": _state(order, number)},
            after={"voucher": number, "state": VoucherState.REVOKED.value},
        )
        return Change(voucher_voided(order, number, at, by=by, reason=reason), (PutAudit(entry),))

    return _located(change(services, order_id, step), number)


def _state(order: Order, number: int) -> str:
    voucher = voucher_of(order, number)
    return "" if voucher is None else voucher.state.value


def _is_same(voucher: Voucher, by: MerchantUser, redemption: str) -> bool:
    named = redemption != "" and voucher.redemption == redemption
    return named and voucher.state is VoucherState.REDEEMED and voucher.redeemed_by == str(by)


def _located(order: Order, number: int) -> Located:
    voucher = voucher_of(order, number)
    assert voucher is not None
    return Located(order, voucher)
