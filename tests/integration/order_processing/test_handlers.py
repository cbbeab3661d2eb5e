"""Lambda handlers in processes' place: environment in, dict out, one database for all."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from order_processing.functions import (
    authorize_payments,
    capture_payments,
    fraud_scan,
    hand_over_order,
    issue_vouchers,
    order_notification_dispatcher,
    release_order,
    reserve_shipment,
    send_confirmation,
    start_order_processing,
)
from order_processing.functions.order_notification_dispatcher import NotificationError
from order_processing.functions.task import TaskInputError
from order_processing.legacy import fraud_scan as legacy_fraud_scan
from order_processing.legacy import fulfilment, payment_authorization
from order_processing.operations import (
    VoucherKeyError,
    claim,
    make_secret,
    open_services,
    read_voucher_key,
    shared_services,
)
from order_processing.stores import SqliteOrderStore, StoreSettingsError

from .test_payment_contract import over_http
from .worlds import World, a_world

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:order-processing-v1.0.0"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose store is served to handlers, configured by environment as in a function's process."""
    made = a_world(tmp_path)
    assert isinstance(made.store, SqliteOrderStore)
    made.store.serve(tmp_path / "orders.sock")
    make_secret(tmp_path / "secrets" / "voucher.key")
    sandbox = over_http(tmp_path / "sandbox")
    payments = next(sandbox)
    environment = {
        "ORDERS_DB": str(tmp_path / "orders.db"),
        "ORDERS_SOCKET": str(tmp_path / "orders.sock"),
        "PAYMENTS_URL": payments._connections.url,  # type: ignore[attr-defined]
        "MAIL_OUTBOX": str(tmp_path / "outbox"),
        "VOUCHER_KEY_FILE": str(tmp_path / "secrets" / "voucher.key"),
        "ORDER_STATE_MACHINE_ARN": MACHINE,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    shared_services.cache_clear()
    yield made
    shared_services().store.close()
    shared_services().payments.close()  # type: ignore[attr-defined]
    shared_services.cache_clear()
    sandbox.close()
    made.store.close()


def test_the_handlers_of_the_machine_bring_an_order_to_its_end(world: World) -> None:
    order_id, epoch = world.claimed()
    event = {"order_id": order_id, "epoch": epoch}

    answers = [
        module.handler(event, None)
        for module in (
            start_order_processing,
            fraud_scan,
            authorize_payments,
            issue_vouchers,
            capture_payments,
            send_confirmation,
        )
    ]

    assert [answer["status"] for answer in answers] == [
        "processing",
        "cleared",
        "authorized",
        "fulfilling",
        "completed",
        "completed",
    ]
    assert answers[1]["fraud_verdict"] == "cleared"
    assert all(answer["order_id"] == order_id and answer["epoch"] == epoch for answer in answers)
    assert all(answer["kind"] == "voucher" for answer in answers)
    assert json.loads(json.dumps(answers)) == answers


def test_an_order_can_be_released_and_handed_over(world: World) -> None:
    first, epoch = world.claimed()
    released = release_order.handler({"order_id": first, "epoch": epoch, "outcome": "failed", "reason": "r"}, None)
    second, epoch = world.claimed()
    error = {"Error": "States.Timeout", "Cause": "x" * 5_000}
    hand_over_order.handler({"order_id": second, "epoch": epoch, "error": error}, None)

    assert released["status"] == "failed"
    assert world.order(second).problem.startswith("States.Timeout: xxx")
    assert len(world.order(second).problem) < 600


@pytest.mark.parametrize("event", [{}, {"order_id": "o-1"}, {"epoch": 1}, {"order_id": "", "epoch": 1}])
def test_input_that_names_no_order_or_epoch_is_refused(event: dict[str, object]) -> None:
    with pytest.raises(TaskInputError):
        reserve_shipment.handler(event, None)


def test_batch_jobs_answer_with_what_they_did(world: World) -> None:
    assert legacy_fraud_scan.handler({}, None) == {
        "adopted": 0,
        "done": 0,
        "skipped": 0,
        "left": 0,
        "quarantined": [],
        "failed": {},
    }
    assert payment_authorization.handler({"limit": 5}, None)["done"] == 0
    assert fulfilment.handler({"limit": 5}, None)["done"] == 0


def notified(*messages: str) -> dict[str, object]:
    return {"Records": [{"Sns": {"MessageId": "m-1", "Message": message}} for message in messages]}


@pytest.fixture
def machine() -> Iterator[None]:
    """A state machine on moto's Step Functions; ``started`` tells what runs on it."""
    with mock_aws():
        order_notification_dispatcher._client.cache_clear()
        client = boto3.client("stepfunctions", region_name="us-east-1")
        client.create_state_machine(
            name="order-processing-v1.0.0",
            definition='{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}',
            roleArn="arn:aws:iam::123456789012:role/r",
        )
        yield
        order_notification_dispatcher._client.cache_clear()


def started() -> list[str]:
    found = boto3.client("stepfunctions", region_name="us-east-1").list_executions(stateMachineArn=MACHINE)
    return [execution["name"] for execution in found["executions"]]


@pytest.mark.usefixtures("machine")
def test_a_notification_starts_one_execution_named_after_its_order(world: World) -> None:
    order = world.place()
    message = world.store.unpublished()[0].body

    answers = [order_notification_dispatcher.handler(notified(message), None) for _ in range(3)]

    assert answers == [{"started": [order.order_id], "skipped": []}] * 3
    assert started() == [order.order_id]
    assert world.order(order.order_id).owner.epoch == 1


@pytest.mark.usefixtures("machine")
def test_a_notification_of_an_order_under_way_starts_nothing(world: World) -> None:
    order = world.place()
    assert claim(world.services, order.order_id) is not None
    start_order_processing.handler({"order_id": order.order_id, "epoch": 1}, None)

    answer = order_notification_dispatcher.handler(notified(f'{{"order_id": "{order.order_id}"}}'), None)

    assert answer == {"started": [], "skipped": [order.order_id]}
    assert started() == []


@pytest.mark.parametrize("message", ["", "{", "[]", '{"order": 1}', '{"order_id": 7}'])
def test_a_message_that_is_no_notification_is_for_the_dead_letter_queue(message: str) -> None:
    with pytest.raises(NotificationError, match="m-1"):
        order_notification_dispatcher.handler(notified(message), None)


def test_the_voucher_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "voucher.key"

    make_secret(path)
    secret = read_voucher_key(path)
    make_secret(path)

    assert read_voucher_key(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["voucher.key"]


def test_a_key_that_is_missing_or_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"x" * 31)

    for name in ("short", "missing"):
        with pytest.raises(VoucherKeyError):
            read_voucher_key(tmp_path / name)


def test_an_environment_that_names_no_store_is_refused() -> None:
    with pytest.raises(StoreSettingsError):
        open_services({})
