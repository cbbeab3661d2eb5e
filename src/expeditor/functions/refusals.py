"""What the functions room refuses, under the codes and as far as known the words of Lambda's API."""

from expeditor.errors import ServiceError


class ResourceNotFoundError(ServiceError):
    """No such function, version or alias."""

    code = "ResourceNotFoundException"


class ResourceConflictError(ServiceError):
    """The function or alias exists already, or is in use."""

    code = "ResourceConflictException"


class InvalidParameterValueError(ServiceError):
    """A parameter or the code package cannot be used."""

    code = "InvalidParameterValueException"


class InvalidRequestError(ServiceError):
    """A parameter has not the form that AWS's API model asks for."""

    code = "ValidationException"


class PreconditionFailedError(ServiceError):
    """RevisionId is not the one of the function or alias as it stands."""

    code = "PreconditionFailedException"


class TooManyRequestsError(ServiceError):
    """All workers are busy and enough invocations wait already; try again later."""

    code = "TooManyRequestsException"


class CodeStorageExceededError(ServiceError):
    """The code package is larger than Lambda accepts."""

    code = "CodeStorageExceededException"


class RequestTooLargeError(ServiceError):
    """The event is larger than Lambda accepts."""

    code = "RequestTooLargeException"


class ServiceUnavailableError(ServiceError):
    """The node is closing or cannot start a worker process."""

    code = "ServiceException"


def function_paused(name: str) -> TooManyRequestsError:
    """The refusal of an invocation while the function is paused."""
    return TooManyRequestsError(f"Rate Exceeded: {name} is paused (its reserved concurrency is 0); resume it to go on")


def function_not_found(arn: str) -> ResourceNotFoundError:
    """In Lambda's words."""
    return ResourceNotFoundError(f"Function not found: {arn}")


def alias_not_found(arn: str) -> ResourceNotFoundError:
    """In Lambda's words."""
    return ResourceNotFoundError(f"Cannot find alias arn: {arn}")


def malformed(value: str, field: str, pattern: str) -> InvalidRequestError:
    """In the words of AWS's API model validation."""
    return InvalidRequestError(
        f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {pattern}"
    )
