"""Both A/B decisions: which pipeline carries an order, and which release of the state machine.

Decisions are made by whatever OpenFeature provider is plugged in; without another one it is flagd's evaluator on a
document of flags (``docs/releases.md`` shows one). The SDK is loaded with the first decision, as most functions make
none.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from order_processing.clock import Clock
from order_processing.domain import Assignment, Offer, Order, Pipeline

if TYPE_CHECKING:
    from openfeature.provider import FeatureProvider

    from order_processing.experiments.decisions import Decisions

PIPELINE = "pipeline"
RELEASE = "release"

PIPELINES = frozenset(pipeline.value for pipeline in Pipeline)
"""The variants of the first experiment."""

ProviderFactory = Callable[[], "FeatureProvider"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What rules may look at.

    Attributes:
        order_id: what the decision sticks to.
        category: of the offer; "" when it is not on sale any more.
        amount_minor: of the whole order.
    """

    order_id: str
    user_guid: str = ""
    unit_id: str = ""
    city: str = ""
    category: str = ""
    kind: str = ""
    amount_minor: int = 0


def subject_of(order: Order, offer: Offer | None) -> Subject:
    """The subject that an order is."""
    return Subject(
        order_id=order.order_id,
        user_guid=order.user_guid,
        unit_id=order.unit_id,
        city=order.city,
        category=offer.category.value if offer is not None else "",
        kind=order.kind.value,
        amount_minor=order.amount.amount_minor,
    )


class Experiments:
    """Sticky decisions: the same order in the same experiment falls into the same bucket.

    Args:
        path: document of flags; None: all orders are instant, on the release that is current.
        provider: makes another OpenFeature provider, which is asked instead.
    """

    def __init__(self, path: Path | None, provider: ProviderFactory | None = None) -> None:
        self._provider = provider if path is None else lambda: _file_provider(path)
        self._decisions: Decisions | None = None

    def pipeline(self, subject: Subject, at: float) -> Assignment:
        """Point 1, in the order service; without a usable answer the order takes the proven way, legacy."""
        if self._provider is None:
            return _default(PIPELINE, Pipeline.INSTANT.value, at)
        return self._asked(self._provider).decide(PIPELINE, subject, Pipeline.LEGACY.value, at, PIPELINES)

    def release(self, subject: Subject, current: str, at: float) -> Assignment:
        """Point 2, in the dispatcher, among any number; without a usable answer it is the *current* release."""
        if self._provider is None:
            return _default(RELEASE, current, at)
        return self._asked(self._provider).decide(RELEASE, subject, current, at)

    def _asked(self, provider: ProviderFactory) -> "Decisions":
        if self._decisions is None:
            self._decisions = importlib.import_module("order_processing.experiments.decisions").Decisions(provider)
        return self._decisions


def open_experiments(environment: Mapping[str, str], clock: Clock) -> Experiments:
    """The experiments an environment describes.

    ``EXPERIMENTS_PROVIDER`` names another OpenFeature provider as ``module:factory``; ``EXPERIMENTS_FILE`` a document
    of flags; ``EXPERIMENTS_PARAMETER`` a parameter of AWS Systems Manager that holds one. The first of them counts.
    """
    other = environment.get("EXPERIMENTS_PROVIDER")
    path = environment.get("EXPERIMENTS_FILE")
    parameter = environment.get("EXPERIMENTS_PARAMETER")
    if other:
        return Experiments(None, lambda: _plugged_in(other))
    if path:
        return Experiments(Path(path))
    return Experiments(None, (lambda: _parameter_provider(parameter, clock)) if parameter else None)


def _file_provider(path: Path) -> "FeatureProvider":
    from order_processing.experiments.provider import FlagsProvider
    from order_processing.experiments.sources import FileSource

    return FlagsProvider(FileSource(path))


def _parameter_provider(name: str, clock: Clock) -> "FeatureProvider":
    from order_processing.experiments.provider import FlagsProvider
    from order_processing.experiments.sources import ParameterSource

    return FlagsProvider(ParameterSource(name, clock))


def _plugged_in(name: str) -> "FeatureProvider":
    module, _, factory = name.partition(":")
    provider: FeatureProvider = getattr(importlib.import_module(module), factory)()
    return provider


def _default(experiment: str, variant: str, at: float) -> Assignment:
    return Assignment(experiment=experiment, variant=variant, rule="default", bucket=-1, at=at)
