"""AWS's Publish parameters as a new message."""

from collections.abc import Mapping
from typing import Any

from expeditor.topics.errors import InvalidParameterError, InvalidParameterValueError
from expeditor.topics.model import MessageAttribute, NewMessage
from expeditor.topics.validation import structured_text

PROTOCOL = "lambda"
"""The one protocol that is delivered to, so a structured message is reduced to its text when it comes in."""


def new_message(fields: Mapping[str, Any]) -> NewMessage:
    """The message of Publish parameters or of a batch entry: Message, Subject, MessageStructure, MessageAttributes.

    Raises:
        InvalidParameterError, InvalidParameterValueError: a structure that is not ``json``, a FIFO topic's
            parameter, or an attribute without value.
    """
    if "MessageDeduplicationId" in fields:
        raise InvalidParameterError(
            "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter "
            "that is not valid for this topic type"
        )
    structure, text = fields.get("MessageStructure"), fields["Message"]
    if structure not in {None, "", "json"}:
        raise InvalidParameterError("Invalid parameter: Invalid MessageStructure value")
    attributes = {name: _attribute(name, value) for name, value in fields.get("MessageAttributes", {}).items()}
    return NewMessage(structured_text(text, PROTOCOL) if structure else text, fields.get("Subject"), attributes)


def _attribute(name: str, value: Mapping[str, Any]) -> MessageAttribute:
    data_type = value.get("DataType", "")
    found = value.get("BinaryValue" if data_type.startswith("Binary") else "StringValue")
    if not found:
        raise InvalidParameterValueError(
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute "
            f"type '{data_type}'."
        )
    return MessageAttribute(data_type, found)
