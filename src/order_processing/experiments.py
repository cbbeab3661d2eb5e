"""Both A/B decisions: which pipeline carries an order, and which release of the state machine.

The weights are in a JSON file, read again when it changes::

    {"pipeline": {"instant": 90, "legacy": 10}, "release": {"order-processing-v1.0.0": 100}}
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from order_processing.domain import Assignment, Pipeline
from order_processing.errors import OrderProcessingError

BUCKETS = 10_000
PIPELINE = "pipeline"
RELEASE = "release"

Weights = Mapping[str, int]
Changed = tuple[float, int]


class WeightsError(OrderProcessingError):
    """The weights cannot be used."""


class Experiments:
    """Sticky decisions: an order id always falls into the same bucket of an experiment.

    Args:
        path: file of weights; None: all orders are instant, on the release that is current.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: Changed | None = None
        self._weights: Mapping[str, Weights] = {}

    def pipeline(self, order_id: str, at: float) -> Assignment:
        """Point 1, in the order service; without readable weights the order takes the proven way, legacy."""
        try:
            weights = self._read().get(PIPELINE)
        except WeightsError as error:
            return _decided(PIPELINE, Pipeline.LEGACY.value, f"fallback: {error}", at)
        if weights is None:
            return _decided(PIPELINE, Pipeline.INSTANT.value, "default", at)
        return _drawn(PIPELINE, weights, order_id, at)

    def release(self, order_id: str, current: str, at: float) -> Assignment:
        """Point 2, in the dispatcher; without readable weights the order takes the *current* release."""
        try:
            weights = self._read().get(RELEASE)
        except WeightsError as error:
            return _decided(RELEASE, current, f"fallback: {error}", at)
        if weights is None:
            return _decided(RELEASE, current, "default", at)
        return _drawn(RELEASE, weights, order_id, at)

    def _read(self) -> Mapping[str, Weights]:
        if self._path is None:
            return {}
        try:
            state = self._path.stat()
            seen = (state.st_mtime, state.st_size)
            if seen != self._seen:
                self._weights = _parsed(self._path.read_bytes())
                self._seen = seen
        except (OSError, msgspec.DecodeError) as error:
            raise WeightsError(f"{self._path.name} cannot be read ({error})") from error
        return self._weights


def bucket_of(experiment: str, order_id: str) -> int:
    """0 to 9999, evenly spread; the experiment's name is the salt, so that experiments are independent."""
    digest = hashlib.sha256(f"{experiment}/{order_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def _parsed(text: bytes) -> Mapping[str, Weights]:
    weights = msgspec.json.decode(text, type=dict[str, dict[str, int]])
    for experiment, variants in weights.items():
        if any(weight < 0 for weight in variants.values()) or sum(variants.values()) <= 0:
            raise WeightsError(f"the weights of {experiment} must be 0 or more, and one of them above 0")
    strange = set(weights.get(PIPELINE, {})) - {pipeline.value for pipeline in Pipeline}
    if strange:
        raise WeightsError(f"there is no pipeline {strange.pop()!r}; use instant and legacy")
    return weights


def _drawn(experiment: str, weights: Weights, order_id: str, at: float) -> Assignment:
    bucket = bucket_of(experiment, order_id)
    upto = 0
    for variant, weight in weights.items():
        upto += weight
        if bucket * sum(weights.values()) < upto * BUCKETS:
            return Assignment(experiment=experiment, variant=variant, rule="weights", bucket=bucket, at=at)
    raise AssertionError("the last variant reaches the last bucket")


def _decided(experiment: str, variant: str, rule: str, at: float) -> Assignment:
    return Assignment(experiment=experiment, variant=variant, rule=rule, bucket=-1, at=at)
