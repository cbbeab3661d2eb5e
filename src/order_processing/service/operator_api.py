"""``/operator``: what operators see of orders. An order id is the right to see that order, so lists need a token."""

from typing import TypeVar

import msgspec

from order_processing.domain import Assignment, Order, OrderStatus, Pipeline
from order_processing.operations import Services
from order_processing.service.http import JSON, Reply
from order_processing.service.operators import Operators
from order_processing.service.problems import FieldError, Problem, ProblemError
from order_processing.service.router import Request
from order_processing.stores import OrderFilter

LIMIT_USUAL = 100
LIMIT_MAX = 1_000
Kind = TypeVar("Kind", OrderStatus, Pipeline)
_FIELDS = ("order_id", "status", "pipeline", "since", "limit")


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order as operators list it; no voucher codes, no payment token.

    Attributes:
        completed_at: when its vouchers were issued or its goods sent, None before.
        attempts: starts per pipeline.
        assignments: both A/B decisions, as they were made.
    """

    order_id: str
    status: str
    pipeline: str
    release: str
    unit_id: str
    city: str
    kind: str
    amount_minor: int
    created_at: float
    updated_at: float
    completed_at: float | None
    fraud_verdict: str | None
    authorized: bool
    epoch: int
    attempts: dict[str, int]
    problem: str
    assignments: tuple[Assignment, ...]
    paused: str
    execution: str
    lease_until: float


class OperatorApi:
    """Handlers for operators; every one of them asks for ``Authorization: Bearer TOKEN`` first."""

    def __init__(self, services: Services, operators: Operators) -> None:
        self._store = services.store
        self._operators = operators
        self._encode = msgspec.json.Encoder().encode

    async def orders(self, request: Request) -> Reply:
        """``GET /operator/orders``: orders by their last change, newest first.

        Query: ``order_id``, which leaves one at most; or ``status``, ``pipeline``, ``since`` (seconds since the epoch),
        ``limit`` (at most 1000).
        """
        self._operators.demand_token(request)
        query = request.query(_FIELDS)
        if "order_id" in query:
            order = self._store.order(query["order_id"])
            return Reply(200, self._encode([] if order is None else [row_of(order)]), JSON)
        wanted = OrderFilter(
            status=chosen(OrderStatus, query, "status"),
            pipeline=chosen(Pipeline, query, "pipeline"),
            newest_first=True,
            limit=int(number(query, "limit", LIMIT_USUAL, LIMIT_MAX, least=1)),
        )
        since = number(query, "since", 0, float("inf"))
        rows = [row_of(order) for order in self._store.orders(wanted) if order.updated_at >= since]
        return Reply(200, self._encode(rows), JSON)


def row_of(order: Order) -> OrderRow:
    """An order as operators list it."""
    completed = [entry.at for entry in order.timeline if entry.event == OrderStatus.COMPLETED.value]
    events = {entry.event for entry in order.timeline}
    return OrderRow(
        order_id=order.order_id,
        status=order.status.value,
        pipeline=order.pipeline.value,
        release=order.release,
        unit_id=order.unit_id,
        city=order.city,
        kind=order.kind.value,
        amount_minor=order.amount.amount_minor,
        created_at=order.created_at,
        updated_at=order.updated_at,
        completed_at=completed[0] if completed else None,
        fraud_verdict=order.fraud.verdict.value if order.fraud is not None else None,
        authorized=OrderStatus.AUTHORIZED.value in events,
        epoch=order.owner.epoch,
        attempts=order.attempts,
        problem=order.problem,
        assignments=order.assignments,
        paused=order.paused,
        execution=order.owner.execution,
        lease_until=order.owner.lease_until,
    )


def chosen(kind: type[Kind], query: dict[str, str], name: str) -> Kind | None:
    """A query's field as one of a closed set, None when it is not there.

    Raises:
        ProblemError: it is none of them.
    """
    if name not in query:
        return None
    try:
        return kind(query[name])
    except ValueError:
        known = ", ".join(each.value for each in kind)
        raise _bad(name, f"is one of {known}") from None


def number(query: dict[str, str], name: str, usual: float, most: float, *, least: float = 0) -> float:
    """A query's field as a number between *least* and *most*, *usual* when it is not there.

    Raises:
        ProblemError: it is none.
    """
    text = query.get(name, "")
    if not text:
        return usual
    try:
        number = float(text[:32])
    except ValueError:
        raise _bad(name, "is a number") from None
    if not least <= number <= most:
        raise _bad(name, f"is between {least:g} and {most:g}")
    return number


def _bad(name: str, detail: str) -> ProblemError:
    return ProblemError(Problem.BAD_REQUEST, f"{name} {detail}", errors=[FieldError(name, detail)])
