"""From received to cleared: the start, the fraud scan and its review."""

from order_processing.domain import (
    AuditEntry,
    Order,
    OrderStatus,
    Verdict,
    advanced,
    assess,
    changed,
    demand_unclaimed,
    review_claimed,
    review_requested,
    reviewed,
    screened,
)
from order_processing.errors import RefusedError
from order_processing.operations.context import Change, Services, change, change_owned, load
from order_processing.operations.facts import signals_of
from order_processing.stores import PutAudit, ReleaseHold


class NoReviewError(RefusedError):
    """The order is not waiting for a decision."""

    def __init__(self, order: Order) -> None:
        super().__init__(f"order {order.order_id} is {order.status.value} and waits for no review; read its timeline")
        self.order_id = order.order_id


def start_processing(services: Services, order_id: str, epoch: int) -> Order:
    """Marks that work has begun; does nothing for an order that is further already."""

    def step(order: Order) -> Order | None:
        if order.status is not OrderStatus.RECEIVED:
            return None
        return advanced(order, OrderStatus.PROCESSING, services.clock.now())

    return change_owned(services, order_id, epoch, step)


def scan_fraud(services: Services, order_id: str, epoch: int) -> Order:
    """Gives the order its verdict, once; a fraud's stock goes back at the same moment.

    Raises:
        TransientError: facts or rules cannot be read; the order has no verdict and waits, it is never cleared so.
    """

    def step(order: Order) -> Change | None:
        if order.fraud is not None:
            return None
        return _with_verdict(_scanned(services, order))

    return change_owned(services, order_id, epoch, step)


def preview_fraud(services: Services, order_id: str) -> Order:
    """The order as this release's scan would leave it, whatever became of it; nothing is written.

    Raises:
        UnknownOrderError: there is none.
    """
    order = load(services, order_id)
    return _scanned(services, changed(order, status=OrderStatus.PROCESSING, fraud=None, review=None))


def request_review(services: Services, order_id: str, epoch: int, task_token: str) -> Order:
    """Notes which execution waits for the decision; one that fell already is on the order returned."""

    def step(order: Order) -> Order | None:
        if order.review is None:
            raise NoReviewError(order)
        if order.review.decision is not None or order.review.task_token == task_token:
            return None
        return review_requested(order, task_token, services.clock.now())

    return change_owned(services, order_id, epoch, step)


def claim_review(services: Services, order_id: str, by: str) -> Order:
    """Notes that *by* is at an order's review, so that no two people work on the same one.

    Raises:
        NoReviewError: it waits for no decision.
        ReviewClaimedError: somebody else is at it.
    """

    def step(order: Order) -> Order:
        _demand_review(order)
        return review_claimed(order, services.clock.now(), by)

    return change(services, order_id, step)


def decide_review(services: Services, order_id: str, verdict: Verdict, *, by: str, note: str = "") -> Order:
    """Records a person's decision; the first one stands, a later one gets the order with the first.

    Whoever calls it continues the execution with ``order.review.task_token``.

    Args:
        verdict: CLEARED or FRAUD.

    Raises:
        NoReviewError: nobody asked.
        ReviewClaimedError: somebody else is at it.
    """
    audit_id = services.ids.order_id()

    def step(order: Order) -> Change | None:
        if order.review is not None and order.review.decision is not None:
            return None
        _demand_review(order)
        at = services.clock.now()
        demand_unclaimed(order, at, by)
        decided = _with_verdict(reviewed(order, verdict, at, by=by, note=note))
        entry = AuditEntry(
            audit_id=audit_id,
            at=at,
            actor=by,
            action="review",
            subject=order_id,
            reason=note,
            before={"status": order.status.value},
            after={"status": decided.order.status.value, "verdict": verdict.value},
        )
        return Change(decided.order, (*decided.writes, PutAudit(entry)))

    return change(services, order_id, step)


def _demand_review(order: Order) -> None:
    if order.review is None or order.status is not OrderStatus.IN_REVIEW:
        raise NoReviewError(order)


def _scanned(services: Services, order: Order) -> Order:
    policy = services.fraud_policy()
    assessment = assess(signals_of(services, order, policy), policy)
    return screened(order, assessment, services.clock.now(), services.policy.review_seconds)


def _with_verdict(order: Order) -> Change:
    if order.status is OrderStatus.REJECTED:
        return Change(order, (ReleaseHold(order.order_id),))
    return Change(order)
