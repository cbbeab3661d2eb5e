"""The application on a clock that somebody else moves: ``python -m order_processing.legacy.rehearsal``.

Reads one JSON object per line and answers each with one: ``{"result": ...}``, or ``{"error": name, "cause": text}``.
Every request says at which instant it happens (``at``) and what (``do``, a key of ``REQUESTS``). The store is a real
SQLite file, the payments sandbox a real process, the steps and jobs are those of production; only time is made up.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from order_processing.clock import ManualClock
from order_processing.domain import AT_REST, NewOrder, OrderStatus
from order_processing.errors import OrderProcessingError
from order_processing.ids import SeededIds
from order_processing.legacy import fraud_scan, fulfilment, payment_authorization
from order_processing.legacy.batches import Job, Report, waiting, work_on
from order_processing.operations import Services, claim, listed, make_secret, open_services, perform, place
from order_processing.stores import LOAD_TEST_UNIT, OrderFilter, SqliteOrderStore, seed

JOBS: Mapping[str, Job] = {job.name: job for job in (fraud_scan.JOB, payment_authorization.JOB, fulfilment.JOB)}
_SILENCE = {"PAYMENTS_HOLD_SECONDS": "0.3"}
"""Of real time; whoever moves the clock adds what it would be on the virtual one."""
RELEASE = "order-processing-v1.0.0"

Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a rehearsal is played on."""

    services: Services
    clock: ManualClock

    def answer(self, request: Request) -> dict[str, Any]:
        """Moves the clock on to the request's instant and does what it asks for."""
        self.clock.advance(max(0.0, request.get("at", 0.0) - self.clock.now()))
        try:
            return {"result": REQUESTS[request["do"]](self.services, request)}
        except OrderProcessingError as error:
            return {"error": type(error).__name__, "cause": str(error)}


def _place(services: Services, request: Request) -> dict[str, Any]:
    wanted = NewOrder(
        user_guid=request["user_guid"], unit_id=LOAD_TEST_UNIT, quantity=1, payment_token=request["payment_token"]
    )
    order = place(services, wanted, request["user_guid"]).result().order
    return {"order_id": order.order_id, "pipeline": order.pipeline.value}


def _claim(services: Services, request: Request) -> dict[str, Any] | None:
    """What the dispatcher would start, None when there is nothing to start."""
    claimed = claim(services, request["order_id"])
    if claimed is None:
        return None
    order = claimed.order
    given = {
        "order_id": order.order_id,
        "user_guid": order.user_guid,
        "unit_id": order.unit_id,
        "epoch": claimed.epoch,
    }
    return {"execution": order.owner.execution, "release": claimed.release, "input": given}


def _step(services: Services, request: Request) -> dict[str, Any]:
    return perform(services, request["name"], request["event"])


def _jobs(_services: Services, _request: Request) -> list[str]:
    return list(JOBS)


def _waiting(services: Services, request: Request) -> list[str]:
    return waiting(services, JOBS[request["job"]])


def _work(services: Services, request: Request) -> dict[str, Any]:
    report = Report()
    work_on(services, JOBS[request["job"]], request["order_id"], report)
    return report.as_json()


def _results(services: Services, _request: Request) -> list[dict[str, Any]]:
    """Every order: when it was placed, when it was delivered (None: it was not), and how it stands."""
    rows = []
    for status in OrderStatus:
        for order in listed(services.store, OrderFilter(status=status)):
            delivered = [entry.at for entry in order.timeline if entry.event == OrderStatus.COMPLETED.value]
            rows.append(
                {
                    "order_id": order.order_id,
                    "created_at": order.created_at,
                    "delivered_at": delivered[0] if delivered else None,
                    "status": order.status.value,
                    "at_rest": order.status in AT_REST,
                }
            )
    return rows


REQUESTS: Mapping[str, Callable[[Services, Request], Any]] = {
    "place": _place,
    "claim": _claim,
    "step": _step,
    "jobs": _jobs,
    "waiting": _waiting,
    "work": _work,
    "results": _results,
}
"""What may be asked for, by ``do``."""


def main(arguments: list[str]) -> None:
    """Answers requests on standard input until it ends."""
    parser = argparse.ArgumentParser(description="The application on a clock that somebody else moves.")
    parser.add_argument("--home", type=Path, required=True, help="an empty directory for its files")
    parser.add_argument("--pipeline", choices=["instant", "legacy"], required=True, help="which one carries the orders")
    parser.add_argument("--begin-at", type=float, required=True, help="the first instant, seconds since the epoch")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    sandbox, url = _start_sandbox(given.home)
    try:
        store = SqliteOrderStore(given.home / "orders.db")
        seed(store)
        stage = _stage(given, store, url)
        _serve(stage, sys.stdin.buffer, sys.stdout.buffer)
        store.close()
    finally:
        sandbox.terminate()
        sandbox.wait()


def _stage(given: argparse.Namespace, store: SqliteOrderStore, payments_url: str) -> Stage:
    home: Path = given.home
    make_secret(home / "voucher.key")
    flag = {"state": "ENABLED", "variants": {given.pipeline: given.pipeline}, "defaultVariant": given.pipeline}
    release = {"state": "ENABLED", "variants": {RELEASE: RELEASE}, "defaultVariant": RELEASE}
    (home / "flags.json").write_bytes(msgspec.json.encode({"flags": {"pipeline": flag, "release": release}}))
    environment = {
        "PAYMENTS_URL": payments_url,
        "PAYMENTS_TIMEOUT_SECONDS": "0.1",
        "MAIL_OUTBOX": str(home / "outbox"),
        "VOUCHER_KEY_FILE": str(home / "voucher.key"),
        "ORDER_STATE_MACHINE_ARN": f"stateMachine:{RELEASE}",
        "EXPERIMENTS_FILE": str(home / "flags.json"),
    }
    clock = ManualClock(given.begin_at)
    return Stage(replace(open_services(environment, store), clock=clock, ids=SeededIds(given.seed)), clock)


def _start_sandbox(home: Path) -> tuple["subprocess.Popen[str]", str]:
    """The payments sandbox and its address; it ends with this process."""
    command = [sys.executable, "-m", "order_processing.gateways.sandbox_server"]
    environment = {**os.environ, "PAYMENTS_PORT": "0", "PAYMENTS_DB": str(home / "payments.db"), **_SILENCE}
    sandbox = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert sandbox.stdout is not None
    return sandbox, sandbox.stdout.readline().split()[-1]


def _serve(stage: Stage, requests: BinaryIO, answers: BinaryIO) -> None:
    for line in requests:
        answers.write(msgspec.json.encode(stage.answer(msgspec.json.decode(line))) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
