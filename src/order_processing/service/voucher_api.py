"""``/vouchers``: what merchants' programs and operators do with vouchers."""

import hashlib
import re
from collections.abc import Awaitable, Callable

import msgspec

from order_processing.domain import MerchantUser, UnknownOrderError, VoucherRefusedError, standing
from order_processing.operations import Located, Services, UnknownVoucherError, locate_voucher, void_voucher
from order_processing.service.fields import json_texts
from order_processing.service.http import JSON, Reply, header
from order_processing.service.merchants import Merchants
from order_processing.service.operators import Operators
from order_processing.service.problems import Problem, ProblemError, field_problem
from order_processing.service.router import Request
from order_processing.service.voucher_desk import VoucherCard, VoucherDesk

_NUMBER = re.compile(r"[0-9]{1,6}")


class VoucherApi:
    """Handlers for merchants; each asks for ``Authorization: Bearer`` with a merchant's token first.

    Codes travel in bodies only: addresses end up in logs.
    """

    def __init__(self, desk: VoucherDesk, merchants: Merchants) -> None:
        self._desk = desk
        self._merchants = merchants
        self._encode = msgspec.json.Encoder().encode

    async def check(self, request: Request) -> Reply:
        """``POST /vouchers/checks``."""
        return await self._answer(request, 200, self._desk.check)

    async def redeem(self, request: Request) -> Reply:
        """``POST /vouchers/redemptions``; with an ``Idempotency-Key`` the same request again is the same redemption."""
        key = header(request.scope, b"idempotency-key")
        redemption = hashlib.sha256(key).hexdigest() if key else ""

        async def redeem(request: Request, by: MerchantUser, code: str) -> VoucherCard:
            return await self._desk.redeem(request, by, code, redemption)

        return await self._answer(request, 201, redeem)

    async def undo(self, request: Request) -> Reply:
        """``POST /vouchers/reversals``."""
        return await self._answer(request, 200, self._desk.undo)

    async def _answer(
        self, request: Request, status: int, act: Callable[[Request, MerchantUser, str], Awaitable[VoucherCard]]
    ) -> Reply:
        by = self._merchants.with_bearer(request)
        fields = await json_texts(request, ("code",))
        return Reply(status, self._encode(await act(request, by, fields["code"])), JSON)


class OperatorVoucherView(msgspec.Struct, frozen=True, kw_only=True):
    """One voucher as operators see it; of its code the end only.

    Attributes:
        standing: what it is worth now; "" before it is issued.
    """

    order_id: str
    number: int
    title: str
    merchant: str
    city: str
    code: str
    state: str
    standing: str
    expires_at: float
    time_zone: str
    redeemed_at: float | None
    redeemed_by: str
    order_status: str


class OperatorVoucherApi:
    """Handlers for operators."""

    def __init__(self, services: Services, operators: Operators) -> None:
        self._services = services
        self._operators = operators
        self._encode = msgspec.json.Encoder().encode

    async def show(self, request: Request) -> Reply:
        """``POST /operator/vouchers/shown`` with ``code`` or ``order_id``: the voucher, or all of the order's."""
        self._operators.demand_token(request)
        fields = await json_texts(request, (), ("code", "order_id"))
        if len(fields) != 1:
            raise field_problem(Problem.INVALID_FIELD, "/code", "send either code or order_id")
        found = [self._located(fields["code"])] if "code" in fields else self._of_order(fields["order_id"])
        return Reply(200, self._encode([self._view(each) for each in found]), JSON)

    async def void(self, request: Request) -> Reply:
        """``POST /operator/vouchers/voids`` with ``order_id``, ``number``, ``actor``, ``reason``."""
        self._operators.demand_token(request)
        fields = await json_texts(request, ("order_id", "number", "actor", "reason"))
        if not _NUMBER.fullmatch(fields["number"]):
            raise field_problem(Problem.INVALID_FIELD, "/number", "is the voucher's number in its order, such as 1")
        number = int(fields["number"])
        try:
            voided = void_voucher(
                self._services, fields["order_id"], number, by=fields["actor"], reason=fields["reason"]
            )
        except UnknownOrderError as error:
            raise ProblemError(Problem.UNKNOWN_ORDER, str(error)) from error
        except UnknownVoucherError as error:
            raise ProblemError(Problem.UNKNOWN_VOUCHER, f"this order has no voucher {number}") from error
        except VoucherRefusedError as error:
            raise ProblemError(Problem.VOUCHER_USED, str(error)) from error
        return Reply(200, self._encode(self._view(voided)), JSON)

    def _located(self, code: str) -> Located:
        try:
            return locate_voucher(self._services, code)
        except UnknownVoucherError as error:
            raise ProblemError(Problem.UNKNOWN_VOUCHER, str(error)) from error

    def _of_order(self, order_id: str) -> list[Located]:
        order = self._services.store.order(order_id)
        if order is None:
            raise ProblemError(Problem.UNKNOWN_ORDER, "there is no order with this id; check it")
        return [Located(order, voucher) for voucher in order.vouchers]

    def _view(self, found: Located) -> OperatorVoucherView:
        order, voucher = found.order, found.voucher
        worth = standing(voucher, self._services.clock.now())
        return OperatorVoucherView(
            order_id=order.order_id,
            number=voucher.number,
            title=order.title,
            merchant=order.merchant,
            city=order.city,
            code=f"****-****-****-{voucher.code_last4}",
            state=voucher.state.value,
            standing="" if worth is None else worth.value,
            expires_at=voucher.expires_at,
            time_zone=voucher.time_zone,
            redeemed_at=voucher.redeemed_at,
            redeemed_by=voucher.redeemed_by,
            order_status=order.status.value,
        )
