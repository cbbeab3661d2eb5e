"""Error objects for what the sandbox, rather than the handler, reports. Source of the words: AWS Lambda."""

import os
import signal

import msgspec

_EXIT = "Runtime.ExitError"
_SIGNAL_NAMES = {
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
    signal.SIGKILL: "killed",
    signal.SIGTERM: "terminated",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGILL: "illegal instruction",
    signal.SIGALRM: "alarm clock",
    signal.SIGINT: "interrupt",
}

KILLED = int(signal.SIGKILL)
"""Wait status of a process killed by SIGKILL."""


def timed_out(request_id: str, timeout_seconds: int) -> bytes:
    """JSON text for an invocation that ran longer than it may."""
    return _error(
        "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {timeout_seconds}.00 seconds"
    )


def exited(request_id: str, status: int) -> bytes:
    """JSON text for a process that ended during an invocation; *status* as ``os.waitpid`` gives it."""
    return _error(_EXIT, f"RequestId: {request_id} Error: {exit_text(status)}")


def out_of_memory(request_id: str) -> bytes:
    """JSON text for a handler that took more memory than its function has."""
    return _error("Runtime.OutOfMemory", f"RequestId: {request_id} Error: Runtime exited with error: signal: killed")


def exit_text(status: int) -> str:
    """How Lambda words the end of a runtime's process."""
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return "Runtime exited without providing a reason"
    if code > 0:
        return f"Runtime exited with error: exit status {code}"
    return f"Runtime exited with error: signal: {_signal_name(-code)}"


def _signal_name(number: int) -> str:
    """The word for a signal; a number for most of the real-time ones, which have no name."""
    try:
        found = signal.Signals(number)
    except ValueError:
        return f"signal {number}"
    return _SIGNAL_NAMES.get(found, found.name)


def with_request_id(error: bytes, request_id: str) -> bytes:
    """The error object *error* with another request id."""
    described = msgspec.json.decode(error, type=dict[str, msgspec.Raw])
    described["requestId"] = msgspec.Raw(msgspec.json.encode(request_id))
    return msgspec.json.encode(described)


def _error(error_type: str, message: str) -> bytes:
    return msgspec.json.encode({"errorType": error_type, "errorMessage": message})
