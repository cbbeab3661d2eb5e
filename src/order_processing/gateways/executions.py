"""Executions of the state machines, as Step Functions has them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from order_processing.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient


class ExecutionsUnreachableError(TransientError):
    """Step Functions did not answer."""


class ExecutionRegister(Protocol):
    """Knows how executions stand."""

    def status(self, release: str, execution: str) -> str:
        """``RUNNING``, ``SUCCEEDED`` and so on; "" when there is none of this name.

        Raises:
            ExecutionsUnreachableError: nobody can tell now.
        """
        ...

    def stop(self, release: str, execution: str, cause: str) -> None:
        """Stops it; nothing happens when it has ended or does not exist.

        Raises:
            ExecutionsUnreachableError: it may still run.
        """
        ...


class StepFunctionsExecutions:
    """Asks the endpoint of the environment.

    Args:
        machine_arn: of any release; the others are beside it.
    """

    def __init__(self, machine_arn: str) -> None:
        self._prefix = machine_arn.rpartition(":")[0].replace(":stateMachine", ":execution")
        self._client: SFNClient | None = None

    def status(self, release: str, execution: str) -> str:
        """See ``ExecutionRegister``."""

        def ask(client: "SFNClient") -> str:
            try:
                return str(client.describe_execution(executionArn=self._arn(release, execution))["status"])
            except client.exceptions.ExecutionDoesNotExist:
                return ""

        return self._asked(ask)

    def stop(self, release: str, execution: str, cause: str) -> None:
        """See ``ExecutionRegister``."""

        def ask(client: "SFNClient") -> str:
            try:
                client.stop_execution(executionArn=self._arn(release, execution), error="Reconciled", cause=cause)
            except client.exceptions.ExecutionDoesNotExist:
                return ""
            return ""

        self._asked(ask)

    def _arn(self, release: str, execution: str) -> str:
        return f"{self._prefix}:{release}:{execution}"

    def _asked(self, ask: Callable[["SFNClient"], str]) -> str:
        # boto3 costs tens of megabytes and a third of a second: only those who ask pay.
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._client is None:
                self._client = boto3.client("stepfunctions")
            return ask(self._client)
        except (BotoCoreError, ClientError) as error:
            raise ExecutionsUnreachableError(f"the executions cannot be asked about ({error}); try again") from error
