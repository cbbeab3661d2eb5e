"""From an operation's answer to JSON: one compiled closure per shape."""

from collections.abc import Callable
from typing import Any, TypeAlias

from expeditor.api.model import Reference, ServiceModel, Shape

Writer: TypeAlias = Callable[[Any], Any]


class Writers:
    """Compiles the JSON writers of one service's shapes, each once.

    ``None`` is left out, a timestamp is seconds with milliseconds, bytes become base64 when the whole is encoded. A
    member the model lacks raises KeyError: a bug of the handler, found by its first test.
    """

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._compiled: dict[str, Writer] = {}

    def writer(self, reference: Reference) -> Writer:
        """The writer of a referenced shape."""
        name = reference.shape
        if name not in self._compiled:
            self._compiled[name] = lambda value: self._compiled[name](value)
            self._compiled[name] = self._compile(self._model.shapes[name])
        return self._compiled[name]

    def structure(self, shape: Shape, members: frozenset[str]) -> Writer:
        """The writer of only some *members* of a structure; the others are skipped, as they travel elsewhere."""
        writers = {
            name: (reference.location_name or name, self.writer(reference) if name in members else None)
            for name, reference in shape.members.items()
        }

        def write(value: Any) -> dict[str, Any]:
            written = {}
            for name, item in value.items():
                wire_name, write_member = writers[name]
                if item is not None and write_member is not None:
                    written[wire_name] = write_member(item)
            return written

        return write

    def _compile(self, shape: Shape) -> Writer:
        if shape.type == "structure":
            return self.structure(shape, frozenset(shape.members))
        if shape.type == "list":
            assert shape.member is not None
            write_item = self.writer(shape.member)
            return lambda value: [write_item(item) for item in value]
        if shape.type == "map":
            assert shape.value is not None
            write_value = self.writer(shape.value)
            return lambda value: {key: write_value(item) for key, item in value.items()}
        return _timestamp if shape.type == "timestamp" else _as_it_is


def _timestamp(value: float) -> float:
    return round(value, 3)


def _as_it_is(value: Any) -> Any:
    return value
