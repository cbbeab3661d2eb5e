"""Failures of calls to AWS services, in AWS's words: the SDK for Java's, version 2 in SDK integrations, else 1."""

from typing import Any

from expeditor.integrations.clients import Service
from expeditor.integrations.naming import exception_name
from expeditor.integrations.optimised import Optimised
from expeditor.integrations.tasks import Failed
from expeditor.payloads import JSONValue, encode


def unusable(parameters: JSONValue, problems: list[str]) -> Failed:
    """The failure of a task whose parameters no request can be made of."""
    text = encode(parameters).decode()
    wrong = ", ".join(problems)
    return Failed("States.Runtime", f"The Parameters '{text}' could not be used to start the Task: [{wrong}]")


def failed(service: Service, error: Exception) -> Failed:
    """An SDK integration's failure. *error* is botocore's."""
    response = _response(error)
    if response is None:
        return Failed(f"{service.prefix}.SdkClientException", f"{_unsent(error)} (SDK Attempt Count: 1)")
    metadata = response.get("ResponseMetadata", {})
    details = f"Service: {service.prefix}, Status Code: {metadata.get('HTTPStatusCode')}"
    details += f", Request ID: {metadata.get('RequestId')}"
    if metadata.get("HostId"):
        details += f", Extended Request ID: {metadata['HostId']}"
    name = _class_name(service, response, f"{service.prefix}Exception")
    return Failed(f"{service.prefix}.{name}", f"{_message(response)} ({details}) (SDK Attempt Count: 1)")


def failed_optimised(optimised: Optimised, service: Service, error: Exception) -> Failed:
    """An optimised integration's failure. *error* is botocore's."""
    response = _response(error)
    if response is None:
        return Failed(f"{optimised.prefix}.SdkClientException", _unsent(error))
    metadata = response.get("ResponseMetadata", {})
    details = (
        f"Service: {optimised.title}; Status Code: {metadata.get('HTTPStatusCode')}; Error Code: {_code(response)};"
        f" Request ID: {metadata.get('RequestId')}; Proxy: null"
    )
    name = _class_name(service, response, optimised.unnamed_error)
    return Failed(f"{optimised.prefix}.{name}", f"{_message(response)} ({details})")


def _response(error: Exception) -> dict[str, Any] | None:
    """What the service answered; None when there was no answer."""
    response: dict[str, Any] | None = getattr(error, "response", None)
    return response if isinstance(response, dict) else None


def _class_name(service: Service, response: dict[str, Any], unnamed: str) -> str:
    """The SDK's class of an error: the service's own when its model has it, else *unnamed*."""
    modelled = response.get("Error", {}).get("QueryErrorCode", "")
    shape = service.errors.get(_code(response)) or service.errors.get(modelled)
    return unnamed if shape is None else exception_name(shape)


def _unsent(error: Exception) -> str:
    return f"Unable to execute HTTP request: {error}"


def _code(response: dict[str, Any]) -> str:
    return str(response.get("Error", {}).get("Code", "")).rpartition("#")[2]


def _message(response: dict[str, Any]) -> str:
    return str(response.get("Error", {}).get("Message") or "null")
