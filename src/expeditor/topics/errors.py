"""Refusals of the topics room, with the codes and words of Amazon SNS."""

from expeditor.errors import ServiceError


class InvalidParameterError(ServiceError):
    """A parameter breaks a rule; the message starts with ``Invalid parameter``."""

    code = "InvalidParameter"


class InvalidParameterValueError(ServiceError):
    """A message attribute has a value that its type does not allow."""

    code = "ParameterValueInvalid"


class NotFoundError(ServiceError):
    """The topic, subscription or queue does not exist."""

    code = "NotFound"


class ResourceNotFoundError(ServiceError):
    """What was to be tagged does not exist."""

    code = "ResourceNotFound"


class TagLimitExceededError(ServiceError):
    """A topic may have 50 tags."""

    code = "TagLimitExceeded"


class EmptyBatchRequestError(ServiceError):
    """A batch without entries."""

    code = "EmptyBatchRequest"

    def __init__(self) -> None:
        super().__init__("The batch request doesn't contain any entries.")


class TooManyEntriesInBatchRequestError(ServiceError):
    """A batch with more than 10 entries."""

    code = "TooManyEntriesInBatchRequest"

    def __init__(self) -> None:
        super().__init__("The batch request contains more entries than permissible.")


class BatchEntryIdsNotDistinctError(ServiceError):
    """Two entries of a batch share an Id."""

    code = "BatchEntryIdsNotDistinct"

    def __init__(self) -> None:
        super().__init__("Two or more batch entries in the request have the same Id.")


class InvalidBatchEntryIdError(ServiceError):
    """The Id of a batch entry has characters or a length that are not allowed."""

    code = "InvalidBatchEntryId"

    def __init__(self) -> None:
        super().__init__(
            "The batch entry id can only contain alphanumeric characters, hyphens and underscores. "
            "It can be at most 80 letters long."
        )


class BatchRequestTooLongError(ServiceError):
    """The messages of a batch are larger than 256 KiB together."""

    code = "BatchRequestTooLong"

    def __init__(self) -> None:
        super().__init__("The length of all the messages put together is more than the limit.")
