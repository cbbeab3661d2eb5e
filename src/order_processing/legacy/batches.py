"""How a batch job works through its orders: one after the other, each owned, none starving the others."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from order_processing.domain import (
    AT_REST,
    LeaseHeldError,
    Order,
    OrderPausedError,
    OrderStatus,
    Pipeline,
    StaleOwnerError,
    is_waiting,
    patience_until,
)
from order_processing.errors import OrderProcessingError, RefusedError
from order_processing.operations import (
    ContendedError,
    PaymentHeldError,
    Services,
    let_go_of,
    listed,
    load,
    quarantine,
    send_confirmation,
    take_over,
)
from order_processing.stores import OrderFilter

BATCH_MAX = 500
STALLED_SECONDS = 300.0
CONFIRM_SECONDS = 3_600.0
CONFIRMED_PER_MISSED = 100
"""At most so many completed orders are looked through for one to confirm; reconciliation finds what this leaves."""
RESERVE_MS = 30_000
"""A run takes no further order when less than this is left of its function's time-out: one order may take so long."""

log = logging.getLogger(__name__)

Work = Callable[[Services, str, int], Order]
"""What a job does to one order, under an epoch; the order as it is afterwards."""

HasTime = Callable[[], bool]
"""Whether the run may take another order."""


@dataclass(frozen=True, slots=True)
class Job:
    """One of the pipeline's jobs and the statuses it picks orders by."""

    name: str
    statuses: tuple[OrderStatus, ...]
    work: Work


@dataclass(slots=True)
class Report:
    """What a run of a job did.

    Attributes:
        left: orders that wait for the next run, as this one ran out of time.
    """

    done: int = 0
    skipped: int = 0
    left: int = 0
    quarantined: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The answer of the job's function."""
        return {
            "done": self.done,
            "skipped": self.skipped,
            "left": self.left,
            "quarantined": self.quarantined,
            "failed": self.failed,
        }


def limit_of(event: Mapping[str, Any]) -> int:
    """The bound of the batch that an event may set."""
    return int(event.get("limit", BATCH_MAX))


def has_time(context: Any) -> HasTime | None:
    """Watches the time that Lambda leaves the run; None without a context, as there is no end to it then."""
    if context is None:
        return None
    return lambda: bool(context.get_remaining_time_in_millis() > RESERVE_MS)


def run_job(services: Services, job: Job, limit: int = BATCH_MAX, may_go_on: HasTime | None = None) -> Report:
    """Does the job's work for up to *limit* orders of each of its statuses, those waiting longest first."""
    report = Report()
    for order_id in waiting(services, job, limit):
        if may_go_on is None or may_go_on():
            work_on(services, job, order_id, report)
        else:
            report.left += 1
    return report


def waiting(services: Services, job: Job, limit: int = BATCH_MAX) -> list[str]:
    """Ids of the orders a run would take on: those that nobody owns now, waiting longest first."""
    ids: list[str] = []
    for status in job.statuses:
        wanted = OrderFilter(status=status, pipeline=Pipeline.LEGACY)
        ids += [order.order_id for order in _free(services, wanted, limit)]
    return ids


def adopt_stalled(services: Services, limit: int = BATCH_MAX) -> int:
    """Takes over instant orders that nobody has touched for long and whose owner's lease has run out; how many."""
    before = services.clock.now() - STALLED_SECONDS
    adopted = 0
    for status in (status for status in OrderStatus if status not in AT_REST):
        wanted = OrderFilter(status=status, pipeline=Pipeline.INSTANT, updated_before=before)
        adopted += sum(_adopted(services, order.order_id) for order in _free(services, wanted, limit))
    return adopted


def work_on(services: Services, job: Job, order_id: str, report: Report) -> None:
    """Takes an order over, does the job's work on it, and lets it go; counts what came of it in *report*.

    A batch takes its time: an order that stands elsewhere by now, such as a cancelled one, is left as it is.
    """
    if load(services, order_id).status not in job.statuses:
        report.skipped += 1
        return
    try:
        epoch = take_over(services, order_id, Pipeline.LEGACY).owner.epoch
    except (LeaseHeldError, OrderPausedError, ContendedError):
        report.skipped += 1
        return
    try:
        if _is_worn_out(services, order_id, epoch, job):
            report.quarantined.append(order_id)
            return
        order = job.work(services, order_id, epoch)
        if is_waiting(order) and patience_until(order) <= services.clock.now():
            let_go_of(services, order_id, epoch)
        report.done += 1
    except StaleOwnerError:
        report.skipped += 1
    except PaymentHeldError:  # nothing was asked, so nothing counts against the order
        report.skipped += 1
        _give_back(services, order_id, epoch, "")
    except Exception as error:  # noqa: BLE001 - one order's fault, of whatever kind, must not stop the others
        report.failed[order_id] = type(error).__name__
        log.warning("%s of order %s failed: %s", job.name, order_id, error)
        _give_back(services, order_id, epoch, f"{job.name}: {type(error).__name__}: {error}")


def confirm_missed(services: Services, limit: int = BATCH_MAX) -> int:
    """Writes to the customers of recently delivered orders whose owner ended before it could; how many.

    Such an order is at rest, so no job picks it by status.
    """
    now = services.clock.now()
    missed: list[Order] = []
    for status in (OrderStatus.COMPLETED, OrderStatus.PARTIALLY_FULFILLED):
        wanted = OrderFilter(status=status, updated_since=now - CONFIRM_SECONDS, updated_before=now - STALLED_SECONDS)
        missed += [order for order in _free(services, wanted, limit * CONFIRMED_PER_MISSED) if not order.mails]
    return sum(_confirmed(services, order) for order in missed[:limit])


def _confirmed(services: Services, order: Order) -> bool:
    try:
        epoch = take_over(services, order.order_id, order.pipeline).owner.epoch
        send_confirmation(services, order.order_id, epoch)
        let_go_of(services, order.order_id, epoch)
    except OrderProcessingError as error:
        log.warning("confirmation of order %s failed: %s", order.order_id, error)
        return False
    return True


def _free(services: Services, wanted: OrderFilter, limit: int) -> list[Order]:
    """Up to *limit* orders of the filter that may be taken; however many others lie before them, they are found."""
    found: list[Order] = []
    for order in listed(services.store, wanted):
        if _is_free(order, services.clock.now()):
            found.append(order)
        if len(found) == limit:
            break
    return found


def _is_free(order: Order, now: float) -> bool:
    """Whether a job has something to do for the order: nobody else has it, and no person still has time to decide."""
    review = order.review if order.status is OrderStatus.IN_REVIEW else None
    return order.owner.lease_until <= now and not order.paused and (review is None or review.deadline_at <= now)


def _adopted(services: Services, order_id: str) -> bool:
    try:
        order = take_over(services, order_id, Pipeline.LEGACY)
        let_go_of(services, order_id, order.owner.epoch)
    except (LeaseHeldError, OrderPausedError, StaleOwnerError, ContendedError):
        return False
    return True


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
