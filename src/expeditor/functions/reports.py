"""One invocation's log: what is kept of it, and the text that Lambda writes."""

import math
from datetime import UTC, datetime

import msgspec

TAIL_BYTES = 4096


class Report(msgspec.Struct, frozen=True, array_like=True):
    """What the log of one invocation is made of; the text is made when someone reads it.

    Attributes:
        request_id: empty for what was printed while the version was loaded.
        duration_ms: how long it took; *memory_mb*: what the function has; *used_mb*: what its process took at most.
        status: empty, or ``timeout`` or ``error`` for an invocation that the sandbox ended.
    """

    request_id: str
    version: str
    printed: str
    duration_ms: float = 0.0
    memory_mb: int = 0
    used_mb: int = 0
    status: str = ""

    def text(self) -> str:
        """START line, what was printed, END and REPORT lines; without a request id just what was printed."""
        if not self.request_id:
            return self.printed
        printed, request_id = self.printed, self.request_id
        if printed and not printed.endswith("\n"):
            printed += "\n"
        suffix = f"\tStatus: {self.status}" if self.status else ""
        return (
            f"START RequestId: {request_id} Version: {self.version}\n{printed}END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {self.duration_ms:.2f} ms"
            f"\tBilled Duration: {math.ceil(self.duration_ms)} ms\tMemory Size: {self.memory_mb} MB"
            f"\tMax Memory Used: {self.used_mb} MB{suffix}\n"
        )

    def tail(self) -> bytes:
        """The last 4 KiB of the text."""
        return self.text().encode()[-TAIL_BYTES:]


def timeout_line(request_id: str, timeout_seconds: int, at: float) -> bytes:
    """The line of an invocation that was ended at the instant *at*."""
    instant = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{instant} {request_id} Task timed out after {timeout_seconds}.00 seconds\n".encode()


def exit_line(request_id: str, reason: str) -> bytes:
    """The line of an invocation whose process ended."""
    return f"RequestId: {request_id} Error: {reason}\nRuntime.ExitError\n".encode()
