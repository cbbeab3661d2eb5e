"""From POST to voucher through everything, as a user starts it: ``expeditor up`` with a fresh home."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.processes import by_role
from expeditor.cli.generator import Plan, Report, percentiles, run

UNIT_ID = "load-test"


def measure(seconds: float) -> dict[str, Any]:
    """Start-up, idle latency, 64 in flight, and latency at half of that rate; each phase *seconds* long."""
    with started() as node:
        ready_s = node.ready_s
        idle_rss = {name: round(used.rss_mb, 1) for name, used in by_role(node.pid).items()}
        run(Plan(UNIT_ID, 2.0, in_flight=4, until_voucher=True))
        idle = run(Plan(UNIT_ID, seconds, in_flight=1, until_voucher=True))
        before = by_role(node.pid)
        full = run(Plan(UNIT_ID, seconds, in_flight=64, until_voucher=True))
        after = by_role(node.pid)
        half = run(Plan(UNIT_ID, seconds, rate=max(1.0, rate(full) / 2), in_flight=64))
    cpu = {name: round((after[name].cpu_ms - before[name].cpu_ms) / len(full.voucher_ms), 2) for name in before}
    return {
        "ready_s": round(ready_s, 2),
        "rss_idle_mb": idle_rss,
        "idle": {**percentiles(idle.voucher_ms), "orders": len(idle.voucher_ms)},
        "c64": {
            "orders_per_s": round(rate(full), 1),
            **percentiles(full.voucher_ms),
            "cpu_ms_per_order": cpu,
            "errors": sum(full.refused.values()),
            "orders": len(full.voucher_ms),
        },
        "half_load": {"orders_per_s": round(half.accepted / half.seconds, 1), **percentiles(half.voucher_ms)},
    }


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
