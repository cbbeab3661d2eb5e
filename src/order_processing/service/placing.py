"""Placing an order for a customer who waits: the operation, its refusals in the words of the API, the wake-up call."""

import asyncio
from collections.abc import Callable, Mapping

from order_processing.domain import (
    NewOrder,
    OfferClosedError,
    QuantityError,
    SoldOutError,
    UnknownOfferError,
    UnknownOrderError,
)
from order_processing.errors import RefusedError
from order_processing.operations import IdempotencyMismatchError, Placed, Services, fingerprint_of, place
from order_processing.service.metrics import Metrics
from order_processing.service.problems import Problem, ProblemError, field_problem
from order_processing.stores import IdempotencyRecord

REFUSALS: Mapping[type[RefusedError], tuple[Problem, str]] = {
    UnknownOfferError: (Problem.UNKNOWN_OFFER, "/unit_id"),
    OfferClosedError: (Problem.OFFER_CLOSED, "/unit_id"),
    SoldOutError: (Problem.SOLD_OUT, "/quantity"),
    QuantityError: (Problem.INVALID_FIELD, "/quantity"),
}
"""What the rules of the shop refuse, and the field it is about."""


class Placing:
    """Places orders.

    Args:
        wake: told after each new order, so that its notification leaves at once.
    """

    def __init__(self, services: Services, metrics: Metrics, wake: Callable[[], None]) -> None:
        self._services = services
        self._metrics = metrics
        self._wake = wake

    async def place(self, request: NewOrder, key: str, source: str = "") -> Placed:
        """The order that *request* makes, on disk, or the one it made before under the same *key*.

        Args:
            source: the client's address, "" when it is not known.

        Raises:
            ProblemError: the shop or the key says no.
            TransientError: the store failed; the order may or may not be on disk, the same key tells.
        """
        try:
            placed = await self._placed(request, key, source)
        except RefusedError as error:
            raise _problem(error) from error
        if placed.replayed:
            self._metrics.replayed.inc()
        else:
            self._metrics.accepted.inc()
            self._wake()
        return placed

    async def _placed(self, request: NewOrder, key: str, source: str) -> Placed:
        """A key is looked up only after a refusal: its order may have been made while the sale was on."""
        try:
            return await asyncio.wrap_future(place(self._services, request, key, source))
        except (OfferClosedError, QuantityError, UnknownOfferError):
            known = self._services.store.idempotency(key)
            if known is None:
                raise
            return self._replayed(request, known)

    def _replayed(self, request: NewOrder, known: IdempotencyRecord) -> Placed:
        if known.fingerprint != fingerprint_of(request):
            raise IdempotencyMismatchError(known.key)
        order = self._services.store.order(known.order_id)
        if order is None:
            raise UnknownOrderError(known.order_id)
        return Placed(order, replayed=True)

    def refused(self, error: ProblemError) -> None:
        """Counts a request that was refused, here or before it came here."""
        self._metrics.refused(error.problem.slug)


def _problem(error: RefusedError) -> ProblemError:
    if isinstance(error, IdempotencyMismatchError):
        detail = "this Idempotency-Key was used for another order; use a new key for a new order"
        return field_problem(Problem.KEY_REUSED, "Idempotency-Key", detail)
    if type(error) not in REFUSALS:
        raise error
    problem, field = REFUSALS[type(error)]
    return field_problem(problem, field, str(error))
