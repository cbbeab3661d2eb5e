"""``/operator/shipments``: where the warehouse says what it has sent."""

import asyncio
from typing import Annotated, Any

import msgspec

from order_processing.domain import (
    Order,
    OrderStatus,
    Rest,
    ShipmentRefusedError,
    UnknownOrderError,
    reserved_quantity,
    shipped_quantity,
    waits_for_warehouse,
)
from order_processing.operations import Services, record_shipment
from order_processing.service import strict_json
from order_processing.service.callbacks import TaskCallbacks
from order_processing.service.http import JSON, Reply, demand_media_type, read_body
from order_processing.service.operators import Operators
from order_processing.service.problems import FieldError, Problem, ProblemError
from order_processing.service.router import Request
from order_processing.stores import OrderFilter

LISTED_MAX = 1_000
_Text = Annotated[str, msgspec.Meta(max_length=128)]


class ShipmentNotice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /operator/shipments/{order_id}``.

    Attributes:
        quantity: units in the parcel; 0 with ``"rest": "cancelled"`` when there is nothing to send at all.
        tracking: the carrier's number of the parcel; the same notice again changes nothing.
    """

    quantity: Annotated[int, msgspec.Meta(ge=0, le=1_000)]
    tracking: _Text = ""
    rest: Rest = Rest.BACK_ORDER
    actor: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] = "warehouse"


class ShipmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order that the warehouse has to send, or has sent in part.

    Attributes:
        left_seconds: until what is not sent is cancelled; negative when that is overdue.
    """

    order_id: str
    unit_id: str
    title: str
    quantity: int
    shipped: int
    waiting: int
    requested_at: float
    deadline_at: float
    left_seconds: float


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a notice.

    Attributes:
        closed: whether nothing more is waited for.
        passed_on: whether an execution was waiting and has been told now.
    """

    order_id: str
    shipped: int
    waiting: int
    closed: bool
    passed_on: bool


class ShipmentApi:
    """Handlers for the warehouse; each asks for the operator's token first."""

    def __init__(self, services: Services, operators: Operators, callbacks: TaskCallbacks) -> None:
        self._services = services
        self._operators = operators
        self._callbacks = callbacks
        self._encode = msgspec.json.Encoder().encode

    async def waiting(self, request: Request) -> Reply:
        """``GET /operator/shipments``: what is to be sent, the most urgent first."""
        self._operators.demand_token(request)
        orders = self._services.store.orders(OrderFilter(status=OrderStatus.FULFILLING, limit=LISTED_MAX))
        rows = [self._row(order) for order in orders if waits_for_warehouse(order)]
        return Reply(200, self._encode(sorted(rows, key=lambda row: row.deadline_at)), JSON)

    async def ship(self, request: Request) -> Reply:
        """``POST /operator/shipments/{order_id}``."""
        self._operators.demand_token(request)
        notice = await _notice(request)
        order_id = request.parameters["order_id"]
        try:
            order = await asyncio.to_thread(self._record, order_id, notice)
        except UnknownOrderError as error:
            raise ProblemError(Problem.UNKNOWN_ORDER, str(error)) from error
        except ShipmentRefusedError as error:
            raise ProblemError(Problem.REFUSED, str(error)) from error
        passed_on = await asyncio.to_thread(self._passed_on, order)
        noted = Noted(
            order_id=order_id,
            shipped=shipped_quantity(order),
            waiting=reserved_quantity(order),
            closed=not waits_for_warehouse(order),
            passed_on=passed_on,
        )
        return Reply(200, self._encode(noted), JSON)

    def _record(self, order_id: str, notice: ShipmentNotice) -> Order:
        return record_shipment(
            self._services, order_id, notice.quantity, tracking=notice.tracking, rest=notice.rest, by=notice.actor
        )

    def _passed_on(self, order: Order) -> bool:
        """Tells the execution once nothing more is waited for; a notice sent again tells it again."""
        shipping = order.shipping
        if shipping is None or shipping.closed_at is None or not shipping.task_token:
            return False
        output: dict[str, Any] = {
            "order_id": order.order_id,
            "epoch": order.owner.epoch,
            "status": order.status.value,
            "shipped": shipped_quantity(order),
            "closed": True,
        }
        return self._callbacks.succeed(shipping.task_token, output)

    def _row(self, order: Order) -> ShipmentRow:
        assert order.shipping is not None
        return ShipmentRow(
            order_id=order.order_id,
            unit_id=order.unit_id,
            title=order.title,
            quantity=order.quantity,
            shipped=shipped_quantity(order),
            waiting=reserved_quantity(order),
            requested_at=order.shipping.requested_at,
            deadline_at=order.shipping.deadline_at,
            left_seconds=order.shipping.deadline_at - self._services.clock.now(),
        )


async def _notice(request: Request) -> ShipmentNotice:
    demand_media_type(request.scope, JSON)
    document = strict_json.parse(await read_body(request.scope, request.receive))
    try:
        notice = msgspec.convert(document, ShipmentNotice)
    except msgspec.ValidationError as error:
        words, _, path = str(error).partition(" - at `$")
        field = path.strip("`").replace(".", "/").replace("[", "/").replace("]", "")
        raise ProblemError(Problem.INVALID_FIELD, words, errors=(FieldError(field, words),)) from error
    if notice.quantity and not notice.tracking:
        detail = "is the carrier's number of the parcel; without it the same notice could not be told from another"
        raise ProblemError(Problem.INVALID_FIELD, f"tracking {detail}", errors=(FieldError("/tracking", detail),))
    return notice
