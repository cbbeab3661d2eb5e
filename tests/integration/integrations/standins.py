"""Servers that stand in for AWS services: they record what was asked and answer what the test says."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REQUEST_ID = "6f1b1c9e-9a39-4a6d-8d7d-0d6f5c1f2a3b"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """The last part of ``X-Amz-Target``, which JSON protocols name their operation in."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]

    @property
    def fields(self) -> object:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What is sent back; *body* other than bytes goes as JSON."""

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Respond = Callable[[Asked], Answer]


@dataclass
class StandIn:
    """A running server."""

    url: str
    port: int
    asked: list[Asked]


@contextmanager
def stand_in(respond: Respond, tls: ssl.SSLContext | None = None) -> Iterator[StandIn]:
    """A server on a free port of the loopback address; with *tls* it answers https."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def respond(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Asked(self.command, self.path, headers, self.rfile.read(length))
            asked.append(request)
            answer = respond(request)
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"x-amzn-RequestId": REQUEST_ID, **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        setattr(Handler, f"do_{method}", Handler.respond)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Clients that go away are part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield StandIn(f"http://127.0.0.1:{server.server_port}", server.server_port, asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
