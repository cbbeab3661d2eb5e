"""The publisher against a server that speaks SNS's wire protocol."""

import json
from collections.abc import Iterator

import pytest

from order_processing.service.relay import PublishError
from order_processing.service.sns import SnsPublisher
from order_processing.stores import Notification

from .sns_stand_in import MEMBER, TOPIC, SnsStandIn, sns_stand_in


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> Iterator[SnsStandIn]:
    """A running SNS that boto3 finds through its own settings."""
    with sns_stand_in() as stand_in:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "x")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", stand_in.url)
        yield stand_in


def notification(number: int) -> Notification:
    body = {"order_id": f"o-{number}", "kind": "voucher", "city": "Austin", "quantity": 1}
    return Notification(f"o-{number}", json.dumps(body), 0.0)


def test_a_batch_carries_bodies_and_attributes(sns: SnsStandIn) -> None:
    publisher = SnsPublisher.connect(TOPIC)

    taken = publisher.publish([notification(1), notification(2)])

    form = sns.requests[0]
    assert taken == {notification(1), notification(2)}
    assert (form["Action"], form["TopicArn"]) == ("PublishBatch", TOPIC)
    assert json.loads(form[MEMBER.format(1, "Message")])["order_id"] == "o-1"
    attributes = {
        form[MEMBER.format(2, f"MessageAttributes.entry.{at}.Name")]: form[
            MEMBER.format(2, f"MessageAttributes.entry.{at}.Value.StringValue")
        ]
        for at in (1, 2)
    }
    assert attributes == {"kind": "voucher", "city": "Austin"}
    publisher.close()


def test_entries_that_failed_are_not_reported_as_taken(sns: SnsStandIn) -> None:
    publisher = SnsPublisher.connect(TOPIC)
    sns.refused = {"1"}

    assert publisher.publish([notification(1), notification(2)]) == {notification(1)}
    publisher.close()


def test_an_answer_of_5xx_is_an_error_after_one_try(sns: SnsStandIn) -> None:
    publisher = SnsPublisher.connect(TOPIC)
    sns.status = 500

    with pytest.raises(PublishError, match="order-notifications"):
        publisher.publish([notification(1)])

    assert len(sns.requests) == 1
    publisher.close()


def test_nobody_listening_is_an_error(sns: SnsStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    publisher = SnsPublisher.connect(TOPIC)

    with pytest.raises(PublishError):
        publisher.publish([notification(1)])


def test_a_missing_region_is_an_error(sns: SnsStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    with pytest.raises(PublishError):
        SnsPublisher.connect("order-notifications")


def test_one_connection_serves_many_batches(sns: SnsStandIn) -> None:
    publisher = SnsPublisher.connect(TOPIC)

    for number in range(5):
        publisher.publish([notification(number)])

    assert (len(sns.requests), sns.connections) == (5, 1)
    publisher.close()
