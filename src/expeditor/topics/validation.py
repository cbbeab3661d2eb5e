"""Rules for names, messages and batches, with the words of Amazon SNS."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from expeditor.payloads import PAYLOAD_BYTES_MAX, JSONValue, decode
from expeditor.topics import errors
from expeditor.topics.errors import InvalidParameterError, InvalidParameterValueError
from expeditor.topics.model import MessageAttribute, NewMessage

BATCH_ENTRIES_MAX = 10
NAME_LENGTH_MAX = 256
SUBJECT_LENGTH_MAX = 100

_TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_SUBJECT = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
"""Source: Publish of the SNS API reference, "UTF-8 text with no line breaks or control characters"."""

_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_ATTRIBUTE_TYPE = re.compile(r"(String\.Array|String|Number|Binary)(\.[A-Za-z0-9_.-]+)?")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")


def check_topic_name(name: str) -> None:
    """Raises InvalidParameterError unless *name* is 1 to 256 of ``A-Z a-z 0-9 _ -``; FIFO topics are not offered."""
    if name.endswith(".fifo"):
        raise InvalidParameterError(
            "Invalid parameter: Topic Name Reason: FIFO topics are not supported by this endpoint"
        )
    if not _TOPIC_NAME.fullmatch(name):
        raise InvalidParameterError("Invalid parameter: Topic Name")


def check_queue_name(name: str) -> None:
    """Raises InvalidParameterError unless *name* is 1 to 80 of ``A-Z a-z 0-9 _ -``."""
    if not _QUEUE_NAME.fullmatch(name):
        raise InvalidParameterError(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def check_arn(parameter: str, arn: str) -> None:
    """Raises InvalidParameterError unless *arn* has an ARN's six parts."""
    parts = arn.count(":") + 1
    if parts < 6:
        raise InvalidParameterError(
            f"Invalid parameter: {parameter} Reason: An ARN must have at least 6 elements, not {parts}"
        )


def check_message(message: NewMessage) -> int:
    """Checks one message and gives its size in bytes, attributes included.

    Raises:
        InvalidParameterError: empty, too long, or a bad subject or attribute.
        InvalidParameterValueError: an attribute's value does not fit its type.
    """
    if not message.text:
        raise InvalidParameterError("Invalid parameter: Empty message")
    _check_subject(message.subject)
    try:
        size = len(message.text.encode())
    except UnicodeEncodeError as error:
        raise InvalidParameterError("Invalid parameter: Message Reason: Message is not valid Unicode") from error
    for name, attribute in message.attributes.items():
        size += _check_attribute(name, attribute)
    if size > PAYLOAD_BYTES_MAX:
        raise InvalidParameterError("Invalid parameter: Message too long")
    return size


def _check_subject(subject: str | None) -> None:
    if subject is not None and not (len(subject) <= SUBJECT_LENGTH_MAX and _SUBJECT.fullmatch(subject)):
        raise InvalidParameterError("Invalid parameter: Subject")


def _check_attribute(name: str, attribute: MessageAttribute) -> int:
    """Checks one attribute and gives its size: name, type and value."""
    reserved = name.lower().startswith(("aws.", "amazon."))
    if reserved or len(name) > NAME_LENGTH_MAX or not _ATTRIBUTE_NAME.fullmatch(name):
        raise InvalidParameterValueError(
            f"The message attribute name '{name}' is invalid: it can contain A-Z, a-z, 0-9, underscore (_), hyphen (-) "
            "and period (.), must not start with AWS. or Amazon., and is at most 256 characters long."
        )
    if len(attribute.data_type) > NAME_LENGTH_MAX or not _ATTRIBUTE_TYPE.fullmatch(attribute.data_type):
        raise InvalidParameterValueError(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
            "prefixes is Binary, Number, and String."
        )
    if not attribute.value:
        raise InvalidParameterValueError(
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute "
            f"type '{attribute.data_type}'."
        )
    return len(name) + len(attribute.data_type) + _check_value(name, attribute)


def _check_value(name: str, attribute: MessageAttribute) -> int:
    value = attribute.value
    if isinstance(value, bytes) is not attribute.data_type.startswith("Binary"):
        raise InvalidParameterValueError(
            f"The message attribute '{name}' with type '{attribute.data_type}' must use field "
            f"'{'Binary' if isinstance(value, str) else 'String'}'."
        )
    if isinstance(value, bytes):
        return len(value)
    if attribute.data_type.startswith("Number") and not _NUMBER.fullmatch(value):
        raise InvalidParameterValueError(f"Could not cast message attribute '{name}' value to number.")
    return len(value.encode(errors="surrogatepass"))


def check_batch(entry_ids: Sequence[str], texts: Sequence[str]) -> None:
    """Raises AWS's error when a batch is empty or too large, or has a bad or repeated Id."""
    if not entry_ids:
        raise errors.EmptyBatchRequestError
    if len(entry_ids) > BATCH_ENTRIES_MAX:
        raise errors.TooManyEntriesInBatchRequestError
    if not all(_ENTRY_ID.fullmatch(entry_id) for entry_id in entry_ids):
        raise errors.InvalidBatchEntryIdError
    if len(set(entry_ids)) < len(entry_ids):
        raise errors.BatchEntryIdsNotDistinctError
    if sum(len(text.encode(errors="surrogatepass")) for text in texts) > PAYLOAD_BYTES_MAX:
        raise errors.BatchRequestTooLongError


def check_publication(messages: Sequence[NewMessage]) -> None:
    """Raises AWS's error for the first bad message, or when there are too many or too large ones together."""
    if not messages:
        raise errors.EmptyBatchRequestError
    if len(messages) > BATCH_ENTRIES_MAX:
        raise errors.TooManyEntriesInBatchRequestError
    if sum(check_message(message) for message in messages) > PAYLOAD_BYTES_MAX:
        raise errors.BatchRequestTooLongError


def structured_text(text: str, protocol: str) -> str:
    """The text for one protocol of a message published with ``MessageStructure=json``.

    Raises:
        InvalidParameterError: not a JSON object, or without a ``default`` text.
    """
    try:
        variants = decode(text)
    except msgspec.DecodeError as error:
        raise InvalidParameterError(
            "Invalid parameter: Message Structure - JSON message body failed to parse"
        ) from error
    if not isinstance(variants, dict) or not isinstance(variants.get("default"), str):
        raise InvalidParameterError("Invalid parameter: Message Structure - No default entry in JSON message body")
    found = variants.get(protocol, variants["default"])
    if not isinstance(found, str):
        raise InvalidParameterError(f"Invalid parameter: Message Structure - {protocol} entry is not a String")
    return found


def filter_values(attributes: Mapping[str, MessageAttribute]) -> dict[str, JSONValue]:
    """Message attributes as filter policies see them: Binary ones are left out, arrays are lists."""
    return {name: _filter_value(each) for name, each in attributes.items() if not each.data_type.startswith("Binary")}


def _filter_value(attribute: MessageAttribute) -> JSONValue:
    assert isinstance(attribute.value, str)
    if attribute.data_type.startswith("Number"):
        return float(attribute.value)
    if attribute.data_type.startswith("String.Array"):
        return _array(attribute.value)
    return attribute.value


def _array(text: str) -> JSONValue:
    """The elements of a String.Array; a text that is no JSON array counts as one string."""
    try:
        found = decode(text)
    except msgspec.DecodeError:
        return text
    return found if isinstance(found, list) else text
