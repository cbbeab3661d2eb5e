"""The circuit breaker around the payment gateway: kept in the store, so that all processes leave it alone together."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from order_processing.domain import (
    Breaker,
    BreakerState,
    admitted,
    answered,
    closed_by_hand,
    opened_by_hand,
    unanswered,
)
from order_processing.errors import TransientError
from order_processing.gateways import PaymentGateway, Unknown
from order_processing.operations.context import TRIES_MAX, Services
from order_processing.stores import ConflictError, PutRecord, Record

KIND = "breaker"
GROUP = "breakers"

T = TypeVar("T")
Move = Callable[[Breaker], Breaker | None]

_decoder = msgspec.json.Decoder(Breaker)
_encoder = msgspec.json.Encoder()


class PaymentHeldError(TransientError):
    """The payment provider does not answer, or a person stopped it: nothing was asked, try again later."""

    def __init__(self, breaker: Breaker) -> None:
        until = "a person closes it" if breaker.retry_at is None else f"instant {breaker.retry_at:.3f}"
        super().__init__(f"payments by {breaker.gateway} are held until {until}; nothing was asked, try again later")
        self.gateway = breaker.gateway
        self.retry_at = breaker.retry_at


def breaker_of(services: Services) -> Breaker:
    """How the breaker of the payment gateway stands."""
    return _read(services)[0]


def open_breaker(services: Services, *, by: str, reason: str) -> Breaker:
    """Stops all payments until somebody closes it."""
    now = services.clock.now()
    return _move(services, lambda breaker: opened_by_hand(breaker, now, by=by, reason=reason))


def close_breaker(services: Services, *, by: str, reason: str) -> Breaker:
    """Lets payments pass again, whoever stopped them."""
    return _move(services, lambda breaker: closed_by_hand(breaker, by=by, reason=reason))


def demand_not_held(services: Services) -> None:
    """For those who write something down before they ask: raises PaymentHeldError when nobody may ask now."""
    breaker, _ = _read(services)
    if admitted(breaker, services.policy.breaker, services.clock.now()) is None:
        raise PaymentHeldError(breaker)


def ask(services: Services, order_id: str, question: Callable[[PaymentGateway], T]) -> T:
    """What the gateway answers to *question*, which is about one order; no answer counts against it.

    Raises:
        PaymentHeldError: it was not asked.
    """
    entered = _enter(services)
    answer = question(services.payments)
    if isinstance(answer, Unknown) and not answer.answered:
        now = services.clock.now()
        _note(services, lambda breaker: unanswered(breaker, services.policy.breaker, order_id, now))
    elif answered(entered) is not entered:  # else there was nothing to count again from, as nearly always
        _note(services, answered)
    return answer


def _enter(services: Services) -> Breaker:
    """The breaker as it was when it let this caller pass."""
    breaker, _ = _read(services)
    if breaker.state is BreakerState.CLOSED:
        return breaker
    now = services.clock.now()
    passed = _note(services, lambda breaker: admitted(breaker, services.policy.breaker, now))
    if passed is None:
        raise PaymentHeldError(breaker)
    return passed


def _note(services: Services, move: Move) -> Breaker | None:
    """Like ``_move``, for what other processes may do as well: when they are faster each time, theirs stands."""
    for _ in range(TRIES_MAX):
        breaker, version = _read(services)
        moved = move(breaker)
        if moved is None or moved == breaker or _write(services, moved, version):
            return moved
    return breaker


def _move(services: Services, move: Callable[[Breaker], Breaker]) -> Breaker:
    while True:  # only this breaker's own changes compete, a few per second at worst
        breaker, version = _read(services)
        moved = move(breaker)
        if _write(services, moved, version):
            return moved


def _read(services: Services) -> tuple[Breaker, int | None]:
    """The breaker and the version it is stored under; None: it was never written."""
    record = services.store.record(KIND, services.gateway)
    if record is None:
        return Breaker(gateway=services.gateway), None
    return _decoder.decode(record.document), record.version


def _write(services: Services, breaker: Breaker, version: int | None) -> bool:
    """False: another process was faster."""
    record = Record(
        kind=KIND,
        key=breaker.gateway,
        group=GROUP,
        at=services.clock.now(),
        version=(version or 0) + 1,
        document=_encoder.encode(breaker),
    )
    try:
        services.store.commit((PutRecord(record, version),)).result()
    except ConflictError:
        return False
    return True
