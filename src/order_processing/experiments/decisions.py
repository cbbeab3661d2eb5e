"""From an order to a recorded decision, through OpenFeature."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from itertools import count

from openfeature import api
from openfeature.evaluation_context import EvaluationContext, EvaluationContextAttribute
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
from openfeature.provider import FeatureProvider

from order_processing.domain import Assignment
from order_processing.experiments import Subject

STABLE = "stable"
"""Metadata of a flag: the variant for everyone while the flag is disabled."""

_domains = count(1)


class Decisions:
    """Asks one provider; each instance binds its own to a domain of the SDK.

    Args:
        make: the provider; if it cannot be made or does not get ready, all decisions fall back.
    """

    def __init__(self, make: Callable[[], FeatureProvider]) -> None:
        domain = f"order-processing-{next(_domains)}"
        self._client = api.get_client(domain)
        self._unusable: str | None = None
        try:
            api.set_provider_and_wait(make(), domain)
        except Exception as error:  # noqa: BLE001 - somebody else's code: whatever it raises must not cost an order
            self._unusable = f"the provider cannot be used ({error})"

    def decide(
        self, experiment: str, subject: Subject, fallback: str, at: float, known: AbstractSet[str] | None = None
    ) -> Assignment:
        """The decision for *subject*; never raises.

        Args:
            fallback: where no usable answer comes.
            known: the variants there are; None: any.
        """
        details = self._client.get_string_details(experiment, fallback, _context(subject, at))
        problem = self._unusable or _problem(details, known)
        if problem is not None:
            return _assignment(experiment, fallback, f"fallback: {problem}", at)
        metadata = details.flag_metadata
        if details.reason == Reason.DISABLED:
            return _killed(experiment, str(metadata.get(STABLE, fallback)), fallback, at, known)
        stale = ", last known weights" if metadata.get("stale") else ""
        bucket = metadata.get("bucket", -1)
        return Assignment(
            experiment=experiment,
            variant=details.value,
            rule=_rule(details) + stale,
            bucket=int(bucket) if isinstance(bucket, int) else -1,
            at=at,
        )


def _killed(experiment: str, stable: str, fallback: str, at: float, known: AbstractSet[str] | None) -> Assignment:
    """The variant for everyone while the flag is disabled; a misspelt one must not cost an order either."""
    if known is not None and stable not in known:
        return _assignment(experiment, fallback, f"kill switch, fallback: there is no variant {stable!r}", at)
    return _assignment(experiment, stable, "kill switch", at)


def _context(subject: Subject, at: float) -> EvaluationContext:
    attributes: dict[str, EvaluationContextAttribute] = {
        "user_guid": subject.user_guid,
        "unit_id": subject.unit_id,
        "city": subject.city,
        "category": subject.category,
        "kind": subject.kind,
        "amount_minor": subject.amount_minor,
        "at": at,
    }
    return EvaluationContext(subject.order_id, attributes)


def _problem(details: FlagEvaluationDetails[str], known: AbstractSet[str] | None) -> str | None:
    if details.error_code is not None:
        return details.error_message or details.error_code.value
    if not details.value or (known is not None and details.value not in known):
        return f"there is no variant {details.value!r}"
    return None


def _rule(details: FlagEvaluationDetails[str]) -> str:
    """What decided: the rule that a variant such as ``order-processing-v1.1.0@employees`` names, else the reason."""
    rule = (details.variant or "").partition("@")[2]
    return rule or str(details.reason or "unknown").lower()


def _assignment(experiment: str, variant: str, rule: str, at: float) -> Assignment:
    return Assignment(experiment=experiment, variant=variant, rule=rule, bucket=-1, at=at)
