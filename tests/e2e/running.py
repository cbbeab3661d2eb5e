"""A node started as a user starts it, for tests from outside."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

READY_SECONDS_MAX = 60


@dataclass
class Answer:
    """An HTTP answer with its body decoded."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class RunningNode:
    """``expeditor up`` in a process of its own."""

    home: Path
    shop_port: int
    node_port: int
    template: Path | None = None
    process: subprocess.Popen[str] | None = None
    printed: list[str] = field(default_factory=list)
    parameters: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "EXPEDITOR_HOME": str(self.home),
            "SHOP_PORT": str(self.shop_port),
            "NODE_PORT": str(self.node_port),
        }

    def start(self) -> None:
        """Returns once the node has printed ``ready``."""
        given = [word for each in self.parameters for word in ("--parameter", each)]
        command = [sys.executable, "-m", "expeditor", "up", *given, *([str(self.template)] if self.template else [])]
        log = (self.home.parent / "node.err").open("a")
        self.process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
        log.close()
        self.printed = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line.strip())
            if line.strip() == "ready":
                return
        raise AssertionError(
            f"the node ended with {self.process.wait()}: {(self.home.parent / 'node.err').read_text()}"
        )

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self._ended(30)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self._ended(10)

    def descendants(self) -> dict[int, str]:
        """Process ids below the node with their command lines."""
        assert self.process is not None
        return {pid: command for pid, (parents, command) in _processes().items() if self.process.pid in parents}

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> Answer:
        """One request to the shop, or to *port*. Bodies that are not bytes go as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.shop_port, timeout=30)
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, content, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        received = {name.lower(): value for name, value in response.getheaders()}
        is_json = "json" in received.get("content-type", "")
        return Answer(response.status, received, json.loads(text) if text and is_json else text)

    def order(self, unit_id: str, token: str = "tok_ok", key: str | None = None, quantity: int = 1) -> Answer:
        """POST /orders."""
        body = {"user_guid": "guest-1", "unit_id": unit_id, "quantity": quantity, "payment_token": token}
        return self.request("POST", "/orders", body, {"Idempotency-Key": key or str(uuid.uuid4())})

    def rested(self, order_id: str, seconds: int = 20) -> dict[str, Any]:
        """The order once nothing more happens to it, or as it is after *seconds*."""
        answer = self.request("GET", f"/orders/{order_id}", headers={"Prefer": f"wait={seconds}"})
        assert answer.status == 200, answer
        order: dict[str, Any] = answer.body
        return order

    def reached(self, order_id: str, event: str, seconds: int = 20) -> dict[str, Any]:
        """The order as soon as its timeline has *event*, read from its stream of changes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.shop_port, timeout=seconds)
        try:
            connection.request("GET", f"/orders/{order_id}/events")
            response = connection.getresponse()
            for line in response:
                if line.startswith(b"data: "):
                    order: dict[str, Any] = json.loads(line[6:])
                    if event in [entry["event"] for entry in order["timeline"]]:
                        return order
        finally:
            connection.close()
        raise AssertionError(f"order {order_id} came to rest without {event}")

    def unit(self, kind: str = "voucher") -> str:
        """An offer of a kind with plenty of stock."""
        offers = [offer for offer in self.request("GET", "/offers").body if offer["kind"] == kind]
        return str(max(offers, key=lambda offer: offer["stock_left"])["unit_id"])

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs ``expeditor WORDS...`` against this node."""
        return subprocess.run(
            [sys.executable, "-m", "expeditor", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def _ended(self, seconds: float) -> int:
        assert self.process is not None
        code = self.process.wait(seconds)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code


@contextlib.contextmanager
def running_node(
    home: Path, template: Path | None = None, *, shop_port: int = 0, parameters: tuple[str, ...] = ()
) -> Iterator[RunningNode]:
    """A started node; ended afterwards, whatever happened to it."""
    node = RunningNode(home, shop_port or free_port(), free_port(), template, parameters=parameters)
    try:
        node.start()
        yield node
    finally:
        if node.process is not None:
            node.kill() if node.process.poll() is None else node.process.wait()


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _processes() -> dict[int, tuple[set[int], str]]:
    """Every process: its ancestors and its command line."""
    parent: dict[int, int] = {}
    command: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                pid = int(entry.name)
                parent[pid] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command[pid] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    found = {}
    for pid, text in command.items():
        ancestors, at = set(), parent.get(pid, 0)
        while at and at not in ancestors:
            ancestors.add(at)
            at = parent.get(at, 0)
        found[pid] = (ancestors, text)
    return found
