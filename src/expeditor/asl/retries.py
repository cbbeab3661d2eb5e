"""Retriers and catchers: which one an error name meets, and when the next try is due."""

from collections.abc import Sequence
from dataclasses import dataclass

from expeditor.asl.dataflow import Dataflow
from expeditor.ids import Draws

ALL = "States.ALL"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
RUNTIME = "States.Runtime"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"

TIMEOUTS = frozenset({TIMEOUT, HEARTBEAT_TIMEOUT})


@dataclass(frozen=True, slots=True)
class Retrier:
    """One entry of ``Retry``.

    Attributes:
        max_delay_seconds: None without limit.
        full_jitter: whether the delay is drawn between zero and what the other fields give.
    """

    error_equals: frozenset[str]
    interval_seconds: float = 1.0
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: float | None = None
    full_jitter: bool = False


@dataclass(frozen=True, slots=True)
class Catcher:
    """One entry of ``Catch``; *flow* makes the next state's input of the error output."""

    error_equals: frozenset[str]
    next: str
    flow: Dataflow


def is_matched(error: str | None, names: frozenset[str]) -> bool:
    """Whether *error* meets one of *names*, wildcards included.

    Source: Step Functions developer guide, "Handling errors": States.ALL meets all but States.Runtime,
    States.TaskFailed meets all but time-outs, States.Timeout also meets a missed heartbeat.
    """
    if error == RUNTIME:
        return False
    if error in names or ALL in names:
        return True
    if error in TIMEOUTS:
        return TIMEOUT in names
    return TASK_FAILED in names


def retry_delay_seconds(retrier: Retrier, attempt: int, draws: Draws) -> float:
    """Seconds to wait before retry number *attempt*, 1 for the first retry.

    Source: ASL specification, "Retrying after error".
    """
    assert attempt >= 1
    delay = _backed_off(retrier, attempt)
    if retrier.max_delay_seconds is not None:
        delay = min(delay, retrier.max_delay_seconds)
    return draws.random().uniform(0, delay) if retrier.full_jitter else delay


def _backed_off(retrier: Retrier, attempt: int) -> float:
    """Capped at a million years, where a float still tells seconds apart."""
    try:
        return min(retrier.interval_seconds * retrier.backoff_rate ** (attempt - 1), 3e13)
    except OverflowError:
        return 3e13


def next_retry(retriers: Sequence[Retrier], attempts: list[int], error: str | None, draws: Draws) -> float | None:
    """The delay in seconds before the next try, or None if *error* is not to be retried (again).

    Args:
        attempts: retries used so far per retrier; the one that matches is counted up.
    """
    for index, retrier in enumerate(retriers):
        if is_matched(error, retrier.error_equals):
            if attempts[index] >= retrier.max_attempts:
                return None
            attempts[index] += 1
            return retry_delay_seconds(retrier, attempts[index], draws)
    return None


def matching_catcher(catchers: Sequence[Catcher], error: str | None) -> Catcher | None:
    """The first catcher that *error* meets."""
    return next((catcher for catcher in catchers if is_matched(error, catcher.error_equals)), None)
