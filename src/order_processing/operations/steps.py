"""Every step that a pipeline takes, by the name of its function: an event in, JSON out.

Functions, the per-order API and rehearsals all go through this table, so a step means the same whoever asks for it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from order_processing.domain import Order, OrderStatus, Pipeline, shipped_quantity, waits_for_warehouse
from order_processing.errors import RefusedError
from order_processing.operations.charging import authorize, void
from order_processing.operations.context import Services
from order_processing.operations.delivering import issue_vouchers, reserve_shipment, send_confirmation
from order_processing.operations.owning import hand_over, let_go_of, quarantine, take_over
from order_processing.operations.releasing import release
from order_processing.operations.screening import preview_fraud, scan_fraud, start_processing
from order_processing.operations.shipping import capture_delivered, close_shipment, request_shipment

Event = Mapping[str, Any]
"""JSON as Lambda hands it over."""

Answer = dict[str, Any]

CAUSE_LENGTH_MAX = 500


class TaskInputError(RefusedError):
    """The event names no order, or no epoch to act under."""

    def __init__(self, field: str) -> None:
        super().__init__(f"the task's input has no {field}; pass order_id and epoch on from the execution's input")
        self.field = field


class UnknownOperationError(RefusedError):
    """There is no step of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no operation {name!r}; there are {', '.join(STEPS)}")
        self.name = name


def owned(event: Event) -> tuple[str, int]:
    """The order a task is about and the epoch of whoever sent it.

    Raises:
        TaskInputError: one of them is missing.
    """
    order_id, epoch = event.get("order_id"), event.get("epoch")
    if not isinstance(order_id, str) or not order_id:
        raise TaskInputError("order_id")
    if not isinstance(epoch, int) or isinstance(epoch, bool):
        raise TaskInputError("epoch")
    return order_id, epoch


def answer(order: Order, epoch: int) -> Answer:
    """What every task returns: enough for the next state, even if nothing else of its input were kept."""
    return {
        "order_id": order.order_id,
        "epoch": epoch,
        "user_guid": order.user_guid,
        "unit_id": order.unit_id,
        "kind": order.kind.value,
        "status": order.status.value,
    }


def perform(services: Services, name: str, event: Event) -> Answer:
    """Takes the step called *name*.

    Raises:
        UnknownOperationError: there is none.
        TaskInputError: the event lacks something.
        OrderProcessingError: whatever the operation raises.
    """
    if name not in STEPS:
        raise UnknownOperationError(name)
    return STEPS[name](services, event)


def _plain(operation: Callable[[Services, str, int], Order]) -> Callable[[Services, Event], Answer]:
    def step(services: Services, event: Event) -> Answer:
        order_id, epoch = owned(event)
        return answer(operation(services, order_id, epoch), epoch)

    return step


def _scan(services: Services, event: Event) -> Answer:
    """The verdict ``cleared``, ``fraud`` or ``review``; with ``dry_run`` it is only told."""
    order_id, epoch = owned(event)
    order = preview_fraud(services, order_id) if event.get("dry_run") else scan_fraud(services, order_id, epoch)
    assert order.fraud is not None
    return {
        **answer(order, epoch),
        "fraud_verdict": order.fraud.verdict.value,
        "fraud_score": order.fraud.score,
    }


def _issue(services: Services, event: Event) -> Answer:
    order_id, epoch = owned(event)
    order = issue_vouchers(services, order_id, epoch)
    return {**answer(order, epoch), "vouchers": len(order.vouchers)}


def _request_shipment(services: Services, event: Event) -> Answer:
    """Asks the warehouse; ``task_token`` is answered when it has shipped, unless the answer is ``closed`` already."""
    order_id, epoch = owned(event)
    return _shipping(request_shipment(services, order_id, epoch, str(event.get("task_token", ""))), epoch)


def _close_shipment(services: Services, event: Event) -> Answer:
    order_id, epoch = owned(event)
    return _shipping(close_shipment(services, order_id, epoch, "the warehouse did not ship in time"), epoch)


def _shipping(order: Order, epoch: int) -> Answer:
    return {**answer(order, epoch), "shipped": shipped_quantity(order), "closed": not waits_for_warehouse(order)}


def _release(services: Services, event: Event) -> Answer:
    """Ends the order as ``outcome``: declined, rejected, failed or cancelled."""
    order_id, epoch = owned(event)
    outcomes = {status.value: status for status in _OUTCOMES}
    if event.get("outcome") not in outcomes:
        raise TaskInputError("outcome")
    reason = str(event.get("reason", ""))[:CAUSE_LENGTH_MAX]
    return answer(release(services, order_id, epoch, outcomes[event["outcome"]], reason), epoch)


def _hand_over(services: Services, event: Event) -> Answer:
    """``error`` says why, as a catcher has it."""
    order_id, epoch = owned(event)
    error = event.get("error")
    known = error if isinstance(error, Mapping) else {}
    reason = f"{known.get('Error', 'unknown')}: {str(known.get('Cause', ''))[:CAUSE_LENGTH_MAX]}"
    return answer(hand_over(services, order_id, epoch, reason), epoch)


def _take_over(services: Services, event: Event) -> Answer:
    """Makes a pipeline, legacy unless ``pipeline`` says otherwise, the owner; ``epoch`` of the answer is its own."""
    order_id = event.get("order_id")
    if not isinstance(order_id, str):
        raise TaskInputError("order_id")
    pipelines = {pipeline.value: pipeline for pipeline in Pipeline}
    if event.get("pipeline", Pipeline.LEGACY.value) not in pipelines:
        raise TaskInputError("pipeline that exists")
    order = take_over(services, order_id, pipelines[event.get("pipeline", Pipeline.LEGACY.value)])
    return answer(order, order.owner.epoch)


def _let_go(services: Services, event: Event) -> Answer:
    order_id, epoch = owned(event)
    return answer(let_go_of(services, order_id, epoch, str(event.get("problem", ""))[:CAUSE_LENGTH_MAX]), epoch)


def _quarantine(services: Services, event: Event) -> Answer:
    order_id, epoch = owned(event)
    reason = str(event.get("reason") or "set aside by another system")[:CAUSE_LENGTH_MAX]
    return answer(quarantine(services, order_id, epoch, reason), epoch)


_OUTCOMES = (OrderStatus.DECLINED, OrderStatus.REJECTED, OrderStatus.FAILED, OrderStatus.CANCELLED)

STEPS: Mapping[str, Callable[[Services, Event], Answer]] = {
    "start-order-processing": _plain(start_processing),
    "fraud-scan": _scan,
    "authorize-payments": _plain(authorize),
    "issue-vouchers": _issue,
    "reserve-shipment": _plain(reserve_shipment),
    "request-shipment": _request_shipment,
    "close-shipment": _close_shipment,
    "capture-payments": _plain(capture_delivered),
    "void-payments": _plain(void),
    "send-confirmation": _plain(send_confirmation),
    "release-order": _release,
    "hand-over-order": _hand_over,
    "take-over-order": _take_over,
    "let-go-of-order": _let_go,
    "quarantine-order": _quarantine,
}
"""Steps by name; each may be taken any number of times and has its effect once, under the epoch its event names."""

TASKS = frozenset(
    {
        "start-order-processing",
        "fraud-scan",
        "authorize-payments",
        "issue-vouchers",
        "reserve-shipment",
        "request-shipment",
        "close-shipment",
        "capture-payments",
        "send-confirmation",
        "release-order",
        "hand-over-order",
    }
)
"""The steps that functions take, and that another system may take in their place."""
