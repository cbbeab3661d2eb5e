"""Names and ARNs of state machines, executions and activities."""

import re

from expeditor.executions.errors import InvalidArnError, InvalidNameError

REGION = "us-east-1"
ACCOUNT = "000000000000"
NAME_LENGTH_MAX = 80

_PREFIX = f"arn:aws:states:{REGION}:{ACCOUNT}:"

_NO_VERSION = 2**63 - 1
"""As large as the database's numbers go."""

_KIND_BY_LENGTH = {8: "execution", 9: "express"}

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


def split_qualifier(arn: str) -> tuple[str, str | None]:
    """The ARN of a state machine, and the version number or alias behind it, if there is one."""
    parts = arn.split(":", 7)
    return ":".join(parts[:7]), parts[7] if len(parts) == 8 else None


def version_number(qualifier: str) -> int:
    """The version that decimal digits name; for more digits than any version has, one that does not exist."""
    return min(int(qualifier), _NO_VERSION)


def unique_name(name: str, unique: str) -> str:
    """What tells executions of Express state machines apart, whose names may be used again: name and *unique*."""
    return f"{name}:{unique}"


def given_name(unique_or_given: str) -> str:
    """The name of an execution, without what tells it apart from others of that name."""
    return unique_or_given.partition(":")[0]


def is_express(unique_or_given: str) -> bool:
    """Whether an execution of that name is one of an Express state machine."""
    return ":" in unique_or_given


def execution_arn(machine_arn: str, name: str) -> str:
    """The ARN of an execution of that state machine; *name* is unique within it."""
    kind = "express" if is_express(name) else "execution"
    return f"{machine_arn.replace(':stateMachine:', f':{kind}:', 1)}:{name}"


def split_execution_arn(arn: str) -> tuple[str, str]:
    """The state machine's ARN and the execution's name, unique within it.

    Raises:
        InvalidArnError: not the ARN of an execution.
    """
    parts = arn.split(":")
    if parts[:3] != ["arn", "aws", "states"] or _KIND_BY_LENGTH.get(len(parts)) != parts[5]:
        raise InvalidArnError(arn)
    return ":".join((*parts[:5], "stateMachine", parts[6])), ":".join(parts[7:])
