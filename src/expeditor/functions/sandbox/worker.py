"""A worker: runs one invocation after the other."""

import json
import os
import socket
import sys
import threading
from typing import Any

import msgspec

from .clock import Deadline
from .faults import SandboxError, encode_error, error_object, exception_object, log_text
from .frames import FrameBuffer, Outcome, Reply, Request, frame
from .handlers import OWN_FILES, Handler, load_handler
from .output import Output
from .usage import Process

RESULT_BYTES_MAX = 6_291_556
"""Largest result. Source: the words of Function.ResponseSizeTooLarge."""

_requests = msgspec.msgpack.Decoder(Request)
_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


class Context:
    """What a handler learns about its invocation. Source: Lambda developer guide, "context object in Python"."""

    function_name = ""
    function_version = ""
    memory_limit_in_mb = ""
    log_group_name = ""
    log_stream_name = ""

    def __init__(self, request: Request, deadline: Deadline) -> None:
        self.aws_request_id = request.request_id
        self.invoked_function_arn = request.function_arn
        self.client_context = ClientContext.parse(request.client_context)
        self.identity = Identity()
        self._deadline = deadline

    @classmethod
    def of_this_process(cls) -> type["Context"]:
        """The class with the function's attributes, as the environment has them."""
        environment = os.environ
        cls.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        cls.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        cls.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        cls.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        cls.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        return cls

    def get_remaining_time_in_millis(self) -> int:
        """Until the invocation times out."""
        return self._deadline.remaining_ms()

    def log(self, message: object) -> None:
        """Prints *message*."""
        sys.stdout.write(str(message))


class Identity:
    """Amazon Cognito identity; always empty, as there is none here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class ClientContext:
    """What a caller sent along: *custom*, *env*, *client* are parts of its JSON object."""

    def __init__(self, value: dict[str, Any]) -> None:
        self.custom = value.get("custom")
        self.env = value.get("env")
        self.client = value.get("client")

    @classmethod
    def parse(cls, text: bytes | None) -> "ClientContext | None":
        """Of JSON text; None when none was sent.

        Raises:
            SandboxError: it is no JSON object.
        """
        if text is None:
            return None
        try:
            return cls(msgspec.json.decode(text, type=dict[str, Any]))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SandboxError(
                "Runtime.LambdaContextUnmarshalError", f"Unable to parse Client Context JSON: {error}"
            ) from error


class _Worker:
    def __init__(
        self,
        connection: socket.socket,
        handler: Handler | None,
        handler_name: str,
        output: Output,
        process: Process,
    ) -> None:
        self._connection = connection
        self._process = process
        self._buffer = FrameBuffer()
        self._sending = threading.Lock()
        self._handler = handler
        self._handler_name = handler_name
        self._context = Context.of_this_process()
        self._output = output
        self._pid = os.getpid()
        output.full = self._hand_over

    def run(self) -> bool:
        """Serves requests until the node closes the connection, or memory ran out: False."""
        while (request := self._receive()) is not None:
            reply = self._reply(request)
            self._send(reply)
            if reply.outcome is Outcome.OUT_OF_MEMORY:
                return False
        return True

    def _receive(self) -> Request | None:
        while (body := self._buffer.take()) is None:
            # A receive that sleeps is also woken when the node takes the reply before, for nothing; a poll is not.
            self._process.wait()
            count = self._connection.recv_into(self._buffer.room())
            if not count:
                return None
            self._buffer.received(count)
        return _requests.decode(body)

    def _send(self, reply: Reply) -> None:
        with self._sending:
            self._connection.sendall(frame(reply))

    def _hand_over(self, output: bytes) -> None:
        """Sends output before the reply; a child's is dropped, as two processes may not share the connection."""
        if os.getpid() == self._pid:
            self._send(Reply(Outcome.OUTPUT, b"", output, 0))

    def _reply(self, request: Request) -> Reply:
        deadline = Deadline(request.remaining_ms)
        self._output.request_id = request.request_id
        outcome, payload = self._outcome(request, deadline)
        if os.getpid() != self._pid:
            # A child that the handler forked has come back with it; the reply is its parent's alone.
            self._output.flush()
            os._exit(0)
        waited = self._process.waited()
        return Reply(outcome, payload, self._output.take(), self._process.memory_mb(), waited)

    def _outcome(self, request: Request, deadline: Deadline) -> tuple[Outcome, bytes]:
        try:
            return Outcome.RESULT, self._invoke(request, deadline)
        except SandboxError as fault:
            error = error_object(fault, request.request_id)
        except MemoryError:
            return Outcome.OUT_OF_MEMORY, b""
        except Exception as exception:  # noqa: BLE001 - the edge to a handler's code, which may raise anything
            error = exception_object(exception, request.request_id, OWN_FILES)
        self._output.log(log_text(error))
        return Outcome.ERROR, encode_error(error)

    def _invoke(self, request: Request, deadline: Deadline) -> bytes:
        if self._handler is None:
            self._handler = load_handler(self._handler_name)
        event = _decode(request.payload)
        result = _encode(self._handler(event, self._context(request, deadline)))
        if len(result) > RESULT_BYTES_MAX:
            raise SandboxError(
                "Function.ResponseSizeTooLarge",
                f"Response payload size exceeded maximum allowed payload size ({RESULT_BYTES_MAX} bytes).",
            )
        return result


def run(
    connection: socket.socket,
    handler: Handler | None,
    handler_name: str,
    output: Output,
    process: Process,
) -> bool:
    """Serves the node on *connection* until it closes; False: memory ran out, and the process should end.

    Args:
        handler: None: loaded with the first request.
    """
    return _Worker(connection, handler, handler_name, output, process).run()


def _decode(payload: bytes) -> Any:
    """The event; what only Python's own parser takes, such as NaN, is taken as well."""
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        try:
            return json.loads(payload)
        except (ValueError, RecursionError) as error:
            raise SandboxError("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error


def _encode(result: Any) -> bytes:
    """JSON text of what a handler returned; bytes are such a text already."""
    if isinstance(result, bytes):
        return result
    try:
        return _json.encode(result).encode()
    except MemoryError:
        raise
    except Exception as error:  # the edge to a handler's code: its objects may raise anything
        raise SandboxError("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
