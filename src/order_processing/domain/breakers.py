"""The circuit breaker of a payment gateway: when it is asked, when it is left alone, when it is tried again."""

from enum import Enum

import msgspec


class BreakerState(Enum):
    """CLOSED: everything passes. OPEN: nothing does. HALF_OPEN: a few try out whether the gateway is back."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds.

    Attributes:
        failures_max: so many different orders without an answer in a row open it; one answer begins the count again.
        window_seconds: silences further apart than this are not counted together.
        open_seconds, open_seconds_max: first pause, and the longest one that doubling leads to.
        probes_max: orders that may try at once while it is half-open; one answer closes it, so many silences open it.
        probe_seconds: after so long a try counts as lost with the process that made it.
    """

    failures_max: int = 10
    window_seconds: float = 60.0
    open_seconds: float = 5.0
    open_seconds_max: float = 60.0
    probes_max: int = 3
    probe_seconds: float = 30.0


class Breaker(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the breaker of one gateway stands, in all processes.

    Attributes:
        failed: orders that got no answer since the last one that did, in this state.
        failed_since: instant of the first of them.
        opened_at: instant of the last opening, 0.0 before the first.
        retry_at: when an open one lets somebody try; None: when a person closes it.
        openings: how often it opened in a row, which makes the pauses longer.
        probes: when those set out that try now.
        by, reason: who moved it by hand and why; "" when it moved itself.
    """

    gateway: str
    state: BreakerState = BreakerState.CLOSED
    failed: tuple[str, ...] = ()
    failed_since: float = 0.0
    opened_at: float = 0.0
    retry_at: float | None = None
    openings: int = 0
    probes: tuple[float, ...] = ()
    by: str = ""
    reason: str = ""


def admitted(breaker: Breaker, policy: BreakerPolicy, now: float) -> Breaker | None:
    """*breaker* with one more caller on its way, the same while it is closed; None: nobody may pass now."""
    if breaker.state is BreakerState.CLOSED:
        return breaker
    if breaker.state is BreakerState.OPEN:
        if breaker.retry_at is None or now < breaker.retry_at:
            return None
        return _changed(breaker, state=BreakerState.HALF_OPEN, failed=(), probes=(now,))
    trying = tuple(at for at in breaker.probes if now - at < policy.probe_seconds)
    return _changed(breaker, probes=(*trying, now)) if len(trying) < policy.probes_max else None


def answered(breaker: Breaker) -> Breaker:
    """*breaker* after the gateway gave an answer; one that is open stays so, as the answer may have been on its way."""
    if breaker.state is BreakerState.OPEN:
        return breaker
    return _closed(breaker) if breaker.state is BreakerState.HALF_OPEN or breaker.failed else breaker


def unanswered(breaker: Breaker, policy: BreakerPolicy, subject: str, now: float) -> Breaker:
    """*breaker* after the gateway gave no answer about the order *subject*."""
    if breaker.state is BreakerState.OPEN:
        return breaker
    if breaker.state is BreakerState.HALF_OPEN:
        failed = (*breaker.failed, subject)
        tried = _changed(breaker, failed=failed, probes=breaker.probes[1:])
        return _opened(tried, policy, now) if len(failed) >= policy.probes_max else tried
    if now - breaker.failed_since > policy.window_seconds:
        breaker = _changed(breaker, failed=(), failed_since=now)
    if subject in breaker.failed:
        return breaker
    counted = _changed(breaker, failed=(*breaker.failed, subject))
    return _opened(counted, policy, now) if len(counted.failed) >= policy.failures_max else counted


def opened_by_hand(breaker: Breaker, now: float, *, by: str, reason: str) -> Breaker:
    """*breaker* open until a person closes it."""
    return Breaker(gateway=breaker.gateway, state=BreakerState.OPEN, opened_at=now, by=by, reason=reason)


def closed_by_hand(breaker: Breaker, *, by: str, reason: str) -> Breaker:
    """*breaker* closed, whatever it had counted."""
    return _changed(_closed(breaker), by=by, reason=reason)


def _closed(breaker: Breaker) -> Breaker:
    return Breaker(gateway=breaker.gateway, opened_at=breaker.opened_at)


def _opened(breaker: Breaker, policy: BreakerPolicy, now: float) -> Breaker:
    pause = min(policy.open_seconds_max, policy.open_seconds * 2**breaker.openings)
    return Breaker(
        gateway=breaker.gateway,
        state=BreakerState.OPEN,
        failed=breaker.failed,
        failed_since=breaker.failed_since,
        opened_at=now,
        retry_at=now + pause,
        openings=breaker.openings + 1,
    )


_changed = msgspec.structs.replace
