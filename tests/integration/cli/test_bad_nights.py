"""Commands with odd words, against a shop that is not itself: one sentence says what is wrong."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from expeditor.cli import acting, function, load, order, root, voucher
from expeditor.cli.output import CommandError, ExitCode, machine_user

from .conftest import Shop

UNFINISHED = {"order_id": "o-1", "status": "payment_unknown", "at_rest": False, "timeline": []}


def refusal(result: Result) -> str:
    """What the command says in the end; not a fault of the program."""
    assert isinstance(result.exception, CommandError), result
    return str(result.exception)


@pytest.mark.parametrize("order_id", ["a b", "snow☃", "a\tb"])
def test_odd_ids_are_asked_for_as_they_are(shop: Shop, order_id: str) -> None:
    shop.answers = [(404, json.dumps({"detail": "there is no such order"}).encode())]

    assert refusal(shop.run(order.command, "get", order_id)) == "there is no such order"

    assert shop.asked[0].isascii()


@pytest.mark.parametrize("key", ["☃", "a\nb"])
def test_keys_that_no_header_can_hold_are_refused(shop: Shop, key: str) -> None:
    result = shop.run(order.command, "create", "--unit-id", "spa", "--idempotency-key", key)

    assert "check the ids, keys and tokens" in refusal(result)
    assert shop.asked == []


def test_tokens_that_no_header_can_hold_are_refused(shop: Shop) -> None:
    assert "check the ids" in refusal(shop.run(voucher.command, "redeem", "ABCD", "--token", "☃"))


def test_another_program_at_the_port_is_not_taken_for_the_shop(shop: Shop) -> None:
    shop.answers = [(200, b"<html>hello</html>")]

    assert f"answers at port {shop.port} is not the shop" in refusal(shop.run(order.command, "get", "o-1"))


def test_an_order_that_has_not_ended_in_time_is_told_by_the_exit_code(shop: Shop) -> None:
    shop.answers = [(200, json.dumps(UNFINISHED).encode())] * 3

    result = shop.run(order.command, "create", "--unit-id", "spa", "--wait", "0.01", "-o", "jsonl")

    assert "order o-1 is still payment_unknown" in refusal(result)
    assert isinstance(result.exception, CommandError)
    assert result.exception.exit_code is ExitCode.WAIT_TIMED_OUT
    assert json.loads(result.stdout)["order_id"] == "o-1"


def test_what_was_done_is_told_when_the_shop_goes_away_in_the_middle(shop: Shop) -> None:
    shop.answers = [(200, json.dumps({"order_id": "o-1", "status": "cancelled"}).encode())]

    result = shop.run(order.command, "cancel", "o-1", "o-2", "o-3", "--reason", "storm")

    assert "the shop does not answer" in refusal(result)
    assert "o-1       done" in result.stdout
    assert "1 done, 0 refused, 2 not answered or not tried" in result.stderr


def test_what_was_done_but_not_noted_says_so(shop: Shop) -> None:
    with pytest.raises(CommandError, match=r"done, but not noted .*expeditor audit note pause function/pay"):
        acting.noted_as_done("pause", "function/pay", "storm", "ann")

    assert shop.asked == ["/operator/audit"]


def test_a_payload_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "event").write_bytes(b"\xff\xfe")

    with pytest.raises(CommandError, match="it is not UTF-8"):
        function.read_argument(f"@{tmp_path / 'event'}")


def test_a_rate_that_is_no_number_is_refused(shop: Shop) -> None:
    refusal(shop.run(load.command, "--rate", "nan", "--duration", "1"))

    assert shop.asked == []


def test_logs_of_a_function_that_does_not_exist_are_not_just_empty(shop: Shop) -> None:
    shop.answers = [(200, b"[]"), (404, json.dumps({"Message": "Function not found: x"}).encode())]

    assert "Function not found" in refusal(shop.run(function.command, "logs", "x"))


def test_ctrl_c_ends_a_command_with_the_exit_code_of_shells(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(order.get, "invoke", interrupted)
    monkeypatch.setattr("sys.argv", ["expeditor", "order", "get", "o-1"])

    with pytest.raises(SystemExit) as ended:
        root.main(lambda: None)

    assert ended.value.code == 130


def test_a_full_disk_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device", "/srv/shop")

    monkeypatch.setattr(order.get, "invoke", full)
    monkeypatch.setattr("sys.argv", ["expeditor", "order", "get", "o-1"])

    with pytest.raises(SystemExit) as ended:
        root.main(lambda: None)

    assert ended.value.code == ExitCode.FAILED
    assert "No space left on device: '/srv/shop'" in capsys.readouterr().err


def test_a_user_whom_the_machine_cannot_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 4242")

    monkeypatch.setattr("getpass.getuser", unknown)
    monkeypatch.setattr("os.getuid", lambda: 4242)

    assert machine_user() == "uid 4242"
