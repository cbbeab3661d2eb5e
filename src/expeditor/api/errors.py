"""Refusals of the endpoint itself, and how any refusal travels."""

from collections.abc import Mapping

from expeditor.api.model import Shape
from expeditor.errors import ServiceError

_STATUSES = {
    "AccessDeniedException": 403,
    "InternalFailure": 500,
    "RequestEntityTooLargeException": 413,
    "RequestHeaderFieldsTooLargeException": 431,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
}
"""Of codes that no service's model describes."""


class ValidationError(ServiceError):
    """A parameter breaks a constraint of the service's model; the message counts and names each."""

    code = "ValidationException"


class SerializationError(ServiceError):
    """The request cannot be read: not JSON, or another type than the model's."""

    code = "SerializationException"


class UnknownOperationError(ServiceError):
    """The service has no operation of that name."""

    code = "UnknownOperationException"

    def __init__(self, operation: str) -> None:
        super().__init__(f"there is no operation {operation[:128]!r}; check the name and the endpoint it was meant for")
        self.operation = operation


class UnsupportedOperationError(ServiceError):
    """AWS has the operation, this node does not."""

    code = "UnsupportedOperationException"

    def __init__(self, service: str, operation: str) -> None:
        super().__init__(
            f"the operation {operation} of {service} is not supported by Expeditor; "
            "docs/reference/aws-operations.md lists those that are"
        )
        self.operation = operation


class UnsupportedParameterError(ServiceError):
    """AWS does something for the parameter that this node does not."""

    code = "UnsupportedOperationException"

    def __init__(self, parameter: str) -> None:
        super().__init__(
            f"the parameter {parameter} is not supported by Expeditor; leave it out, or see "
            "docs/reference/aws-operations.md"
        )
        self.parameter = parameter


class RequestTooLargeError(ServiceError):
    """The body is longer than the operation takes."""

    code = "RequestEntityTooLargeException"

    def __init__(self, allowed: int) -> None:
        super().__init__(f"the request body must not be longer than {allowed} bytes")
        self.allowed = allowed


class HeadersTooLargeError(ServiceError):
    """The head of the request is longer than any AWS client's."""

    code = "RequestHeaderFieldsTooLargeException"

    def __init__(self, allowed: int) -> None:
        super().__init__(f"the request headers must not be longer than {allowed} bytes")
        self.allowed = allowed


class UnavailableError(ServiceError):
    """The node cannot tell or do it now; the same call may be made again."""

    code = "ServiceUnavailableException"


class AccessDeniedError(ServiceError):
    """The request comes by a way that is not allowed, such as another site's page or an unknown host name."""

    code = "AccessDeniedException"


class InternalError(ServiceError):
    """A bug of ours; the log has it under the request id."""

    code = "InternalFailure"

    def __init__(self, request_id: str) -> None:
        super().__init__(f"internal failure; the node's log has the reason under request id {request_id}")


def status_of(errors: Mapping[str, Shape], code: str) -> int:
    """The HTTP status of a refusal: its error shape's, ours where the model has none, else 400."""
    shape = errors.get(code)
    if shape is not None and shape.error is not None:
        return shape.error.http_status_code
    return _STATUSES.get(code, 400)


def wire_code(errors: Mapping[str, Shape], code: str) -> str:
    """The name a refusal travels under: ``NotFoundException`` of SNS is ``NotFound``."""
    shape = errors.get(code)
    return shape.error.code if shape and shape.error and shape.error.code else code
