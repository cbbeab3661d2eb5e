"""The HTTP metadata that optimised integrations put into a task's result."""

from email.utils import formatdate

from expeditor.payloads import JSONValue


def sdk_metadata(headers: dict[str, str], request_id: str) -> dict[str, JSONValue]:
    """``SdkHttpMetadata`` and ``SdkResponseMetadata`` of an answer with status 200."""
    every: dict[str, JSONValue] = {name: [value] for name, value in headers.items()}
    one: dict[str, JSONValue] = dict(headers)
    return {
        "SdkHttpMetadata": {"AllHttpHeaders": every, "HttpHeaders": one, "HttpStatusCode": 200},
        "SdkResponseMetadata": {"RequestId": request_id},
    }


def http_date(at: float) -> str:
    """An instant as an HTTP header has it, such as ``Mon, 23 Nov 2026 08:00:00 GMT``."""
    return formatdate(at, usegmt=True)
