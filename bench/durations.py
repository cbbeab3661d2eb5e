"""Measures how long steps take on a running node, for ``expeditor compare``: ``python -m bench.durations > FILE``.

Places orders at an even rate at the shop named by SHOP_PORT, then reads the executions' histories at NODE_PORT.
"""

import http.client
import json
import os
import platform
import sys
import time
import uuid
from collections import defaultdict
from typing import Any

import boto3

ORDERS = 150
RATE = 10.0
QUANTILES = 20
RESOLUTION_MS = 1.0
"""Of instants in a history; what is shorter is taken as half of it."""


def main() -> None:
    """Writes the quantiles as JSON to standard output."""
    order_ids = [_place(number) for number in range(ORDERS)]
    time.sleep(3)
    client = boto3.client(
        "stepfunctions",
        endpoint_url=f"http://127.0.0.1:{os.environ.get('NODE_PORT', '8081')}",
        region_name="us-east-1",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
    )
    found: dict[str, list[float]] = defaultdict(list)
    for order_id, created_at in order_ids:
        _measure(client, order_id, created_at, found)
    document = {
        "measured_on": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, CPython "
        f"{platform.python_version()}, {ORDERS} orders at {RATE:g} a second",
        "milliseconds": {name: _quantiles(values) for name, values in sorted(found.items())},
    }
    json.dump(document, sys.stdout, indent=1)
    print()


def _place(number: int) -> tuple[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("SHOP_PORT", "8080")), timeout=30)
    body = {"user_guid": f"bench-{number}", "unit_id": "load-test", "quantity": 1, "payment_token": "tok_ok"}
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    connection.request("POST", "/orders", json.dumps(body), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    time.sleep(1 / RATE)
    return answer["order_id"], answer["created_at"]


def _measure(client: Any, order_id: str, created_at: float, found: dict[str, list[float]]) -> None:
    arn = client.list_state_machines()["stateMachines"][0]["stateMachineArn"].replace(":stateMachine:", ":execution:")
    events = client.get_execution_history(executionArn=f"{arn}:{order_id}", maxResults=1000)["events"]
    found["notification"].append(1_000 * (events[0]["timestamp"].timestamp() - created_at))
    function, scheduled, succeeded = "", 0.0, 0.0
    for event in events:
        at = event["timestamp"].timestamp()
        if event["type"] in ("LambdaFunctionScheduled", "TaskScheduled"):
            details = event.get("lambdaFunctionScheduledEventDetails") or event["taskScheduledEventDetails"]
            function, scheduled = details["resource"].split(":")[6], at
            if succeeded:
                found["transition"].append(1_000 * (at - succeeded))
        elif event["type"] in ("LambdaFunctionSucceeded", "TaskSucceeded"):
            succeeded = at
            found[function].append(1_000 * (at - scheduled))
            found["other"].append(1_000 * (at - scheduled))


def _quantiles(values: list[float]) -> list[float]:
    ordered = sorted(max(RESOLUTION_MS / 2, value) for value in values)
    return [round(ordered[(len(ordered) - 1) * number // QUANTILES], 3) for number in range(QUANTILES + 1)]


if __name__ == "__main__":
    main()
