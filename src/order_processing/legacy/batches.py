"""How a batch job works through its orders: one after the other, each owned, none starving the others."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from order_processing.domain import (
    LeaseHeldError,
    Order,
    OrderStatus,
    Pipeline,
    StaleOwnerError,
    is_waiting,
)
from order_processing.errors import RefusedError
from order_processing.operations import ContendedError, Services, let_go_of, quarantine, take_over
from order_processing.stores import OrderFilter

BATCH_MAX = 500
STALLED_SECONDS = 300.0

log = logging.getLogger(__name__)

Work = Callable[[Services, str, int], Order]
"""What a job does to one order, under an epoch; the order as it is afterwards."""


@dataclass(frozen=True, slots=True)
class Job:
    """One of the pipeline's jobs and the statuses it picks orders by."""

    name: str
    statuses: tuple[OrderStatus, ...]
    work: Work


@dataclass(slots=True)
class Report:
    """What a run of a job did."""

    done: int = 0
    skipped: int = 0
    quarantined: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The answer of the job's function."""
        return {"done": self.done, "skipped": self.skipped, "quarantined": self.quarantined, "failed": self.failed}


def run_job(services: Services, job: Job, limit: int = BATCH_MAX) -> Report:
    """Does the job's work for up to *limit* orders of each of its statuses, those waiting longest first."""
    report = Report()
    for order in list(_waiting(services, job, limit)):
        if order.owner.lease_until > services.clock.now():
            report.skipped += 1
        else:
            _one(services, job, order.order_id, report)
    return report


def adopt_stalled(services: Services, limit: int = BATCH_MAX) -> int:
    """Takes over instant orders that nobody has touched for long and whose owner's lease has run out; how many."""
    now = services.clock.now()
    adopted = 0
    for status in (status for status in OrderStatus if status not in _NEVER_STALLED):
        wanted = OrderFilter(
            status=status, pipeline=Pipeline.INSTANT, updated_before=now - STALLED_SECONDS, limit=limit
        )
        adopted += sum(_adopted(services, order.order_id) for order in services.store.orders(wanted))
    return adopted


_NEVER_STALLED = frozenset(
    {
        OrderStatus.COMPLETED,
        OrderStatus.PARTIALLY_FULFILLED,
        OrderStatus.REFUNDED,
        OrderStatus.REJECTED,
        OrderStatus.DECLINED,
        OrderStatus.CANCELLED,
        OrderStatus.FAILED,
        OrderStatus.QUARANTINED,
    }
)


def _adopted(services: Services, order_id: str) -> bool:
    try:
        order = take_over(services, order_id, Pipeline.LEGACY)
        let_go_of(services, order_id, order.owner.epoch)
    except (LeaseHeldError, StaleOwnerError, ContendedError):
        return False
    return True


def _waiting(services: Services, job: Job, limit: int) -> Iterator[Order]:
    for status in job.statuses:
        yield from services.store.orders(OrderFilter(status=status, pipeline=Pipeline.LEGACY, limit=limit))


def _one(services: Services, job: Job, order_id: str, report: Report) -> None:
    try:
        epoch = take_over(services, order_id, Pipeline.LEGACY).owner.epoch
    except (LeaseHeldError, ContendedError):
        report.skipped += 1
        return
    try:
        if _is_worn_out(services, order_id, epoch, job):
            report.quarantined.append(order_id)
            return
        order = job.work(services, order_id, epoch)
        if is_waiting(order) and order.status is not OrderStatus.IN_REVIEW:
            let_go_of(services, order_id, epoch)
        report.done += 1
    except StaleOwnerError:
        report.skipped += 1
    except Exception as error:  # noqa: BLE001 - one order's fault, of whatever kind, must not stop the others
        report.failed[order_id] = type(error).__name__
        log.warning("%s of order %s failed: %s", job.name, order_id, error)
        _give_back(services, order_id, epoch, f"{job.name}: {type(error).__name__}: {error}")


def _is_worn_out(services: Services, order_id: str, epoch: int, job: Job) -> bool:
    """Quarantines an order that was taken on too often without getting further."""
    order = services.store.order(order_id)
    assert order is not None
    if order.attempts.get(Pipeline.LEGACY.value, 0) <= services.policy.attempts_max:
        return False
    reason = f"{job.name} tried {services.policy.attempts_max} times; last: {order.problem or 'the job itself ended'}"
    quarantine(services, order_id, epoch, reason)
    return True


def _give_back(services: Services, order_id: str, epoch: int, problem: str) -> None:
    try:
        let_go_of(services, order_id, epoch, problem)
    except RefusedError:  # someone else has it by now
        return
