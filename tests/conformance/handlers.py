"""Runs the handlers of recorded cases in this process, with the outcomes that Lambda gives them."""

import json
import traceback
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TASK_ROOT = "/var/task"


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended.

    Attributes:
        payload: the result's JSON text, or the error object's.
        error: name of the error, None after success.
        seconds: how long it took on the virtual clock.
    """

    payload: bytes
    error: str | None = None
    seconds: float = 0.0


class Function:
    """One deployed function."""

    def __init__(self, name: str, handler: str, files: dict[str, str]) -> None:
        self.name = name
        self._slept = 0.0
        module, attribute = handler.rsplit(".", 1)
        self._source = files[f"{module}.py"]
        self._file = f"{_TASK_ROOT}/{module}.py"
        namespace: dict[str, Any] = {"__name__": module}
        exec(compile(self._source, self._file, "exec"), namespace)
        if "time" in namespace:
            namespace["time"] = types.SimpleNamespace(sleep=self._sleep)
        self._handler: Callable[[Any, Any], Any] = namespace[attribute]

    def _sleep(self, seconds: float) -> None:
        self._slept += seconds

    def invoke(self, event: Any) -> Outcome:
        """Calls the handler."""
        self._slept = 0.0
        try:
            result = self._handler(event, None)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its outcome
            return Outcome(self._error(error), type(error).__name__, self._slept)
        payload = result if isinstance(result, bytes) else json.dumps(result).encode()
        return Outcome(payload, None, self._slept)

    def _error(self, error: Exception) -> bytes:
        lines = self._source.splitlines()
        trace = [
            f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}\n'
            f"    {lines[(frame.lineno or 1) - 1].strip()}\n"
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == self._file
        ]
        body = {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "requestId": "00000000-0000-4000-8000-000000000001",
            "stackTrace": trace,
        }
        return json.dumps(body).encode()
