"""Function ``reconcile-orders``, run on a schedule; it only reports."""

import logging
import os
from functools import cache
from typing import Any

import msgspec

from order_processing.functions.task import Event
from order_processing.gateways import StepFunctionsExecutions
from order_processing.operations import Reconciler, report_differences, shared_services

WINDOW_SECONDS = 86_400.0

log = logging.getLogger(__name__)


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Compares the orders changed within ``window_seconds``, by default a day, and keeps what it found for metrics."""
    services = shared_services()
    since = services.clock.now() - float(event.get("window_seconds", WINDOW_SECONDS))
    report = report_differences(Reconciler(services, _executions()), since)
    log.log(logging.WARNING if report.by_kind else logging.INFO, "reconciled: %s", report)
    answer: dict[str, Any] = msgspec.to_builtins(report)
    return answer


@cache
def _executions() -> StepFunctionsExecutions:
    return StepFunctionsExecutions(os.environ.get("ORDER_STATE_MACHINE_ARN", ""))
