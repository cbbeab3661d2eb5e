"""The order service as a process of its own."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from order_processing.clock import ManualClock
from order_processing.stores import PutOffer, SocketOrderStore
from tests.order_samples import an_offer

from .sns_stand_in import TOPIC

END_SECONDS_MAX = 20


@dataclass
class Process:
    """``python -m order_processing.service`` over the files in *home*."""

    home: Path
    sns_url: str
    process: subprocess.Popen[str] | None = None
    port: int = 0

    def environment(self, port: int = 0) -> dict[str, str]:
        return {
            **os.environ,
            "SHOP_PORT": str(port),
            "ORDERS_DB": str(self.home / "orders.db"),
            "ORDERS_SOCKET": str(self.home / "orders.sock"),
            "VOUCHER_KEY_FILE": str(self.home / "secrets" / "voucher-key"),
            "ORDER_NOTIFICATIONS_TOPIC_ARN": TOPIC,
            "AWS_ENDPOINT_URL": self.sns_url,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def start(self, port: int = 0) -> None:
        """Returns once it has printed that it listens."""
        command = [sys.executable, "-m", "order_processing.service"]
        with (self.home / "service.log").open("a") as log:
            self.process = subprocess.Popen(
                command, env=self.environment(port), stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "listens on http://127.0.0.1:" in line, (self.home / "service.log").read_text()
        self.port = int(line.rpartition(":")[2])

    def ended(self) -> int:
        """The exit code, once it has ended."""
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(END_SECONDS_MAX)
        self.process.stdout.close()
        self.process = None
        return code

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.ended()

    def sell(self, units: int) -> None:
        """Puts the spa on sale, through the socket that functions use."""
        store = SocketOrderStore(self.home / "orders.db", self.home / "orders.sock", ManualClock())
        store.commit((PutOffer(an_offer(stock_left=units)),)).result()
        store.close()

    def order(self, key: str) -> tuple[int, dict[str, str], Any]:
        """POST /orders on a connection of its own: status, headers, body."""
        body = {"user_guid": "u-1", "unit_id": "spa", "quantity": 1, "payment_token": "tok_ok"}
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        return self.ask("POST", "/orders", json.dumps(body), headers)

    def ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(text)


@contextlib.contextmanager
def running_service(home: Path, sns_url: str) -> Iterator[Process]:
    """A started service; ended afterwards, whatever happened to it."""
    service = Process(home, sns_url)
    try:
        service.start()
        yield service
    finally:
        if service.process is not None:
            service.kill()
