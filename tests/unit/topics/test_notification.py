"""What endpoints get."""

import json

from hypothesis import given
from hypothesis import strategies as st

from expeditor.topics import (
    Message,
    MessageAttribute,
    NewMessage,
    Region,
    Subscription,
    lambda_event,
    notification_fields,
)
from expeditor.topics.notification import notifier, timestamp

REGION = Region(endpoint_url="http://127.0.0.1:9999")
TOPIC = REGION.topic_arn("orders")
SUBSCRIPTION = Subscription(1, f"{TOPIC}:s-1", TOPIC, "lambda", "arn:f", {}, 0.0)


def message(new: NewMessage) -> Message:
    return Message(1, "m-1", TOPIC, notifier(TOPIC, REGION, 1_700_000_000.0625)("m-1", new), 1_700_000_000.0625)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.none() | st.just("Hi"))
def test_event_carries_any_text_whole(text: str, subject: str | None) -> None:
    (record,) = json.loads(lambda_event(SUBSCRIPTION, message(NewMessage(text, subject)), REGION))["Records"]

    assert record["Sns"]["Message"] == text
    assert record["Sns"]["Subject"] == subject
    assert record["EventSubscriptionArn"] == SUBSCRIPTION.subscription_arn
    assert record["Sns"]["UnsubscribeUrl"].startswith("http://127.0.0.1:9999/?Action=Unsubscribe")


def test_fields_can_be_read_back() -> None:
    fields = notification_fields(message(NewMessage("x", None, {"b": MessageAttribute("Binary", b"\x01")})))

    assert (fields.message, fields.message_id, fields.topic_arn) == ("x", "m-1", TOPIC)
    assert fields.message_attributes["b"].value == "AQ=="


def test_timestamps_have_milliseconds() -> None:
    assert timestamp(1_700_000_000.0625) == "2023-11-14T22:13:20.062Z"
