"""Two pipelines, one owner: the jobs carry orders alone, orders change sides by hand, functions pause, books agree."""

import json
from pathlib import Path

import pytest

from .running import RunningNode, running_node
from .test_release_story import MORE_BLOCKED, V11, application

pytestmark = pytest.mark.e2e

JOBS = ("legacy-fraud-scan", "legacy-payment-authorization", "legacy-fulfilment")
LEGACY_USER = "u-of-the-old-way"


def run_jobs(node: RunningNode) -> None:
    """Every job once, in the order of the pipeline, without waiting for their schedules."""
    for job in JOBS:
        done = node.command("function", "invoke", job, "--qualifier", "prod")
        assert done.returncode == 0, done.stderr


def ordered_by(node: RunningNode, user_guid: str, token: str = "tok_ok") -> str:
    body = {"user_guid": user_guid, "unit_id": node.unit(), "quantity": 1, "payment_token": token}
    answer = node.request("POST", "/orders", body, {"Idempotency-Key": f"{user_guid}-{token}"})
    assert answer.status == 201, answer
    order_id: str = answer.body["order_id"]
    return order_id


def rows_of(node: RunningNode, *words: str) -> list[dict[str, object]]:
    done = node.command(*words, "-o", "json")
    rows: list[dict[str, object]] = json.loads(done.stdout)
    return rows


def test_orders_weighed_to_legacy_are_carried_by_the_jobs_alone(node: RunningNode) -> None:
    weighed = node.command(
        "experiment", "set-weight", "pipeline", "legacy=100", "--segment", f"user_guid={LEGACY_USER}"
    )
    assert weighed.returncode == 0, weighed.stderr

    order_id = ordered_by(node, LEGACY_USER)
    run_jobs(node)

    order = node.rested(order_id)
    assert (order["status"], order["pipeline"], len(order["vouchers"])) == ("completed", "legacy", 1)
    assert node.command("execution", "describe", order_id).returncode == 3


def test_an_order_in_review_is_handed_over_and_taken_back_with_each_act_on_record(node: RunningNode) -> None:
    order_id = ordered_by(node, "review-handed-over")
    while node.request("GET", f"/orders/{order_id}").body["status"] != "in_review":
        node.rested(order_id, 1)

    for to in ("legacy", "instant"):
        done = node.command("order", "hand-over", order_id, "--to", to, "--reason", "a trial", "--actor", "ann")
        assert done.returncode == 0, done.stderr
    cancelled = node.command("order", "cancel", order_id, "--reason", "enough", "--actor", "ann")

    assert cancelled.returncode == 0, cancelled.stderr
    assert node.rested(order_id)["status"] == "cancelled"
    acts = rows_of(node, "audit", "list", "--subject", order_id)
    assert [act["action"] for act in acts] == ["end-as-cancelled", "hand-over-to-instant", "hand-over-to-legacy"]
    assert {act["actor"] for act in acts} == {"ann"}


def test_a_paused_function_throttles_and_goes_on_where_it_was(node: RunningNode) -> None:
    paused = node.command("function", "pause", "issue-vouchers", "--reason", "a trial")
    assert paused.returncode == 0, paused.stderr
    order_id = ordered_by(node, "u-waits")
    while node.request("GET", f"/orders/{order_id}").body["status"] != "authorized":
        node.rested(order_id, 1)

    resumed = node.command("function", "resume", "issue-vouchers", "--reason", "the trial is over")

    assert resumed.returncode == 0, resumed.stderr
    order = node.rested(order_id, 60)
    assert (order["status"], order["pipeline"]) == ("completed", "instant")
    acts = rows_of(node, "audit", "list", "--subject", "function/issue-vouchers")
    assert [act["action"] for act in acts] == ["resume", "pause"]


def test_the_books_agree_and_a_stopped_execution_is_found_and_mended(node: RunningNode) -> None:
    order_id = ordered_by(node, "review-stopped")
    while node.request("GET", f"/orders/{order_id}").body["status"] != "in_review":
        node.rested(order_id, 1)
    node.command("execution", "stop", order_id)

    found = rows_of(node, "order", "reconcile", "--patience", "0s")
    mended = node.command("order", "reconcile", "--patience", "0s", "--apply", "--reason", "a trial")
    again = rows_of(node, "order", "reconcile", "--patience", "0s")

    assert [row["kind"] for row in found if row["order_id"] == order_id] == ["execution_lost"]
    assert mended.returncode == 0, mended.stdout
    assert [row for row in again if row["order_id"] == order_id] == []
    assert node.request("GET", f"/orders/{order_id}").body["pipeline"] == "legacy"


def test_a_release_is_drained_and_says_when_it_is_empty(tmp_path: Path) -> None:
    """On a node of its own, as releases stay for ever."""
    with running_node(tmp_path / "home") as node:
        better = application(tmp_path / "better", MORE_BLOCKED)
        for words in (
            ("release", "create", "--template", better, "--version", "v1.1.0"),
            ("release", "shift", "v1.1.0", "--to", "100%"),
        ):
            done = node.command(*map(str, words))
            assert done.returncode == 0, done.stderr
        order_id = ordered_by(node, "review-on-the-new-one")
        while node.request("GET", f"/orders/{order_id}").body["status"] != "in_review":
            node.rested(order_id, 1)

        busy = node.command("release", "drain", "v1.1.0", "--reason", "superseded", "-o", "json")
        new = node.rested(ordered_by(node, "u-afterwards"))
        node.command("order", "hand-over", "--release", V11, "--to", "legacy", "--reason", "it has to be empty")
        empty = node.command("release", "drain", "v1.1.0", "--wait", "30", "--reason", "superseded", "-o", "json")

        assert (busy.returncode, json.loads(busy.stdout)["waiting_orders"]) == (6, 1), busy.stderr
        assert new["release"] == "order-processing-v1.0.0"
        assert (empty.returncode, json.loads(empty.stdout)["waiting_orders"]) == (0, 0), empty.stderr
        assert rows_of(node, "audit", "list", "--subject", f"release/{V11}")[0]["action"] == "drain"
