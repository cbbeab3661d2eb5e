"""Names and ARNs of state machines, executions and activities."""

import re

from expeditor.executions.errors import InvalidArnError, InvalidNameError

REGION = "us-east-1"
ACCOUNT = "000000000000"
NAME_LENGTH_MAX = 80

_PREFIX = f"arn:aws:states:{REGION}:{ACCOUNT}:"

# "A name must not contain: white space, brackets < > { } [ ], wildcard characters ? *, special characters
# " # % \ ^ | ~ ` $ & , ; : /, control characters (U+0000-001F, U+007F-009F)". Source: API_StartExecution.
_FORBIDDEN = re.compile(r'[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]')


def check_name(name: str) -> None:
    """Refuses a name of a state machine, execution or activity that AWS would refuse.

    Raises:
        InvalidNameError: empty, longer than 80 characters, or with a forbidden character.
    """
    if not 1 <= len(name) <= NAME_LENGTH_MAX or _FORBIDDEN.search(name):
        raise InvalidNameError(name)


def state_machine_arn(name: str) -> str:
    """The ARN of a state machine of this node."""
    return f"{_PREFIX}stateMachine:{name}"


def activity_arn(name: str) -> str:
    """The ARN of an activity of this node."""
    return f"{_PREFIX}activity:{name}"


def execution_arn(machine_arn: str, name: str) -> str:
    """The ARN of an execution of that state machine."""
    return f"{machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"


def split_execution_arn(arn: str) -> tuple[str, str]:
    """The state machine's ARN and the execution's name.

    Raises:
        InvalidArnError: not the ARN of an execution.
    """
    parts = arn.split(":")
    if len(parts) != 8 or parts[:3] != ["arn", "aws", "states"] or parts[5] != "execution":
        raise InvalidArnError(arn)
    return ":".join((*parts[:5], "stateMachine", parts[6])), parts[7]
