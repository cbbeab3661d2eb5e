"""An OpenFeature provider: flagd's own evaluator on a document of flags that is read again when it changes."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import cbor2
import mmh3
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, OpenFeatureError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider
from openfeature.provider.metadata import Metadata

from order_processing.experiments.sources import FlagsUnreachableError, Source

BUCKETS = 10_000
SALT = "salt"
"""Metadata of a flag: what its ``fractional`` puts in front of the targeting key, as ``SALT/KEY``."""

T = TypeVar("T")
Ask = Callable[[str, T, EvaluationContext | None], FlagResolutionDetails[T]]
Objects = Sequence[FlagValueType] | Mapping[str, FlagValueType]


class FlagsProvider(AbstractProvider):
    """Answers from the last document that could be read and understood; errors only while there has been none.

    To the flag's own metadata it adds ``bucket``, 0 to 9999, where the flag names its salt, and ``stale`` while the
    document cannot be read.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._core = FlagdCore()
        self._is_read = False
        self._problem = f"{source.name} has not been read yet"

    def get_metadata(self) -> Metadata:
        """Its name."""
        return Metadata(name="order-processing-flags")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """A boolean flag."""
        return self._resolve(self._core.resolve_boolean_value, flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """A flag of strings; both experiments are such."""
        return self._resolve(self._core.resolve_string_value, flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """A flag of whole numbers."""
        return self._resolve(self._core.resolve_integer_value, flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """A flag of numbers."""
        return self._resolve(self._core.resolve_float_value, flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self, flag_key: str, default_value: Objects, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Objects]:
        """A flag of objects or lists."""
        return self._resolve(self._core.resolve_object_value, flag_key, default_value, evaluation_context)

    def _resolve(
        self, ask: Ask[T], key: str, default: T, context: EvaluationContext | None
    ) -> FlagResolutionDetails[T]:
        is_stale = not self._refresh()
        if not self._is_read:
            return _failed(default, ErrorCode.GENERAL, self._problem)
        try:
            details = ask(key, default, context)
        except OpenFeatureError as error:
            return _failed(default, error.error_code, error.error_message or "")
        extra = _bucket(details.flag_metadata.get(SALT), context) | ({"stale": True} if is_stale else {})
        details.flag_metadata = {**details.flag_metadata, **extra}
        return details

    def _refresh(self) -> bool:
        """Whether the document is the present one; a broken one is reported once and the one before it stays."""
        try:
            text = self._source.changed()
            if text is not None:
                self._core.set_flags(text.decode())
                self._is_read = True
        except (FlagsUnreachableError, OpenFeatureError, ValueError, AttributeError) as error:
            self._problem = f"{self._source.name}: {error}"
            return False
        return True


def _bucket(salt: object, context: EvaluationContext | None) -> dict[str, bool | int | float | str]:
    """The bucket that flagd's ``fractional`` finds for ``SALT/KEY``, on a scale of 10,000.

    Source: flagd's specification of fractional evaluation: CBOR, MurmurHash3, multiply and shift.
    """
    if salt is None or context is None or not context.targeting_key:
        return {}
    hashed = mmh3.hash(cbor2.dumps(f"{salt}/{context.targeting_key}", canonical=True), signed=False)
    return {"bucket": hashed * BUCKETS >> 32}


def _failed(default: T, code: ErrorCode, message: str) -> FlagResolutionDetails[T]:
    return FlagResolutionDetails(default, error_code=code, error_message=message, reason=Reason.ERROR)
