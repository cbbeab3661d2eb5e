"""Refusals of the endpoint itself, before any room is asked."""

from expeditor.errors import ServiceError


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


class RequestTooLargeError(ServiceError):
    """The body is longer than the operation takes."""

    code = "RequestEntityTooLargeException"

    def __init__(self, allowed: int) -> None:
        super().__init__(f"the request body must not be longer than {allowed} bytes")
        self.allowed = allowed


class AccessDeniedError(ServiceError):
    """The request comes by a way that is not allowed, such as another site's page or an unknown host name."""

    code = "AccessDeniedException"


class InternalError(ServiceError):
    """A bug of ours; the log has it under the request id."""

    code = "InternalFailure"

    def __init__(self, request_id: str) -> None:
        super().__init__(f"internal failure; the node's log has the reason under request id {request_id}")
