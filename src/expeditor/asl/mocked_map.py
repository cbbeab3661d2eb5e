"""A Map state whose iterations are not run: its fields are evaluated and noted, its outcome is given."""

from dataclasses import dataclass

from expeditor.asl.dataflow import Dataflow, Variables
from expeditor.asl.datasets import DatasetError, read_items
from expeditor.asl.execution import Failure, MapRun
from expeditor.asl.inspection import Seen
from expeditor.asl.model import Language, MapState
from expeditor.asl.scope import Scope
from expeditor.asl.states import distributed
from expeditor.asl.states.objects import READER_FAILED
from expeditor.asl.turn import StateFailedError
from expeditor.errors import ServiceError
from expeditor.payloads import JSONValue


class TooManyFailedItemsError(ServiceError):
    """More iterations are said to have failed than there are items."""

    code = "ValidationException"

    def __init__(self, failed: int, items: int) -> None:
        super().__init__(
            f"MapIterationFailureCount must not be larger than the number of items of the Map state: {failed} > {items}"
        )
        self.failed = failed
        self.items = items


@dataclass(slots=True)
class MockedMap:
    """The data flow of a Map state as that of one task.

    Attributes:
        dataset: what the ItemReader reads; None without.
        failed: iterations that failed.
        is_beyond_tolerance: whether those are more than may fail; known once the input was taken.
    """

    state: MapState
    flow: Dataflow
    seen: Seen
    dataset: bytes | None
    failed: int
    is_beyond_tolerance: bool = False

    def take(self, scope: Scope) -> JSONValue:
        """The effective input. Raises EvaluationError, StateFailedError, TooManyFailedItemsError."""
        effective = scope.input = self.flow.take(scope)
        self.seen.values["maxConcurrency"] = int(distributed.count(self.state.width, scope) or 0)
        run = self._run(scope)
        chosen = self._selected(scope, self._items(scope), effective)
        if self.failed > len(chosen):
            raise TooManyFailedItemsError(self.failed, len(chosen))
        run.total = len(self._batched(scope, chosen))
        self.is_beyond_tolerance = self.failed > 0 and run.is_beyond_tolerance
        return effective

    def give(self, scope: Scope, raw: JSONValue, result: JSONValue) -> tuple[Variables | None, JSONValue]:
        """As the state's own data flow."""
        return self.flow.give(scope, raw, result)

    def hand_on(self, scope: Scope, effective: JSONValue) -> tuple[Variables | None, JSONValue]:
        """As the state's own data flow."""
        return self.flow.hand_on(scope, effective)

    def _run(self, scope: Scope) -> MapRun:
        run = MapRun(arn="", started_at=scope.at, running_max=0, failed=self.failed)
        if self.state.distribution is not None:
            tolerance = self.state.distribution.tolerance
            run.failed_max = distributed.count(tolerance.count, scope)
            run.failed_percentage_max = distributed.count(tolerance.percentage, scope)
        if run.failed_max is not None:
            self.seen.values["toleratedFailureCount"] = int(run.failed_max)
        if run.failed_percentage_max is not None:
            self.seen.values["toleratedFailurePercentage"] = float(run.failed_percentage_max)
        return run

    def _items(self, scope: Scope) -> list[JSONValue]:
        distribution = self.state.distribution
        if distribution is not None and distribution.reading is not None:
            return self._read(scope)
        found = self.state.items(scope)
        if self.state.language is Language.JSONPATH:
            self.seen.values["afterItemsPath"] = found
        return found if isinstance(found, list) else []

    def _read(self, scope: Scope) -> list[JSONValue]:
        distribution = self.state.distribution
        assert distribution is not None
        assert distribution.reading is not None
        if self.dataset is None:
            return []
        most = distributed.count(distribution.reading.items_max, scope)
        try:
            items = read_items(self.dataset, distribution.reading.form, int(most) if most else None)
        except DatasetError as error:
            raise StateFailedError(Failure(READER_FAILED, str(error))) from error
        if distribution.reading.form.pointer:
            self.seen.values["afterItemsPointer"] = items
        return items

    def _selected(self, scope: Scope, items: list[JSONValue], effective: JSONValue) -> list[JSONValue]:
        selector = self.state.selector
        if selector is None:
            return items
        context = scope.context
        assert isinstance(context, dict)
        chosen = []
        for index, value in enumerate(items):
            scope.context = {**context, "Map": {"Item": {"Index": index, "Value": value}}}
            scope.input = effective
            chosen.append(selector(scope))
        scope.context = context
        self.seen.values["afterItemSelector"] = chosen
        return chosen

    def _batched(self, scope: Scope, chosen: list[JSONValue]) -> list[JSONValue]:
        distribution = self.state.distribution
        if distribution is None or distribution.batching is None:
            return chosen
        batches = distributed.batches(distribution.batching, chosen, scope)
        self.seen.values["afterItemBatcher"] = batches
        return batches
