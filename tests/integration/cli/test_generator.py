"""The load generator against something at the shop's port: what it counts."""

import json

import pytest

from expeditor.cli.generator import Plan, run
from expeditor.cli.output import CommandError

from .conftest import Shop

ONE = Plan("spa", duration_seconds=0.01, rate=100, in_flight=1)
ACCEPTED = (201, json.dumps({"order_id": "o-1"}).encode())


def test_an_order_is_placed_and_waited_for(shop: Shop) -> None:
    ended = {"status": "completed", "timeline": [{"event": "completed", "at": 4e9}]}
    shop.answers = [ACCEPTED, (200, json.dumps(ended).encode())]

    report = run(ONE)

    assert shop.asked == ["/orders", "/orders/o-1"]
    assert (report.accepted, dict(report.statuses), len(report.voucher_ms)) == (1, {"completed": 1}, 1)


@pytest.mark.parametrize(
    ("answers", "refused"),
    [
        pytest.param([(409, b"{}")], {"409": 1}, id="refused"),
        pytest.param([], {"no answer": 1}, id="hung up"),
        pytest.param([(201, b"<html>")], {"no answer": 1}, id="something else than the shop"),
    ],
)
def test_an_order_that_is_not_accepted_is_counted(
    shop: Shop, answers: list[tuple[int, bytes]], refused: dict[str, int]
) -> None:
    shop.answers = answers

    report = run(ONE)

    assert (report.sent, report.accepted, dict(report.refused)) == (1, 0, refused)


def test_a_shop_that_goes_away_is_told_in_a_sentence(shop: Shop) -> None:
    shop.answers = [ACCEPTED]

    with pytest.raises(CommandError, match=f"the shop does not answer at port {shop.port} .*`expeditor up` starts it"):
        run(ONE)
