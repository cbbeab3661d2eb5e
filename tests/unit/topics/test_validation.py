"""Messages, names and batches that break a rule."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expeditor.errors import ServiceError
from expeditor.topics import InvalidParameterError, MessageAttribute, NewMessage, check_message, new_message
from expeditor.topics.errors import BatchRequestTooLongError, EmptyBatchRequestError, InvalidParameterValueError
from expeditor.topics.validation import check_publication, check_queue_name, structured_text

SIZE_MAX = 262_144


def with_attribute(name: str, data_type: str, value: str | bytes) -> NewMessage:
    return NewMessage("x", attributes={name: MessageAttribute(data_type, value)})


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (NewMessage(""), "Invalid parameter: Empty message"),
        (NewMessage("x" * (SIZE_MAX + 1)), "Invalid parameter: Message too long"),
        (NewMessage("ö" * (SIZE_MAX // 2 + 1)), "Invalid parameter: Message too long"),
        (NewMessage("x\ud800"), "not valid Unicode"),
        (NewMessage("x", ""), "Invalid parameter: Subject"),
        (NewMessage("x", "s" * 101), "Invalid parameter: Subject"),
        (NewMessage("x", "two\nlines"), "Invalid parameter: Subject"),
        (NewMessage("x", "ö" * 101), "Invalid parameter: Subject"),
        *((NewMessage("x", f"a{control}b"), "Invalid parameter: Subject") for control in "\0\t\r\x7f\x85\u2028\ud800"),
    ],
)
def test_bad_messages(message: NewMessage, reason: str) -> None:
    with pytest.raises(InvalidParameterError, match=reason):
        check_message(message)


@pytest.mark.parametrize(
    "message",
    [
        NewMessage("x" * SIZE_MAX),
        NewMessage("x", "s" * 100),
        NewMessage("x", "Ihr Gutschein für Zürich 🎟"),
        NewMessage("x", " leading"),
        with_attribute("a.b-c_1", "String.mine", "v"),
        with_attribute("n", "Number", "-1.5e10"),
        with_attribute("b", "Binary.png", b"\x00"),
        with_attribute("l", "String.Array", "[1]"),
    ],
)
def test_good_messages(message: NewMessage) -> None:
    assert check_message(message) > 0


@pytest.mark.parametrize(
    "message",
    [
        with_attribute("", "String", "v"),
        with_attribute("a..b", "String", "v"),
        with_attribute(".a", "String", "v"),
        with_attribute("AWS.a", "String", "v"),
        with_attribute("amazon.a", "String", "v"),
        with_attribute("a b", "String", "v"),
        with_attribute("a" * 257, "String", "v"),
        with_attribute("a", "", "v"),
        with_attribute("a", "Text", "v"),
        with_attribute("a", "String", ""),
        with_attribute("a", "Number", "many"),
        with_attribute("a", "Number", "nan"),
        with_attribute("a", "Binary", "text"),
        with_attribute("a", "String", b"bytes"),
    ],
)
def test_bad_attributes(message: NewMessage) -> None:
    with pytest.raises(InvalidParameterValueError):
        check_message(message)


def test_attributes_count_towards_the_size() -> None:
    attributes = {"name": MessageAttribute("String", "value")}
    rest = len("name") + len("String") + len("value")
    assert check_message(NewMessage("x" * (SIZE_MAX - rest), attributes=attributes)) == SIZE_MAX
    with pytest.raises(InvalidParameterError, match="too long"):
        check_message(NewMessage("x" * (SIZE_MAX - rest + 1), attributes=attributes))


def test_publications_are_bounded_together() -> None:
    with pytest.raises(EmptyBatchRequestError):
        check_publication([])
    check_publication([NewMessage("x" * (SIZE_MAX // 2))] * 2)
    with pytest.raises(BatchRequestTooLongError):
        check_publication([NewMessage("x" * (SIZE_MAX // 2)), NewMessage("x" * (SIZE_MAX // 2 + 1))])


def test_structured_text() -> None:
    assert structured_text('{"default": "d", "lambda": "l"}', "lambda") == "l"
    assert structured_text('{"default": "d"}', "lambda") == "d"


@pytest.mark.parametrize("text", ["{", "[]", '{"lambda": "l"}', '{"default": 5}', '{"default": "d", "lambda": 5}'])
def test_bad_structured_text(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="Invalid parameter: Message Structure"):
        structured_text(text, "lambda")


@pytest.mark.parametrize("name", ["", "a b", "a.fifo", "x" * 81, "ö"])
def test_bad_queue_names(name: str) -> None:
    with pytest.raises(InvalidParameterError):
        check_queue_name(name)


def test_parameters_of_publish_become_a_message() -> None:
    message = new_message(
        {
            "Message": "x",
            "Subject": "s",
            "MessageAttributes": {
                "t": {"DataType": "String", "StringValue": "v"},
                "b": {"DataType": "Binary", "BinaryValue": b"1"},
            },
        }
    )
    assert message == NewMessage(
        "x", "s", {"t": MessageAttribute("String", "v"), "b": MessageAttribute("Binary", b"1")}
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"MessageDeduplicationId": "d"},
        {"MessageStructure": "xml"},
        {"MessageAttributes": {"a": {"DataType": "String"}}},
        {"MessageAttributes": {"a": {"DataType": "Binary", "StringValue": "v"}}},
    ],
)
def test_parameters_that_cannot_be_a_message(fields: dict[str, object]) -> None:
    with pytest.raises(ServiceError):
        new_message({"Message": "x", **fields})


@given(st.text(max_size=50), st.none() | st.text(max_size=20), st.text(max_size=10), st.text(max_size=10))
def test_any_message_is_refused_or_has_a_size(text: str, subject: str | None, name: str, value: str) -> None:
    message = NewMessage(text, subject, {name: MessageAttribute("Number", value)})
    with suppress(ServiceError):
        assert check_message(message) >= len(text)
