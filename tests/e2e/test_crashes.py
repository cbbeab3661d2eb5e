"""SIGKILL under load: what was acknowledged ends with exactly one voucher, and nothing is left behind."""

import json
import os
import random
import signal
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from .running import RunningNode, running_node

pytestmark = pytest.mark.e2e

KILLS = 6
ORDERS_PER_KILL = 60
SEED = int(os.environ.get("CRASH_SEED", "20170105"))


def test_no_process_outlives_a_killed_node(tmp_path: Path) -> None:
    with running_node(tmp_path / "home") as node:
        node.rested(node.order(node.unit()).body["order_id"])
        descendants = node.descendants()
        assert len(descendants) >= 4, descendants

        node.kill()

        assert eventually(lambda: not [pid for pid in descendants if is_alive(pid)], 10), descendants


def test_ctrl_c_ends_cleanly_and_the_next_start_finds_everything(tmp_path: Path) -> None:
    with running_node(tmp_path / "home") as node:
        order_id = node.order(node.unit()).body["order_id"]
        before = node.rested(order_id)
        descendants = node.descendants()
        assert node.stop() == 0
        assert not [pid for pid in descendants if is_alive(pid)]

        node.start()

        after = node.rested(order_id)
        assert (after["status"], after["vouchers"]) == ("completed", before["vouchers"])
        assert node.rested(node.order(node.unit()).body["order_id"])["status"] == "completed"


def test_every_acknowledged_order_ends_with_exactly_one_voucher_whatever_is_killed(tmp_path: Path) -> None:
    chosen = random.Random(SEED)
    with running_node(tmp_path / "home") as node:
        customers = Customers(node, node.unit())
        for number in range(KILLS):
            customers.buy(ORDERS_PER_KILL)
            customers.wait_for_some(ORDERS_PER_KILL // 3)
            kill_something(node, number, chosen)
            if node.process is None:
                node.start()
        orders = [node.rested(order_id, 60) for order_id in customers.finish()]

        assert len(orders) >= KILLS * ORDERS_PER_KILL // 2, f"too few were accepted, seed {SEED}"
        assert {order["status"] for order in orders} == {"completed"}, f"seed {SEED}"
        assert [len(order["vouchers"]) for order in orders] == [1] * len(orders), f"seed {SEED}"
        codes = [order["vouchers"][0]["code"] for order in orders]
        assert len(set(codes)) == len(codes)
        assert captures_per_order(tmp_path / "home") == {1}


class Customers:
    """Threads that buy with retries: the same key until they get an answer, as a careful client does."""

    def __init__(self, node: RunningNode, unit_id: str) -> None:
        self._node = node
        self._unit_id = unit_id
        self._accepted: set[str] = set()
        self._threads: list[threading.Thread] = []

    def buy(self, count: int) -> None:
        """Starts *count* purchases spread over about a second."""
        for number in range(count):
            thread = threading.Timer(number / count, self._buy_one)
            thread.start()
            self._threads.append(thread)

    def wait_for_some(self, count: int) -> None:
        """Returns when so many of the newest purchases have had their answer."""
        for thread in self._threads[-ORDERS_PER_KILL:][:count]:
            thread.join()

    def finish(self) -> set[str]:
        """Every order that was acknowledged."""
        for thread in self._threads:
            thread.join()
        return self._accepted

    def _buy_one(self) -> None:
        key = str(uuid.uuid4())
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer = self._node.order(self._unit_id, key=key)
            except OSError:
                threading.Event().wait(0.2)
                continue
            if answer.status == 201:
                self._accepted.add(answer.body["order_id"])
                return
            threading.Event().wait(0.2)


def kill_something(node: RunningNode, number: int, chosen: random.Random) -> None:
    """The node, the order service, and random functions' processes in turn."""
    descendants = node.descendants()
    service = [pid for pid, command in descendants.items() if "order_processing.service" in command]
    functions = [pid for pid, command in descendants.items() if "order_processing" not in command]
    if number % 3 == 0:
        node.kill()
    elif number % 3 == 1:
        for pid in service:
            os.kill(pid, signal.SIGKILL)
    else:
        for pid in chosen.sample(functions, len(functions) // 2):
            os.kill(pid, signal.SIGKILL)


def captures_per_order(home: Path) -> set[int]:
    """How often the payment provider captured for each reference; it should be once."""
    connection = sqlite3.connect(home / "payments.db")
    payments = [
        (reference, json.loads(text))
        for reference, text in connection.execute("SELECT reference, document FROM payment")
    ]
    connection.close()
    captured = Counter(reference for reference, payment in payments if payment["captured_minor"] > 0)
    return set(captured.values())


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.05)
    return True
