"""Errors as Lambda's Python runtime writes them."""

import json
import os
import traceback
from typing import Any

MESSAGE_MAX = 262_144

TASK_ROOT = "/var/task"
"""Where AWS unpacks a function's code; stack traces show its files there, wherever they are here."""


class SandboxError(Exception):
    """An error that the runtime itself reports, such as a handler that is not there."""

    def __init__(self, error_type: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.trace = trace or []


def error_object(fault: SandboxError, request_id: str) -> dict[str, Any]:
    """The error object of *fault*."""
    return _object(fault.message, fault.error_type, fault.trace, request_id)


def exception_object(error: BaseException, request_id: str, own_files: str) -> dict[str, Any]:
    """The error object of an exception; frames of files below *own_files* at its start are left out."""
    frames = traceback.extract_tb(error.__traceback__)
    while frames and frames[0].filename.startswith(own_files):
        frames.pop(0)
    trace = [as_unpacked(entry) for entry in traceback.format_list(frames)]
    return _object(_text(error), type(error).__name__, trace, request_id)


def as_unpacked(entry: str) -> str:
    """An entry of a stack trace with a file of the function's own named as on AWS."""
    root = os.environ.get("LAMBDA_TASK_ROOT")
    return entry.replace(f'  File "{root}/', f'  File "{TASK_ROOT}/', 1) if root else entry


def log_text(error: dict[str, Any]) -> str:
    """The error object as the runtime prints it to the log."""
    lines = [f"[ERROR] {error['errorType']}: {error['errorMessage']}"]
    if error["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        lines.extend(line for entry in error["stackTrace"] for line in entry.splitlines())
    return "\n".join(lines) + "\n"


def encode_error(error: dict[str, Any]) -> bytes:
    """JSON text of an error object; what is not Unicode text, such as half a surrogate pair, is replaced."""
    return json.dumps(error, ensure_ascii=False).encode(errors="replace")


def _object(message: str, error_type: str, trace: list[str], request_id: str) -> dict[str, Any]:
    message = message[:MESSAGE_MAX]
    return {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": trace}


def _text(error: BaseException) -> str:
    """``str`` of an exception; its own ``__str__`` may fail."""
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - the edge to a handler's code, which may raise anything
        return f"<{type(error).__name__} whose text raised {type(second).__name__}>"
