"""Refusals of the Step Functions API, under AWS's names and in AWS's words."""

from expeditor.errors import ExpeditorError, ServiceError

TAGS_MAX = 50
"""On one resource. Source: API_TagResource, TooManyTags."""


class ExecutionDoesNotExistError(ServiceError):
    """No execution has that ARN."""

    code = "ExecutionDoesNotExist"

    def __init__(self, arn: str) -> None:
        super().__init__(f"Execution Does Not Exist: '{arn}'")
        self.arn = arn


class ExecutionAlreadyExistsError(ServiceError):
    """The name is taken by an execution that has ended, or that runs with another input."""

    code = "ExecutionAlreadyExists"

    def __init__(self, arn: str) -> None:
        super().__init__(f"Execution Already Exists: '{arn}'")
        self.arn = arn


class StateMachineDoesNotExistError(ServiceError):
    """No state machine has that ARN."""

    code = "StateMachineDoesNotExist"

    def __init__(self, arn: str) -> None:
        super().__init__(f"State Machine Does Not Exist: '{arn}'")
        self.arn = arn


class StateMachineAlreadyExistsError(ServiceError):
    """The name is taken by a state machine with another definition, role, type or configuration."""

    code = "StateMachineAlreadyExists"

    def __init__(self, arn: str) -> None:
        super().__init__(f"State Machine Already Exists: '{arn}'")
        self.arn = arn


class StateMachineDeletingError(ServiceError):
    """The state machine is being deleted and waits for its executions to end."""

    code = "StateMachineDeleting"

    def __init__(self, arn: str) -> None:
        super().__init__(f"State Machine Deleting: '{arn}'")
        self.arn = arn


class ActivityDoesNotExistError(ServiceError):
    """No activity has that ARN."""

    code = "ActivityDoesNotExist"

    def __init__(self, arn: str) -> None:
        super().__init__(f"Activity Does Not Exist: '{arn}'")
        self.arn = arn


class ResourceNotFoundError(ServiceError):
    """Tags were asked for of something that does not exist."""

    code = "ResourceNotFound"

    def __init__(self, arn: str) -> None:
        super().__init__(f"Resource not found: '{arn}'")
        self.arn = arn


class InvalidArnError(ServiceError):
    """The text is not an ARN of the kind the operation takes."""

    code = "InvalidArn"

    def __init__(self, arn: str) -> None:
        super().__init__(f"Invalid Arn: '{arn}'")
        self.arn = arn


class InvalidNameError(ServiceError):
    """The name has characters or a length that AWS refuses."""

    code = "InvalidName"

    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid Name: '{name}'")
        self.name = name


class InvalidExecutionInputError(ServiceError):
    """The input is not JSON, or larger than the limit."""

    code = "InvalidExecutionInput"

    def __init__(self, problem: str) -> None:
        super().__init__(f"Invalid State Machine Execution Input: '{problem}'")
        self.problem = problem


class InvalidOutputError(ServiceError):
    """The output given for a task is not JSON, or larger than the limit."""

    code = "InvalidOutput"

    def __init__(self, problem: str) -> None:
        super().__init__(f"Invalid Output: '{problem}'")
        self.problem = problem


class InvalidTokenError(ServiceError):
    """The text was never a token of this node."""

    code = "InvalidToken"

    def __init__(self) -> None:
        super().__init__("Invalid Token: 'Invalid token'")


class TaskTimedOutError(ServiceError):
    """The task of that token has ended: it was answered before, timed out, or its execution ended."""

    code = "TaskTimedOut"

    def __init__(self) -> None:
        super().__init__("Task Timed Out: 'Provided task does not exist anymore'")


class MissingParameterError(ServiceError):
    """An update that changes nothing was asked for."""

    code = "MissingRequiredParameter"

    def __init__(self) -> None:
        super().__init__(
            "Either the definition, the role ARN, the LoggingConfiguration, the TracingConfiguration or the"
            " EncryptionConfiguration must be specified"
        )


class TooManyTagsError(ServiceError):
    """More tags on one resource than it may have."""

    code = "TooManyTags"

    def __init__(self, arn: str) -> None:
        super().__init__(f"'{arn}' would have more than {TAGS_MAX} tags; remove some first")
        self.arn = arn


class ExecutionUnavailableError(ServiceError):
    """The execution is being rebuilt from its journal after a write with an unknown outcome; ask again."""

    code = "ServiceUnavailable"

    def __init__(self, arn: str) -> None:
        super().__init__(f"{arn} is being rebuilt from its journal after a failed write; try again in a moment")
        self.arn = arn


class DefinitionRefusedError(ServiceError):
    """The execution began under another release, and this one refuses its definition; it stays as it is on disk."""

    code = "ServiceUnavailable"

    def __init__(self, arn: str) -> None:
        super().__init__(
            f"{arn} stands still, because this release refuses its definition; the node's log has the reasons, and"
            " to let it go on, start the release that it began under"
        )
        self.arn = arn


class ConflictError(ServiceError):
    """The change contradicts what is there: another alias of that name, a version that an alias leads to."""

    code = "ConflictException"


class InvalidRequestError(ServiceError):
    """Parameters that do not go together, or name the wrong kind of thing."""

    code = "ValidationException"


class MissingReferenceError(ServiceError):
    """An alias, a version or a state machine that the request names does not exist."""

    code = "ResourceNotFound"

    def __init__(self) -> None:
        super().__init__("Request references a resource that does not exist.")


class MapRunDoesNotExistError(ServiceError):
    """No map run has that ARN."""

    code = "ResourceNotFound"

    def __init__(self, arn: str) -> None:
        super().__init__(f"Resource not found: '{arn}'")
        self.arn = arn


class QuotaExceededError(ServiceError):
    """More versions or aliases than a state machine may have."""

    code = "ServiceQuotaExceededException"


class ExecutionNotRedrivableError(ServiceError):
    """The execution runs, has succeeded, ended too long ago, or has no room left in its history."""

    code = "ExecutionNotRedrivable"

    def __init__(self, arn: str, reason: str) -> None:
        super().__init__(reason)
        self.arn = arn
        self.reason = reason


class EngineClosedError(ExpeditorError):
    """The engine was closed while someone waited; nothing that was acknowledged is lost."""

    def __init__(self) -> None:
        super().__init__("the engine was closed; start the node again, executions go on where the journal ends")
