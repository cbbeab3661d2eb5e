"""Something at the shop's port, and commands that are run against it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from expeditor.settings import aws_environment


@dataclass
class Shop:
    """Answers with ``answers`` one after the other, then ends connections; keeps what it was asked."""

    port: int = 0
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def run(self, command: click.Command, *words: str) -> Result:
        """Runs a command; what it raised is in ``exception``."""
        return CliRunner().invoke(command, words)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    told = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.asked.append(self.path)
            if not told.answers:
                return
            status, body = told.answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the standard library's name

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.port = server.server_port
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "operator.token").write_text("token")
    monkeypatch.setenv("EXPEDITOR_HOME", str(tmp_path))
    monkeypatch.setenv("SHOP_PORT", str(told.port))
    monkeypatch.setenv("NODE_PORT", str(told.port))
    for name, value in aws_environment(f"http://127.0.0.1:{told.port}").items():
        monkeypatch.setenv(name, value)  # or a command would set it, for all tests that follow
    yield told
    server.shutdown()
    thread.join()
    server.server_close()
