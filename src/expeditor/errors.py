"""The faults of the world this package reports; every room's exceptions derive from one class."""


class ExpeditorError(Exception):
    """Something outside our control went wrong; the message says what, to which thing, and what to do next."""


class LimitExceededError(ExpeditorError):
    """A stated limit was passed.

    Attributes:
        limit: name of the limit, such as ``payload_bytes_max``.
        allowed: the most that is accepted.
        actual: what was offered; a lower bound where counting stopped early.
    """

    def __init__(self, limit: str, allowed: int, actual: int) -> None:
        super().__init__(f"{limit} is {allowed}, got {actual}; make it smaller or pass it by reference")
        self.limit = limit
        self.allowed = allowed
        self.actual = actual


class ServiceError(ExpeditorError):
    """A refusal that AWS's API has a name for; the endpoint passes it on as it is.

    Attributes:
        code: AWS's error code, such as ``ResourceNotFoundException``; the HTTP status follows from botocore's model.
    """

    code = "ValidationException"
