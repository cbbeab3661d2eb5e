"""A failed execution goes on from its failed state on another release, with what is done kept."""

from dataclasses import dataclass
from typing import Any

from expeditor.asl import DefinitionError, Execution, ExecutionContext, ExecutionStarted, ExecutionStatus, advance
from expeditor.asl import compile_definition as compiled
from expeditor.releases.catalogue import Catalogue, Release, Tag
from expeditor.releases.errors import ReleaseError
from expeditor.releases.executions import recorded
from expeditor.releases.recording import Recording
from expeditor.rollout import NAME_CHARACTERS_MAX, ReleaseName, ResumeError, resumed_definition

REDRIVABLE = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})

_FROM = "-from-"
"""In the names of machines that are a release's part from a state on."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """An execution that goes on.

    Attributes:
        machine: the release's part from the state on.
        kept: states of the failed execution whose effects stand and are not repeated.
    """

    execution_arn: str
    machine: str
    state: str
    kept: tuple[str, ...]


def redrive(catalogue: Catalogue, execution_arn: str, onto: ReleaseName, state: str | None = None) -> Redriven:
    """Starts what is left of an execution, on another release.

    Steps Functions redrives on the same machine only and starts new executions at the beginning only. So a machine is
    made of the release from that state on (``RELEASE-from-STATE``, once, immutable like any release), and started with
    the input the state had, under the execution's own name. A second redrive of it is refused: onto the same release
    always, onto another unless the first one failed as well.

    Args:
        state: to go on from; None: the last one that called something and did not get it done.

    Raises:
        ReleaseError, ResumeError: it cannot go on there; nothing was started.
    """
    recording = recorded(catalogue, execution_arn)
    if recording.status not in REDRIVABLE:
        raise ReleaseError(f"{recording.name} is {recording.status}; only executions that failed go on elsewhere")
    start = state or recording.failed_state
    if start not in recording.inputs:
        raise ReleaseError(f"{recording.name} never entered {start}; it entered {', '.join(recording.path)}")
    release = catalogue.get(onto)
    definition = resumed_definition(release.definition, start, f"{onto} from {start}")
    _demand_start(release, recording, start, definition)
    _demand_not_continued(catalogue, recording, onto.machine)
    machine_arn = _machine(catalogue, release, start, definition)
    return _started(catalogue, recording, start, machine_arn)


def _demand_start(release: Release, recording: Recording, state: str, definition: str) -> None:
    """Tries the first step in the air: the input must be one that the state of this release can take."""
    context = ExecutionContext(
        execution_arn=recording.arn,
        execution_name=recording.name,
        role_arn=release.role_arn,
        started_at=0.0,
        state_machine_arn=release.arn,
        state_machine_name=str(release.name),
        input=recording.inputs[state].encode(),
    )
    try:
        machine, execution = compiled(definition), Execution.new(context)
    except DefinitionError as error:
        raise ResumeError(f"{release.name} from {state} is no valid definition: {error}") from error
    advance(machine, execution, ExecutionStarted(0.0, bytes(16)))
    if execution.status is ExecutionStatus.FAILED and (execution.error or "").startswith("States."):
        raise ResumeError(
            f"{state} of {release.name} cannot take the input it had: {execution.error} {execution.cause}"
        )


def _demand_not_continued(catalogue: Catalogue, recording: Recording, releases_of: str) -> None:
    """Two continuations of one execution would be two owners of what it is about; one that failed may be replaced."""
    client = catalogue.sfn
    for page in client.get_paginator("list_state_machines").paginate():
        for machine in page["stateMachines"]:
            if _FROM not in machine["name"] or not machine["name"].startswith(f"{releases_of}-v"):
                continue
            arn = f"{machine['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{recording.name}"
            try:
                status = client.describe_execution(executionArn=arn)["status"]
            except client.exceptions.ExecutionDoesNotExist:
                continue
            if status not in REDRIVABLE:
                raise ReleaseError(f"{recording.name} was redriven onto {machine['name']} before and is {status} there")


def _machine(catalogue: Catalogue, release: Release, state: str, definition: str) -> str:
    name = f"{release.name}{_FROM}{state}"
    if len(name) > NAME_CHARACTERS_MAX:
        raise ResumeError(f"{name} is longer than {NAME_CHARACTERS_MAX} characters; shorten the state's name")
    tags: Any = [{"key": Tag.PARENT, "value": str(release.name)}]
    made = catalogue.sfn.create_state_machine(
        name=name, definition=definition, roleArn=release.role_arn, type="STANDARD", tags=tags
    )
    return made["stateMachineArn"]


def _started(catalogue: Catalogue, recording: Recording, state: str, machine_arn: str) -> Redriven:
    client = catalogue.sfn
    try:
        started = client.start_execution(
            stateMachineArn=machine_arn, name=recording.name, input=recording.inputs[state]
        )
    except client.exceptions.ExecutionAlreadyExists as error:
        machine = machine_arn.rpartition(":")[2]
        raise ReleaseError(f"{recording.name} was redriven onto {machine} before; look at that execution") from error
    kept = recording.path[: recording.path.index(state)]
    return Redriven(started["executionArn"], machine_arn.rpartition(":")[2], state, kept)
