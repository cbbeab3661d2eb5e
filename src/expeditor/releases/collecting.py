"""Garbage collection of function versions: what nothing can call any more is deleted, all else says why it stays.

Only AWS's API is asked, so it is the same on node and AWS. What is there is listed before who uses it, so a version
published meanwhile is none to delete; and a release puts an alias on each version before it names it, which makes
Lambda itself refuse to delete that version, however the two fall together.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from expeditor.functions import parse
from expeditor.payloads import JSONValue, decode
from expeditor.releases.alias_moves import going_back, pointing_of
from expeditor.releases.function_acts import FunctionActs
from expeditor.releases.references import Named, named_in

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_stepfunctions.client import SFNClient

LATEST = "$LATEST"
_GONE = frozenset({"StateMachineDoesNotExist", "StateMachineDeleting", "ExecutionDoesNotExist"})
_NOT_OFFERED = frozenset({"UnknownOperationException", "UnsupportedOperationException"})
_UNDER_WAY = ("RUNNING", "PENDING_REDRIVE")
_ENDED_BADLY = ("FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True, slots=True)
class Clients:
    """The services that are asked."""

    sfn: "SFNClient"
    functions: "LambdaClient"
    topics: "SNSClient"


@dataclass(frozen=True, slots=True)
class Found:
    """A published version.

    Attributes:
        reasons: why it stays; none: nothing can call it any more.
    """

    function: str
    version: str
    code_bytes: int
    reasons: tuple[str, ...]


@dataclass(slots=True)
class _Uses:
    """Why versions stay: of one version, of all versions of a function, of all there are."""

    versions: defaultdict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    functions: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    everything: list[str] = field(default_factory=list)

    def add(self, named: Named, who: str) -> None:
        for each in named.versions:
            self.versions[each].append(who)
        for name in named.functions:
            self.functions[name].append(f"{who} chooses the version while it runs")
        if named.is_open:
            self.everything.append(f"{who} chooses the function while it runs")

    def of(self, name: str, version: str) -> list[str]:
        return [*self.versions[name, version], *self.functions[name], *self.everything]


def collectable(clients: Clients, acts: FunctionActs, names: Sequence[str], keep: int) -> list[Found]:
    """Every published version of the functions *names* (all without any), with the reasons for which it stays.

    Args:
        keep: so many of the newest versions of each function stay whatever happens.
    """
    found = [(name, _versions(clients, name)) for name in names or _function_names(clients)]
    uses = _uses(clients, acts, [name for name, _ in found])
    return [
        Found(name, version["Version"], version["CodeSize"], tuple(_reasons(clients, uses, version, index < keep)))
        for name, versions in found
        for index, version in enumerate(versions)
    ]


def collect(clients: Clients, found: Found) -> str | None:
    """Deletes a version that has no reason to stay; otherwise tells why it stays after all."""
    assert not found.reasons
    client = clients.functions
    try:
        client.delete_function(FunctionName=found.function, Qualifier=found.version)
    except client.exceptions.ResourceConflictException as error:
        return f"in use by now: {error.response['Error']['Message']}"
    except client.exceptions.ResourceNotFoundException:
        return "gone already"
    return None


def _function_names(clients: Clients) -> list[str]:
    pages = clients.functions.get_paginator("list_functions").paginate()
    return [function["FunctionName"] for page in pages for function in page["Functions"]]


def _versions(clients: Clients, name: str) -> list[Any]:
    """Published versions, the newest first."""
    pages = clients.functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    found = [version for page in pages for version in page["Versions"] if version["Version"] != LATEST]
    return sorted(found, key=lambda version: -int(version["Version"]))


def _reasons(clients: Clients, uses: _Uses, version: Any, is_new: bool) -> list[str]:
    name, number = version["FunctionName"], version["Version"]
    reasons = list(dict.fromkeys(uses.of(name, number)))
    if is_new:
        reasons.append("one of the newest")
    if not reasons and _has_policy(clients, name, number):
        reasons.append("its resource policy lets others call it")
    return reasons


def _has_policy(clients: Clients, name: str, version: str) -> bool:
    client = clients.functions
    try:
        client.get_policy(FunctionName=name, Qualifier=version)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def _uses(clients: Clients, acts: FunctionActs, names: list[str]) -> _Uses:
    uses = _Uses()
    _add_aliases(clients, acts, names, uses)
    _add_machines(clients, uses)
    _add_subscriptions(clients, uses)
    _add_event_sources(clients, uses)
    return uses


def _add_aliases(clients: Clients, acts: FunctionActs, names: list[str], uses: _Uses) -> None:
    """Where aliases lead, in whatever share, and where undoing their latest move would lead."""
    known = acts.all()
    for name in names:
        pages = clients.functions.get_paginator("list_aliases").paginate(FunctionName=name)
        for alias in (alias for page in pages for alias in page["Aliases"]):
            present, moves = (
                pointing_of(dict(alias)),
                [a for a in known if (a.function, a.alias) == (name, alias["Name"])],
            )
            back = going_back(moves, present)
            for version in (present.version, *present.weights):
                uses.versions[name, version].append(f"alias {alias['Name']}")
            for version in () if back is None else (back.version, *back.weights):
                uses.versions[name, version].append(f"alias {alias['Name']} goes back to it by undo")


def _add_machines(clients: Clients, uses: _Uses) -> None:
    for page in clients.sfn.get_paginator("list_state_machines").paginate():
        for machine in page["stateMachines"]:
            try:
                _add_machine(clients, machine["stateMachineArn"], machine["name"], uses)
            except ClientError as error:
                if error.response["Error"].get("Code") not in _GONE:
                    raise


def _add_machine(clients: Clients, arn: str, name: str, uses: _Uses) -> None:
    described = clients.sfn.describe_state_machine(stateMachineArn=arn)
    uses.add(named_in(_definition(described)), f"state machine {name}")
    versions = set(_machine_versions(clients, arn))
    for version in versions:
        definition = _definition(clients.sfn.describe_state_machine(stateMachineArn=version))
        uses.add(named_in(definition), f"state machine {name}:{version.rpartition(':')[2]}")
    if described["type"] == "STANDARD":
        created_at = None if described.get("revisionId") else described["creationDate"]
        for execution in _on_earlier_definitions(clients, arn, created_at, versions):
            _add_execution(clients, execution, uses)


def _machine_versions(clients: Clients, arn: str) -> Iterator[str]:
    page: dict[str, Any] = {}
    while not page or page.get("nextToken"):
        more = {"nextToken": page["nextToken"]} if page else {}
        page = dict(clients.sfn.list_state_machine_versions(stateMachineArn=arn, **more))
        yield from (version["stateMachineVersionArn"] for version in page["stateMachineVersions"])


def _on_earlier_definitions(
    clients: Clients, arn: str, created_at: datetime | None, versions: set[str]
) -> Iterator[dict[str, Any]]:
    """Executions that run, or may go on by a redrive, on a definition that the machine does not show any more.

    Args:
        created_at: of the machine if it was never updated, so that only what is older ran on another one; else None.
    """
    for status in (*_UNDER_WAY, *_ENDED_BADLY):
        pages = clients.sfn.get_paginator("list_executions").paginate(
            stateMachineArn=arn,
            statusFilter=status,  # type: ignore[arg-type]
        )
        for execution in (execution for page in pages for execution in page["executions"]):
            version = execution.get("stateMachineVersionArn")
            is_earlier = created_at is None or execution["startDate"] < created_at
            if version not in versions if version else is_earlier:
                yield dict(execution)


def _add_execution(clients: Clients, execution: dict[str, Any], uses: _Uses) -> None:
    arn, name = execution["executionArn"], execution["name"]
    described = clients.sfn.describe_execution(executionArn=arn)
    may_go_on = described["status"] in _UNDER_WAY or described.get("redriveStatus") != "NOT_REDRIVABLE"
    if may_go_on:
        machine = clients.sfn.describe_state_machine_for_execution(executionArn=arn)
        uses.add(named_in(_definition(machine)), f"execution {name} on an earlier definition of {machine['name']}")


def _definition(described: Any) -> JSONValue:
    return decode(described["definition"])


def _add_subscriptions(clients: Clients, uses: _Uses) -> None:
    for page in clients.topics.get_paginator("list_subscriptions").paginate():
        for subscription in page["Subscriptions"]:
            if subscription.get("Protocol") == "lambda":
                topic = subscription["TopicArn"].rpartition(":")[2]
                _add_arn(uses, subscription["Endpoint"], f"subscription of topic {topic}")


def _add_event_sources(clients: Clients, uses: _Uses) -> None:
    """Queues and streams that Lambda reads for a function; a node has none."""
    try:
        for page in clients.functions.get_paginator("list_event_source_mappings").paginate():
            for mapping in page["EventSourceMappings"]:
                _add_arn(uses, mapping["FunctionArn"], f"event source mapping {mapping['UUID']}")
    except ClientError as error:
        if error.response["Error"].get("Code") not in _NOT_OFFERED:
            raise


def _add_arn(uses: _Uses, arn: str, who: str) -> None:
    name, qualifier = parse(arn)
    if qualifier is not None:
        uses.versions[name, qualifier].append(who)
