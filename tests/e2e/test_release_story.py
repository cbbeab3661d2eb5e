"""The story of `docs/releases.md`: a good release reaches everyone, a bad one goes back by itself, nobody is moved."""

import json
import subprocess
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest

from .releasing import FAILING_AUTHORIZATION, MORE_BLOCKED, application, waiting
from .running import RunningNode, running_node

pytestmark = pytest.mark.e2e

V10, V11, V12 = (f"order-processing-v1.{minor}.0" for minor in range(3))
FLIPS = (V11, V12, V11, V12, V11)
ORDERS_PER_FLIP = 200
LINGER_SECONDS = 15


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    """A node of its own, as releases stay for ever."""
    with running_node(tmp_path / "home") as started:
        yield started


def test_a_good_release_reaches_everyone_and_a_bad_one_goes_back_by_itself(node: RunningNode, tmp_path: Path) -> None:
    shop = Shop(node)
    better = application(tmp_path / "better", MORE_BLOCKED)
    failing = {"functions/authorize_payments.py": FAILING_AUTHORIZATION}
    worse = application(tmp_path / "worse", MORE_BLOCKED, appended=failing)

    first = v10_is_live(shop)
    v11_is_created_once(shop, better, worse)
    a_replay_tells_what_changes(shop, first)
    employees_come_first(shop)
    a_share_of_everyone_follows(shop)
    everyone_gets_the_new_rule(shop)
    bought = v12_is_rolled_back_within_a_minute(shop, worse)
    every_order_ended_once_on_its_own_release(shop, bought)
    a_start_on_the_same_data_changes_nothing(shop, tmp_path / "node.err")


def v10_is_live(shop: "Shop") -> list[str]:
    """1. Its orders, three of them bulk buyers'."""
    orders = shop.buy(20) + shop.buy(3, "bulk")
    assert shop.ends(orders) == {(V10, "completed", 1): 23}
    return orders


def v11_is_created_once(shop: "Shop", better: Path, worse: Path) -> None:
    """2. It blocks bulk buyers. The same content again is the same release; other content is refused."""
    shop.release("create", "--template", better, "--version", "v1.1.0")
    again = shop.release("create", "--template", better, "--version", "v1.1.0")
    assert "exists with this content already" in again.stderr
    refused = shop.release("create", "--template", worse, "--version", "v1.1.0", code=7)
    assert "functions authorize-payments, " in refused.stderr


def a_replay_tells_what_changes(shop: "Shop", orders: list[str]) -> None:
    """3. Before any order gets it."""
    replayed = json.loads(shop.release("replay", "v1.1.0", "--last", "23", "-o", "json", code=5).stdout)
    assert len(replayed) == 3
    assert all('output /fraud_verdict: "cleared" -> "fraud"' in each["differences"] for each in replayed)
    assert all(each["path"][-1] == "FraudOrderTerminal" and each["asked"] == ["fraud-scan"] for each in replayed)
    assert shop.ends(orders) == {(V10, "completed", 1): 23}, "a replay changes nothing"


def employees_come_first(shop: "Shop") -> None:
    """4. Nobody else gets it."""
    shop.release("shift", "v1.1.0", "--to", "100%", "--segment", "employees", "--reason", "try it ourselves")
    assert shop.ends(shop.buy(4, "employee")) == {(V11, "completed", 1): 4}
    assert shop.ends(shop.buy(4)) == {(V10, "completed", 1): 4}


def a_share_of_everyone_follows(shop: "Shop") -> None:
    """5. 40 %, and an order says why it got what it got."""
    shop.release("shift", "v1.1.0", "--to", "40%")
    orders = shop.buy(40)
    ends = shop.ends(orders)
    assert {release for release, *_ in ends} == {V10, V11}, ends
    assert {(status, vouchers) for _, status, vouchers in ends} == {("completed", 1)}
    (pipeline, release) = json.loads(shop.run("experiment", "explain", orders[0], "-o", "json").stdout)
    assert (pipeline["variant"], release["variant"]) == ("instant", shop.order(orders[0])["release"])
    assert (release["rule"], release["salt"]) == ("everyone", "release")
    assert (release["bucket"] >= 6_000) == (release["variant"] == V11)
    counted = {row["release"]: row for row in json.loads(shop.run("experiment", "results", "-o", "json").stdout)}
    assert sum(row["orders"] for row in counted.values()) == len(orders)
    assert all(row["chance"] > 0.001 for row in counted.values()), counted


def everyone_gets_the_new_rule(shop: "Shop") -> None:
    """6. From now on."""
    shop.release("promote", "v1.1.0")
    assert shop.ends(shop.buy(3, "bulk") + shop.buy(5)) == {(V11, "rejected", 0): 3, (V11, "completed", 1): 5}


def v12_is_rolled_back_within_a_minute(shop: "Shop", worse: Path) -> list[str]:
    """7. It declines every fifth payment, and goes with the reason. The orders bought meanwhile."""
    shop.release("create", "--template", worse, "--version", "v1.2.0")
    steps = ("--steps", "50%,100%", "--bake", "60s", "--sample", "20", "--poll", "0.5")
    bought = shop.buy_while("release", "rollout", "v1.2.0", *steps)
    assert shop.finished.returncode == 5, shop.finished.stderr
    assert "v1.2.0 was rolled back: " in shop.finished.stderr
    assert "authorisation rate is" in shop.finished.stderr
    listed = {row["release"]: row for row in json.loads(shop.release("list", "-o", "json").stdout)}
    assert (listed[V11]["share"], listed[V12]["share"]) == ("100%", "0%")
    latest = json.loads(shop.run("experiment", "history", "-o", "json").stdout)[0]
    assert latest["action"] == f"roll back {V12}"
    assert "authorisation rate" in latest["reason"]
    return bought


def every_order_ended_once_on_its_own_release(shop: "Shop", bought: list[str]) -> None:
    """8. And new ones get the stable release."""
    ends = shop.ends(bought)
    assert set(ends) <= {(V11, "completed", 1), (V12, "completed", 1), (V12, "declined", 0)}, ends
    assert sum(ends.values()) == len(bought)
    assert shop.ends(shop.buy(5)) == {(V11, "completed", 1): 5}


def a_start_on_the_same_data_changes_nothing(shop: "Shop", talk: Path) -> None:
    """9. The node says nothing of other content either."""
    shop.restart()
    assert "exists with other content" not in talk.read_text()
    assert shop.ends(shop.buy(5)) == {(V11, "completed", 1): 5}


def test_a_thousand_orders_under_way_stay_on_their_release_across_five_flips(node: RunningNode, tmp_path: Path) -> None:
    shop = Shop(node)
    slow = waiting(application(tmp_path / "slow"), LINGER_SECONDS, "holds orders in flight")
    slower = waiting(application(tmp_path / "slower"), LINGER_SECONDS, "holds orders in flight, too")
    shop.release("create", "--template", slow, "--version", "v1.1.0")
    shop.release("create", "--template", slower, "--version", "v1.2.0")
    orders: list[str] = []
    for release in FLIPS:
        shop.release("promote", release)
        orders += shop.buy(ORDERS_PER_FLIP)
    under_way = sum(row["running"] for row in json.loads(shop.release("list", "-o", "json").stdout))

    ends = shop.ends(orders)

    assert under_way >= 2 * ORDERS_PER_FLIP
    assert ends.keys() == {(V11, "completed", 1), (V12, "completed", 1)}, ends
    assert sum(ends.values()) == len(orders) == 1_000
    executions = {release: shop.executions(release) for release in (V10, V11, V12)}
    for order_id in orders:
        assert [release for release, names in executions.items() if order_id in names] == [
            shop.order(order_id)["release"]
        ]


class Shop:
    """Customers and the operator of a node."""

    def __init__(self, node: RunningNode) -> None:
        self._node = node
        self._unit_id = node.unit()
        self._customers = count(1)
        self.finished: subprocess.CompletedProcess[str]

    def run(self, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        """A command that must end with *code*."""
        done = self._node.command(*map(str, words))
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done

    def release(self, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        """``expeditor release WORDS...``."""
        return self.run("release", *words, code=code)

    def buy(self, number: int, who: str = "guest") -> list[str]:
        """Ids of *number* orders by new customers, placed a few at a time."""
        with ThreadPoolExecutor(16) as pool:
            return list(pool.map(lambda _: self._buy_one(who), range(number)))

    def buy_while(self, *words: str) -> list[str]:
        """Ids of the orders placed while a command runs; its end is in ``finished``."""
        done, bought = threading.Event(), []

        def run() -> None:
            self.finished = self._node.command(*words)
            done.set()

        thread = threading.Thread(target=run)
        thread.start()
        while not done.wait(0.02):
            bought += self.buy(4)
        thread.join()
        return bought

    def restart(self) -> None:
        """Ctrl-C, and the same again."""
        assert self._node.stop() == 0
        self._node.start()

    def ends(self, orders: list[str]) -> dict[tuple[str, str, int], int]:
        """Release, status and number of vouchers of each order at rest, counted."""
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda order_id: self._node.rested(order_id, 60), orders))
        return Counter((each["release"], each["status"], len(each["vouchers"])) for each in found)

    def order(self, order_id: str) -> dict[str, Any]:
        """An order as its customer sees it."""
        return self._node.rested(order_id)

    def executions(self, release: str) -> set[str]:
        """Names of a release's executions."""
        client = boto3.client(
            "stepfunctions",
            endpoint_url=f"http://127.0.0.1:{self._node.node_port}",
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
        arn = f"arn:aws:states:us-east-1:000000000000:stateMachine:{release}"
        pages = client.get_paginator("list_executions").paginate(stateMachineArn=arn)
        names = {execution["name"] for page in pages for execution in page["executions"]}
        client.close()
        return names

    def _buy_one(self, who: str) -> str:
        body = {
            "user_guid": f"{who}-{next(self._customers)}",
            "unit_id": self._unit_id,
            "quantity": 1,
            "payment_token": "tok_ok",
        }
        placed = self._node.request("POST", "/orders", body, {"Idempotency-Key": str(uuid.uuid4())})
        assert placed.status == 201, placed
        return str(placed.body["order_id"])
