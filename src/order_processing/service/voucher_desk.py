"""Vouchers at the merchant's, for its page and for its programs alike: checked, redeemed, undone, within limits."""

import asyncio

import msgspec

from order_processing.domain import (
    MerchantUser,
    RedemptionStandsError,
    Standing,
    VoucherRefusedError,
    standing,
    undoable_until,
)
from order_processing.operations import (
    Located,
    Services,
    UnknownVoucherError,
    locate_for,
    redeem_voucher,
    undo_redemption,
)
from order_processing.service import wording
from order_processing.service.problems import Problem, ProblemError
from order_processing.service.router import Request
from order_processing.service.throttle import Throttle, source_of

WRONG_SECONDS = 0.02
"""How long every unknown code takes to answer, whether it belongs to nobody, to someone else, or is no code at all."""

UNKNOWN = "we do not know this code; check it letter by letter"

_REFUSALS = {
    Standing.USED: Problem.VOUCHER_USED,
    Standing.EXPIRED: Problem.VOUCHER_EXPIRED,
    Standing.REVOKED: Problem.VOUCHER_REVOKED,
}


class VoucherCard(msgspec.Struct, frozen=True, kw_only=True):
    """One voucher as its merchant sees it: nothing of its buyer, and of its code the end only.

    Attributes:
        number, quantity: which of the order's vouchers it is.
        state: ``valid``, ``used``, ``expired`` or ``revoked``.
        redeemed_by: the merchant's own user.
        undo_until: before this instant whoever asked can undo the redemption; null otherwise.
    """

    title: str
    merchant: str
    city: str
    number: int
    quantity: int
    last4: str
    state: str
    expires_at: float
    time_zone: str
    redeemed_at: float | None
    redeemed_by: str
    undo_until: float | None


class VoucherDesk:
    """Answers merchants."""

    def __init__(self, services: Services, throttle: Throttle) -> None:
        self._services = services
        self._throttle = throttle

    async def check(self, request: Request, by: MerchantUser, code: str) -> VoucherCard:
        """What the voucher with *code* is worth now.

        Raises:
            ProblemError: this merchant has none, or there were too many tries.
        """
        return self._card(await self._found(request, by, code), by)

    async def redeem(self, request: Request, by: MerchantUser, code: str, redemption: str = "") -> VoucherCard:
        """Uses the voucher up; see ``redeem_voucher``.

        Raises:
            ProblemError: as for ``check``, or it is not valid.
        """
        found = await self._found(request, by, code)
        try:
            return self._card(await asyncio.to_thread(redeem_voucher, self._services, found, by, redemption), by)
        except VoucherRefusedError as error:
            raise _refused(error) from error

    async def undo(self, request: Request, by: MerchantUser, code: str) -> VoucherCard:
        """Takes the redemption back.

        Raises:
            ProblemError: as for ``check``, or the redemption stands.
        """
        found = await self._found(request, by, code)
        try:
            return self._card(await asyncio.to_thread(undo_redemption, self._services, found, by), by)
        except RedemptionStandsError as error:
            detail = "only who redeemed the voucher can undo it, within a minute"
            raise ProblemError(Problem.REDEMPTION_STANDS, detail) from error

    async def _found(self, request: Request, by: MerchantUser, code: str) -> Located:
        """Nothing waits between the question of the limits and the answer that counts, so no crowd slips through."""
        keys = (f"merchant {by.merchant}", source_of(request.scope))
        self._throttle.demand(*keys)
        clock = self._services.clock
        started = clock.monotonic()
        try:
            return locate_for(self._services, code, by)
        except UnknownVoucherError as error:
            self._throttle.wrong(*keys)
            await asyncio.sleep(max(0.0, WRONG_SECONDS - (clock.monotonic() - started)))
            raise ProblemError(Problem.UNKNOWN_VOUCHER, UNKNOWN) from error

    def _card(self, found: Located, by: MerchantUser) -> VoucherCard:
        order, voucher = found.order, found.voucher
        now = self._services.clock.now()
        worth = standing(voucher, now)
        assert worth is not None
        until = undoable_until(voucher, by)
        return VoucherCard(
            title=order.title,
            merchant=order.merchant,
            city=order.city,
            number=voucher.number,
            quantity=len(order.vouchers),
            last4=voucher.code_last4,
            state=worth.value,
            expires_at=voucher.expires_at,
            time_zone=voucher.time_zone,
            redeemed_at=voucher.redeemed_at,
            redeemed_by=voucher.redeemed_by.rpartition("/")[2],
            undo_until=until if until is not None and now < until else None,
        )


def _refused(error: VoucherRefusedError) -> ProblemError:
    """The refusal in words, of the voucher as it was at the moment it was refused."""
    assert error.standing is not None
    voucher = error.voucher
    words = {
        Standing.USED: f"this voucher was used on {wording.instant(voucher.redeemed_at or 0.0, voucher.time_zone)}",
        Standing.EXPIRED: f"this voucher was valid until {wording.instant(voucher.expires_at, voucher.time_zone)}",
        Standing.REVOKED: "this voucher was revoked; whoever shows it was told by the shop",
    }
    return ProblemError(_REFUSALS[error.standing], words[error.standing])
