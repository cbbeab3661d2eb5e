"""The text of one invocation's log, as Lambda writes it."""

import math
from datetime import UTC, datetime


def invocation_text(
    request_id: str, version: str, printed: bytes, *, duration_ms: float, memory: tuple[int, int], status: str = ""
) -> bytes:
    """START line, what was *printed*, END and REPORT lines.

    Args:
        memory: MB the function has, and MB its process took at most.
        status: empty, or ``timeout`` or ``error`` for an invocation that the sandbox ended.
    """
    size_mb, used_mb = memory
    if printed and not printed.endswith(b"\n"):
        printed += b"\n"
    suffix = f"\tStatus: {status}" if status else ""
    start = f"START RequestId: {request_id} Version: {version}\n"
    end = (
        f"END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms"
        f"\tBilled Duration: {math.ceil(duration_ms)} ms\tMemory Size: {size_mb} MB\tMax Memory Used: {used_mb} MB"
        f"{suffix}\n"
    )
    return start.encode() + printed + end.encode()


def timeout_line(request_id: str, timeout_seconds: int, at: float) -> bytes:
    """The line of an invocation that was ended at the instant *at*."""
    instant = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{instant} {request_id} Task timed out after {timeout_seconds}.00 seconds\n".encode()


def exit_line(request_id: str, reason: str) -> bytes:
    """The line of an invocation whose process ended."""
    return f"RequestId: {request_id} Error: {reason}\nRuntime.ExitError\n".encode()
