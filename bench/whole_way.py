"""From POST to voucher through everything, as a user starts it: ``expeditor up`` with a fresh home."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.processes import by_role
from bench.yardstick import python_steps_per_s
from expeditor.cli.generator import Plan, Report, percentiles, run

UNIT_ID = "load-test"
ROUNDS = 5


def measure(seconds: float) -> dict[str, Any]:
    """Start-up, idle latency, 64 in flight in rounds, and latency at half of that rate; each phase *seconds* long."""
    with started() as node:
        ready_s = node.ready_s
        idle_rss = {name: round(used.rss_mb, 1) for name, used in by_role(node.pid).items()}
        run(Plan(UNIT_ID, 4.0, in_flight=64, until_voucher=True))
        idle = run(Plan(UNIT_ID, seconds, in_flight=1, until_voucher=True))
        rounds = [at_64(node.pid, seconds / ROUNDS) for _ in range(ROUNDS)]
        usual = median(each["orders_per_s"] for each in rounds)
        half = run(Plan(UNIT_ID, seconds, rate=max(1.0, usual / 2), in_flight=64))
    return {
        "ready_s": round(ready_s, 2),
        "rss_idle_mb": idle_rss,
        "idle": {**percentiles(idle.voucher_ms), "orders": len(idle.voucher_ms)},
        "c64": {name: medians([each[name] for each in rounds]) for name in rounds[0]}
        | {"orders_per_s_of_rounds": [each["orders_per_s"] for each in rounds]},
        "half_load": {"orders_per_s": round(half.accepted / half.seconds, 1), **percentiles(half.voucher_ms)},
    }


def at_64(node_pid: int, seconds: float) -> dict[str, Any]:
    """One round with 64 orders in flight, between two looks at how fast the machine is."""
    speed = python_steps_per_s()
    before, own = by_role(node_pid), time.process_time()
    report = run(Plan(UNIT_ID, seconds, in_flight=64, until_voucher=True))
    own = time.process_time() - own
    after = by_role(node_pid)
    speed = (speed + python_steps_per_s()) / 2
    orders = len(report.voucher_ms)
    cpu = {name: round((after[name].cpu_ms - before[name].cpu_ms) / orders, 2) for name in before}
    return {
        "orders_per_s": round(rate(report), 1),
        **percentiles(report.voucher_ms),
        "cpu_ms_per_order": {**cpu, "load_generator": round(own * 1000 / orders, 2)},
        "errors": sum(report.refused.values()),
        "orders": orders,
        "python_million_steps_per_s": round(speed, 2),
        "orders_per_million_steps": round(rate(report) / speed, 1),
    }


def medians(values: Sequence[Any]) -> Any:
    """The median of numbers, or of each number of dictionaries with the same keys."""
    if isinstance(values[0], dict):
        return {name: medians([each[name] for each in values]) for name in values[0]}
    return median(values)


def rate(report: Report) -> float:
    """Vouchers per second."""
    return len(report.voucher_ms) / report.seconds


class Node:
    """A node started for a measurement."""

    def __init__(self, pid: int, ready_s: float) -> None:
        self.pid = pid
        self.ready_s = ready_s


@contextlib.contextmanager
def started() -> Iterator[Node]:
    """``expeditor up`` with its own home and ports; stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="expeditor-bench-") as home:
        ports = {"SHOP_PORT": str(free_port()), "NODE_PORT": str(free_port())}
        os.environ.update(ports)
        environment = {**os.environ, **ports, "EXPEDITOR_HOME": home}
        began = time.perf_counter()
        command = [sys.executable, "-m", "expeditor", "up"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    if line.strip() == "ready":
                        break
                else:
                    raise RuntimeError(f"the node did not start; see {Path(home) / 'logs'}")
                yield Node(process.pid, time.perf_counter() - began)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(30)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
