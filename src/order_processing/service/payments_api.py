"""``/operator/payments`` and refunds: what operators do about money; every act names who does it and why."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from order_processing.domain import (
    NOT_ASKED_FOR,
    Act,
    Alert,
    Breaker,
    BreakerState,
    Order,
    PaymentAttempt,
    RefundMismatchError,
    RefundRequest,
    captured_net_minor,
    refunds_for,
)
from order_processing.operations import (
    PaymentUnknownError,
    Services,
    breaker_of,
    close_breaker,
    load,
    open_alerts,
    open_breaker,
    open_payments,
    record_act,
    refund,
    resolve,
    resolve_alert,
    resolve_unknown,
)
from order_processing.service import strict_json
from order_processing.service.acting import told
from order_processing.service.fields import json_texts
from order_processing.service.http import JSON, Reply, demand_media_type, header_values, read_body
from order_processing.service.operator_api import number
from order_processing.service.operators import Operators
from order_processing.service.problems import FieldError, Problem, ProblemError, field_problem
from order_processing.service.requests import idempotency_key
from order_processing.service.router import Request, Route

LIMIT_USUAL = 100
LIMIT_MAX = 1_000
ACTOR = "operator"
"""Who acts when a request does not say."""


class RefundView(msgspec.Struct, frozen=True):
    """One refund of an order; ``outcome`` is unknown until the provider has said what became of it."""

    key: str
    amount_minor: int
    units: tuple[int, ...]
    outcome: str
    at: float
    reason: str
    detail: str


class RefundedView(msgspec.Struct, frozen=True):
    """An order after a refund; ``paid_minor`` is what the customer has paid and not got back."""

    order_id: str
    status: str
    currency: str
    paid_minor: int
    refunds: list[RefundView]


class OpenPaymentRow(msgspec.Struct, frozen=True):
    """An attempt whose outcome is not known, or money that must go back and has not.

    Attributes:
        purpose: of the attempt; ``undo`` when something must go back that nobody asks the provider about just now.
        seconds: how long that is so.
    """

    order_id: str
    status: str
    purpose: str
    key: str
    amount_minor: int
    at: float
    seconds: float
    detail: str


class PaymentsApi:
    """Handlers; every one of them asks for ``Authorization: Bearer TOKEN`` first."""

    def __init__(self, services: Services, operators: Operators) -> None:
        self._services = services
        self._operators = operators
        self._encode = msgspec.json.Encoder().encode

    @property
    def routes(self) -> tuple[Route, ...]:
        """Everything here; not part of the public description."""
        return (
            Route("POST", "/operator/orders/{order_id}/refunds", self.refund),
            Route("GET", "/operator/payments/unknown", self.unknown),
            Route("POST", "/operator/payments/unknown", self.resolve),
            Route("GET", "/operator/payments/breaker", self.breaker),
            Route("POST", "/operator/payments/breaker", self.move_breaker),
            Route("GET", "/operator/payments/alerts", self.alerts),
            Route("POST", "/operator/payments/alerts/{alert_id}", self.resolve_alert),
        )

    async def refund(self, request: Request) -> Reply:
        """``POST /operator/orders/{order_id}/refunds``: pays back, once per ``Idempotency-Key``.

        Body: ``reason``; ``amount_minor`` or ``units`` (numbers of units, from 1), everything that is left without;
        ``actor``. 201 when it is paid back, 202 while that is not known: the same request again finds out.
        """
        self._operators.demand_token(request)
        key = _refund_key(header_values(request.scope, b"idempotency-key"))
        wanted = await _refund_request(request, key)
        order_id = request.parameters["order_id"]
        status, order = await told(lambda: self._refunded(order_id, wanted))
        return Reply(status, self._encode(_refunded_view(order, wanted.key)), JSON)

    async def unknown(self, request: Request) -> Reply:
        """``GET /operator/payments/unknown``: open payments, the oldest first. Query: ``limit`` (at most 1000)."""
        self._operators.demand_token(request)
        limit = int(number(request.query(("limit",)), "limit", LIMIT_USUAL, LIMIT_MAX, least=1))
        orders = await told(lambda: open_payments(self._services, limit))
        now = self._services.clock.now()
        rows = sorted((row for order in orders for row in _open_rows(order, now)), key=lambda row: row.at)
        return Reply(200, self._encode(rows), JSON)

    async def resolve(self, request: Request) -> Reply:
        """``POST /operator/payments/unknown``: works the queue off now, or one order of it, as the job does.

        Body: ``actor``, ``reason``; ``order_id``, of which also that is tried again which was refused too often.
        """
        self._operators.demand_token(request)
        fields = await json_texts(request, ("actor", "reason"), ("order_id",))
        act = Act(fields["actor"], fields["reason"])
        answer = await told(lambda: self._resolved(act, fields.get("order_id", "")))
        return Reply(200, self._encode(answer), JSON)

    async def breaker(self, request: Request) -> Reply:
        """``GET /operator/payments/breaker``: how the circuit breaker of the payment provider stands."""
        self._operators.demand_token(request)
        return Reply(200, self._encode(await told(lambda: _breaker_view(breaker_of(self._services)))), JSON)

    async def move_breaker(self, request: Request) -> Reply:
        """``POST /operator/payments/breaker``: opens or closes it by hand. Body: ``state``, ``actor``, ``reason``."""
        self._operators.demand_token(request)
        fields = await json_texts(request, ("state", "actor", "reason"))
        if fields["state"] not in _MOVES:
            raise field_problem(Problem.INVALID_FIELD, "/state", f"is one of {', '.join(_MOVES)}")
        act = Act(fields["actor"], fields["reason"])
        breaker = await told(lambda: self._moved(fields["state"], act))
        return Reply(200, self._encode(_breaker_view(breaker)), JSON)

    async def alerts(self, request: Request) -> Reply:
        """``GET /operator/payments/alerts``: alerts nobody has resolved, the oldest first. Query: ``limit``."""
        self._operators.demand_token(request)
        limit = int(number(request.query(("limit",)), "limit", LIMIT_USUAL, LIMIT_MAX, least=1))
        return Reply(200, self._encode(await told(lambda: open_alerts(self._services, limit))), JSON)

    async def resolve_alert(self, request: Request) -> Reply:
        """``POST /operator/payments/alerts/{alert_id}``: marks one as seen to. Body: ``actor``, ``reason``."""
        self._operators.demand_token(request)
        fields = await json_texts(request, ("actor", "reason"))
        act = Act(fields["actor"], fields["reason"])
        alert: Alert = await told(lambda: resolve_alert(self._services, request.parameters["alert_id"], act))
        return Reply(200, self._encode(alert), JSON)

    def _refunded(self, order_id: str, wanted: RefundRequest) -> tuple[int, Order]:
        try:
            return 201, refund(self._services, order_id, wanted)
        except PaymentUnknownError:
            return 202, load(self._services, order_id)
        except RefundMismatchError as error:
            raise field_problem(Problem.KEY_REUSED, "Idempotency-Key", str(error)) from error

    def _resolved(self, act: Act, order_id: str) -> dict[str, Any]:
        subject = order_id or f"payments/{self._services.gateway}"
        record_act(self._services, "resolve-payments", subject, act, after={})
        if not order_id:
            return resolve_unknown(self._services).as_json()
        order = resolve(self._services, order_id, insist=True)
        return {"order_id": order_id, "status": order.status.value, "paid_minor": captured_net_minor(order.payments)}

    def _moved(self, state: str, act: Act) -> Breaker:
        services = self._services
        record_act(services, f"{state}-breaker", f"payments/{services.gateway}", act, after={"state": state})
        return _MOVES[state](services, by=act.actor, reason=act.reason)


_MOVES: Mapping[str, Callable[..., Breaker]] = {"open": open_breaker, "closed": close_breaker}


def _refund_key(values: list[bytes]) -> str:
    """As of an order; refuses what the domain would, which gets the hash and so cannot know it again."""
    key = idempotency_key(values)
    text = values[0].decode()
    if text in NOT_ASKED_FOR:
        detail = f"{text!r} stands for refunds that nobody asked for; use another key"
        raise field_problem(Problem.INVALID_FIELD, "Idempotency-Key", detail)
    return key


async def _refund_request(request: Request, key: str) -> RefundRequest:
    demand_media_type(request.scope, JSON)
    document = strict_json.parse(await read_body(request.scope, request.receive))
    if not isinstance(document, dict):
        raise field_problem(Problem.INVALID_FIELD, "", "must be an object")
    errors = [FieldError(strict_json.pointer(name), detail) for name, detail in _refund_errors(document)]
    if errors:
        detail = "; ".join(f"{each.field} {each.detail}" for each in errors)
        raise ProblemError(Problem.INVALID_FIELD, detail[:1000], errors=errors)
    return RefundRequest(
        key=key,
        by=document.get("actor", ACTOR),
        reason=document["reason"],
        amount_minor=document.get("amount_minor"),
        units=tuple(document.get("units", ())),
    )


def _refund_errors(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    errors = [(name, "is missing") for name in ("reason",) if name not in document]
    errors += [
        (name, "is not known here" if name not in _REFUND_CHECKS else _REFUND_CHECKS[name][1])
        for name, value in document.items()
        if name not in _REFUND_CHECKS or not _REFUND_CHECKS[name][0](value)
    ]
    if "amount_minor" in document and "units" in document:
        errors.append(("units", "cannot be named together with amount_minor"))
    return errors


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 500


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10**12


_REFUND_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "reason": (_is_text, "must be a text of 1 to 500 characters"),
    "actor": (_is_text, "must be a text of 1 to 500 characters"),
    "amount_minor": (_is_whole, "must be a whole number of minor units, at least 1"),
    "units": (
        lambda value: isinstance(value, list) and 1 <= len(value) <= 1_000 and all(map(_is_whole, value)),
        "must be a list of numbers of units, from 1",
    ),
}


def _refunded_view(order: Order, request: str) -> RefundedView:
    return RefundedView(
        order_id=order.order_id,
        status=order.status.value,
        currency=order.amount.currency,
        paid_minor=captured_net_minor(order.payments),
        refunds=[_refund_view(attempt) for attempt in refunds_for(order.payments, request)],
    )


def _refund_view(attempt: PaymentAttempt) -> RefundView:
    return RefundView(
        key=attempt.key,
        amount_minor=attempt.amount_minor,
        units=attempt.units,
        outcome=attempt.outcome.value,
        at=attempt.at,
        reason=attempt.reason,
        detail=attempt.detail,
    )


def _open_rows(order: Order, now: float) -> list[OpenPaymentRow]:
    unknown = [attempt for attempt in order.payments if attempt.outcome.value == "unknown"]
    rows = [
        OpenPaymentRow(
            order_id=order.order_id,
            status=order.status.value,
            purpose=attempt.purpose.value,
            key=attempt.key,
            amount_minor=attempt.amount_minor,
            at=attempt.at,
            seconds=round(now - attempt.at, 3),
            detail=attempt.detail,
        )
        for attempt in unknown
    ]
    return rows or [_undo_row(order, now)]


def _undo_row(order: Order, now: float) -> OpenPaymentRow:
    last = order.payments[-1]
    return OpenPaymentRow(
        order_id=order.order_id,
        status=order.status.value,
        purpose="undo",
        key=last.key,
        amount_minor=last.amount_minor,
        at=last.at,
        seconds=round(now - last.at, 3),
        detail=last.detail,
    )


def _breaker_view(breaker: Breaker) -> dict[str, Any]:
    view: dict[str, Any] = msgspec.to_builtins(breaker)
    return {**view, "state": breaker.state.value, "held": breaker.state is BreakerState.OPEN}
