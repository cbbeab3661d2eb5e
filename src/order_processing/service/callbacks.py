"""Answers to executions that wait for a person or a warehouse, by their task token."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from order_processing.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

CONNECT_SECONDS_MAX = 2.0
READ_SECONDS_MAX = 10.0


class CallbackError(TransientError):
    """The state machines could not be reached; what was decided stands, and the answer can be sent again."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the waiting execution could not be told ({reason}); send the same request again")


class TaskCallbacks(Protocol):
    """Continues executions."""

    def succeed(self, task_token: str, output: Mapping[str, Any]) -> bool:
        """Gives the waiting task its result; False: nobody waits with this token any more.

        Raises:
            CallbackError: nobody could be asked.
        """
        ...


class StepFunctionsCallbacks:
    """Speaks to Step Functions, on AWS or on the embedded node; connects when it is first needed.

    Args:
        connect: makes the client; boto3 is imported there, off the start-up path.
    """

    def __init__(self, connect: "Callable[[], SFNClient] | None" = None) -> None:
        self._connect = connect or _client
        self._known: SFNClient | None = None

    def succeed(self, task_token: str, output: Mapping[str, Any]) -> bool:
        """See TaskCallbacks."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self._known = self._known or self._connect()
            client.send_task_success(taskToken=task_token, output=msgspec.json.encode(output).decode())
        except ClientError as error:
            if error.response["Error"].get("Code") in ("TaskDoesNotExist", "TaskTimedOut", "InvalidToken"):
                return False
            raise CallbackError(str(error)) from error
        except BotoCoreError as error:
            raise CallbackError(str(error)) from error
        return True


def _client() -> "SFNClient":
    import boto3
    from botocore.config import Config

    timeouts = Config(
        connect_timeout=CONNECT_SECONDS_MAX, read_timeout=READ_SECONDS_MAX, retries={"total_max_attempts": 2}
    )
    return boto3.client("stepfunctions", config=timeouts)
