"""The review queue, for its page and for its API alike: listed, claimed, decided, passed on."""

import asyncio
from collections.abc import Mapping

import msgspec

from order_processing.domain import Money, Order, OrderStatus, ReviewClaimedError, UnknownOrderError, Verdict
from order_processing.operations import NoReviewError, Services, claim_review, decide_review
from order_processing.service import wording
from order_processing.service.callbacks import TaskCallbacks
from order_processing.service.problems import Problem, ProblemError, field_problem
from order_processing.stores import OrderFilter

LISTED_MAX = 1_000
VERDICTS: Mapping[str, Verdict] = {"approve": Verdict.CLEARED, "deny": Verdict.FRAUD}
_DONE = {Verdict.CLEARED: "approved", Verdict.FRAUD: "denied"}


class ReviewRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order that waits for a decision.

    Attributes:
        age_seconds: since the review was asked for.
        left_seconds: until the order is rejected for want of a decision; negative when that is overdue.
        reasons: what the fraud scan found.
        claimed_by: who is at it now, "" when nobody is.
    """

    order_id: str
    title: str
    city: str
    user_guid: str
    quantity: int
    amount: str
    amount_minor: int
    currency: str
    score: int
    reasons: tuple[str, ...]
    pipeline: str
    requested_at: float
    deadline_at: float
    age_seconds: float
    left_seconds: float
    claimed_by: str


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """How a review ended; the first decision stands, whoever asks.

    Attributes:
        decision: ``approved`` or ``denied``.
        passed_on: whether an execution was waiting and has been told now.
    """

    order_id: str
    decision: str
    decided_by: str
    decided_at: float
    status: str
    passed_on: bool


class ReviewDesk:
    """Answers reviewers."""

    def __init__(self, services: Services, callbacks: TaskCallbacks) -> None:
        self._services = services
        self._callbacks = callbacks

    def waiting(self) -> list[ReviewRow]:
        """The queue, the one that must be decided first at its head."""
        orders = self._services.store.orders(OrderFilter(status=OrderStatus.IN_REVIEW, limit=LISTED_MAX))
        return sorted(
            (self._row(order) for order in orders if order.review is not None), key=lambda row: row.deadline_at
        )

    async def claim(self, order_id: str, by: str) -> ReviewRow:
        """Puts *by* at an order.

        Raises:
            ProblemError: somebody else is, or it waits for nothing.
        """
        try:
            return self._row(await asyncio.to_thread(claim_review, self._services, order_id, by))
        except (UnknownOrderError, NoReviewError, ReviewClaimedError) as error:
            raise _problem(error) from error

    async def decide(self, order_id: str, verdict: str, by: str, reason: str) -> Decided:
        """Decides, and tells the execution that waits; asking again tells it again.

        Args:
            verdict: ``approve`` or ``deny``; a denial needs a *reason*.

        Raises:
            ProblemError: it was decided otherwise before, somebody else is at it, or it waits for nothing.
            CallbackError: the decision stands, but nobody could be told.
        """
        if verdict not in VERDICTS:
            raise field_problem(Problem.INVALID_FIELD, "/verdict", f"is one of {', '.join(VERDICTS)}")
        wanted = VERDICTS[verdict]
        if wanted is Verdict.FRAUD and not reason.strip():
            raise field_problem(Problem.INVALID_FIELD, "/reason", "a reason is needed to deny an order; it is recorded")
        try:
            order = await asyncio.to_thread(
                decide_review, self._services, order_id, wanted, by=by, note=reason.strip() or "approved"
            )
        except (UnknownOrderError, NoReviewError, ReviewClaimedError) as error:
            raise _problem(error) from error
        decided = _decided(order)
        if order.review is None or order.review.decision is not wanted:
            raise ProblemError(Problem.REVIEW_DECIDED, _other_words(order, decided))
        passed_on = await asyncio.to_thread(self._passed_on, order)
        return msgspec.structs.replace(decided, passed_on=passed_on)

    def _passed_on(self, order: Order) -> bool:
        review = order.review
        if review is None or review.decision is None or not review.task_token:
            return False
        output = {
            "order_id": order.order_id,
            "epoch": order.owner.epoch,
            "kind": order.kind.value,
            "status": order.status.value,
            "fraud_verdict": review.decision.value,
        }
        return self._callbacks.succeed(review.task_token, output)

    def _row(self, order: Order) -> ReviewRow:
        review, now = order.review, self._services.clock.now()
        assert review is not None
        return ReviewRow(
            order_id=order.order_id,
            title=order.title,
            city=order.city,
            user_guid=order.user_guid,
            quantity=order.quantity,
            amount=wording.amount(Money(order.amount.amount_minor, order.amount.currency)),
            amount_minor=order.amount.amount_minor,
            currency=order.amount.currency,
            score=order.fraud.score if order.fraud else 0,
            reasons=order.fraud.reasons if order.fraud else (),
            pipeline=order.pipeline.value,
            requested_at=review.requested_at,
            deadline_at=review.deadline_at,
            age_seconds=now - review.requested_at,
            left_seconds=review.deadline_at - now,
            claimed_by=review.claimed_by if now < review.claimed_until else "",
        )


def _decided(order: Order) -> Decided:
    review = order.review
    assert review is not None
    assert review.decision is not None
    return Decided(
        order_id=order.order_id,
        decision=_DONE[review.decision],
        decided_by=review.decided_by,
        decided_at=review.decided_at or 0.0,
        status=order.status.value,
        passed_on=False,
    )


def _other_words(order: Order, decided: Decided) -> str:
    when = wording.instant(decided.decided_at, order.time_zone)
    return f"{decided.decided_by} {decided.decision} this order on {when}; the first decision stands"


def _problem(error: UnknownOrderError | NoReviewError | ReviewClaimedError) -> ProblemError:
    kinds = {
        UnknownOrderError: Problem.UNKNOWN_ORDER,
        NoReviewError: Problem.NO_REVIEW,
        ReviewClaimedError: Problem.REVIEW_CLAIMED,
    }
    return ProblemError(kinds[type(error)], str(error))
