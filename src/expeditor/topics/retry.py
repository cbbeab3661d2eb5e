"""When a failed delivery is tried again: AWS's delivery policy in its four phases, with jitter.

Phases of the retries, in order: *no delay*, *minimum delay*, *backoff* between minimum and maximum, *maximum delay*.
Source: Amazon SNS developer guide, "Message delivery retries".
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

import msgspec

from expeditor.topics.errors import InvalidParameterError


class Backoff(StrEnum):
    """How the delay grows from minimum to maximum."""

    LINEAR = "linear"
    ARITHMETIC = "arithmetic"
    GEOMETRIC = "geometric"
    EXPONENTIAL = "exponential"


class RetryPolicy(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A ``healthyRetryPolicy``; field defaults are AWS's for a policy that leaves them out.

    Attributes:
        num_retries: attempts after the first, 0 to 100.
        num_no_delay_retries, num_min_delay_retries, num_max_delay_retries: lengths of the phases; backoff is the rest.
        min_delay_target, max_delay_target: seconds, 1 to 3600.
    """

    num_retries: int = 3
    num_no_delay_retries: int = 0
    num_min_delay_retries: int = 0
    num_max_delay_retries: int = 0
    min_delay_target: float = 20
    max_delay_target: float = 20
    backoff_function: Backoff = Backoff.LINEAR

    def __post_init__(self) -> None:
        phases = (self.num_no_delay_retries, self.num_min_delay_retries, self.num_max_delay_retries)
        if not 0 <= self.num_retries <= 100:
            raise ValueError("numRetries must be between 0 and 100")
        if min(phases) < 0 or sum(phases) > self.num_retries:
            raise ValueError("numRetries must be at least the sum of the retries of the single phases")
        if not 1 <= self.min_delay_target <= self.max_delay_target <= 3600:
            raise ValueError("delays must satisfy 1 <= minDelayTarget <= maxDelayTarget <= 3600")


class _DeliveryPolicy(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    healthy_retry_policy: RetryPolicy | None = None


DEFAULT_RETRY_POLICY = RetryPolicy(
    num_retries=50,
    num_no_delay_retries=3,
    num_min_delay_retries=2,
    num_max_delay_retries=35,
    min_delay_target=1,
    max_delay_target=20,
    backoff_function=Backoff.EXPONENTIAL,
)
"""Three retries at once, two after 1 s, ten growing from 1 s to 20 s, then every 20 s: about 13 minutes in all.

AWS has the same first three phases for Lambda endpoints, and then goes on for 23 days.
"""

_GROWTH: Mapping[Backoff, Callable[[float, float, float], float]] = {
    Backoff.LINEAR: lambda low, high, part: low + (high - low) * part,
    Backoff.ARITHMETIC: lambda low, high, part: low + (high - low) * part * (1 + part) / 2,
    Backoff.GEOMETRIC: lambda low, high, part: low + (high - low) * part * part,
    Backoff.EXPONENTIAL: lambda low, high, part: low * (high / low) ** part,
}


def parse_delivery_policy(text: str) -> RetryPolicy:
    """The retry policy of a subscription's ``DeliveryPolicy`` attribute.

    Raises:
        InvalidParameterError: not JSON, an unknown field, or a number out of its range.
    """
    try:
        found = msgspec.json.decode(text, type=_DeliveryPolicy)
    except msgspec.DecodeError as error:
        raise InvalidParameterError(f"Invalid parameter: DeliveryPolicy: {error}") from error
    return found.healthy_retry_policy or DEFAULT_RETRY_POLICY


def retry_delay_seconds(policy: RetryPolicy, retry: int, draw: float = 1.0) -> float:
    """Seconds to wait before retry number *retry*.

    Args:
        retry: 1 for the first retry, not for the first attempt; at most ``num_retries``.
        draw: 0 < draw <= 1, chosen by the caller; the delay is between half and all of the target.
    """
    assert 1 <= retry <= policy.num_retries
    assert 0 < draw <= 1
    return _target(policy, retry) * (0.5 + 0.5 * draw)


def _target(policy: RetryPolicy, retry: int) -> float:
    quick = policy.num_no_delay_retries
    backoff_starts = quick + policy.num_min_delay_retries
    backoff_ends = policy.num_retries - policy.num_max_delay_retries
    if retry <= quick:
        return 0.0
    if retry <= backoff_starts:
        return policy.min_delay_target
    if retry > backoff_ends:
        return policy.max_delay_target
    part = (retry - backoff_starts) / (backoff_ends - backoff_starts)
    return _GROWTH[policy.backoff_function](policy.min_delay_target, policy.max_delay_target, part)
