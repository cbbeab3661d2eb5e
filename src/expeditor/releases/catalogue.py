"""Releases as they stand on AWS or the node: state machines, the function versions they pin, and their tags."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from expeditor.functions import DEPENDENCIES_VARIABLE, recorded_dependencies
from expeditor.releases.errors import UnknownReleaseError
from expeditor.rollout import (
    FunctionPin,
    Manifest,
    ReleaseName,
    ReleaseNameError,
    parsed_definition,
    pinned_versions,
)
from expeditor.settings import ACCOUNT, REGION

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient
    from mypy_boto3_stepfunctions.client import SFNClient

RUNNING_COUNTED_MAX = 10_000


class Tag:
    """Tags of a release's state machine: what its content alone does not tell."""

    DIGEST = "expeditor:digest"
    PARENT = "expeditor:parent"
    BY = "expeditor:by"
    DRY_RUN = "expeditor:dry-run"


@dataclass(frozen=True, slots=True)
class Release:
    """A release that exists.

    Attributes:
        created_at: seconds since the epoch.
        recorded_digest: of the manifest when it was created; "" for one that was not made by ``release create``.
        dry_run: functions that can be asked without effects, by ``{"dry_run": true}`` in their event.
    """

    name: ReleaseName
    arn: str
    role_arn: str
    definition: str
    created_at: float
    by: str
    recorded_digest: str
    dry_run: tuple[str, ...]
    manifest: Manifest

    @property
    def is_intact(self) -> bool:
        """Whether its content is what was recorded; nobody edited the machine in place."""
        return self.recorded_digest in {"", *self.manifest.digests}


class Catalogue:
    """Reads releases; nothing is kept beside what the services keep themselves."""

    def __init__(self, sfn: "SFNClient", functions: "LambdaClient") -> None:
        self.sfn = sfn
        self.functions = functions
        self._pin = cache(self._read_pin)
        self._listed_function = cache(self._any_function)

    def arns(self) -> dict[ReleaseName, str]:
        """Every release, oldest version first."""
        found = {}
        for page in self.sfn.get_paginator("list_state_machines").paginate():
            for machine in page["stateMachines"]:
                name = _release_name(machine["name"])
                if name is not None:
                    found[name] = machine["stateMachineArn"]
        return {name: found[name] for name in sorted(found, key=lambda each: (each.machine, each.order))}

    def named(self, text: str) -> ReleaseName:
        """The release that *text* names: whole, or by its version alone where only one machine has it.

        Raises:
            UnknownReleaseError: none does, or several.
        """
        known = list(self.arns())
        matching = [name for name in known if text in (str(name), f"v{name.version}", name.version)]
        if len(matching) != 1:
            raise UnknownReleaseError(text, [str(name) for name in known])
        return matching[0]

    def find(self, name: ReleaseName) -> Release | None:
        """The release, or None."""
        arn = self.arns().get(name)
        return None if arn is None else self._read(name, arn)

    def get(self, name: ReleaseName) -> Release:
        """Raises UnknownReleaseError: there is none."""
        found = self.find(name)
        if found is None:
            raise UnknownReleaseError(str(name), [str(each) for each in self.arns()])
        return found

    def running(self, name: ReleaseName) -> int:
        """Executions of a release under way; counting ends at 10,000."""
        pages = self.sfn.get_paginator("list_executions").paginate(
            stateMachineArn=self.arns()[name],
            statusFilter="RUNNING",
            PaginationConfig={"MaxItems": RUNNING_COUNTED_MAX, "PageSize": 1_000},
        )
        return sum(len(page["executions"]) for page in pages)

    def function_arn(self, name: str) -> str:
        """The ARN of a function in this account and region, which any function there tells."""
        listed = self._listed_function()
        return f"{listed.rpartition(':')[0]}:{name}"

    def pins(self, definition: str) -> Mapping[str, FunctionPin]:
        """The function versions a definition names, by name."""
        return {name: self._pin(name, version) for name, version in pinned_versions(definition).items()}

    def _read(self, name: ReleaseName, arn: str) -> Release:
        machine = self.sfn.describe_state_machine(stateMachineArn=arn)
        tags = {tag.get("key", ""): tag.get("value", "") for tag in self._tags(arn)}
        definition = machine["definition"]
        manifest = Manifest(
            str(name),
            machine["type"],
            parsed_definition(definition),
            self.pins(definition),
            tags.get(Tag.PARENT, ""),
        )
        return Release(
            name=name,
            arn=arn,
            role_arn=machine["roleArn"],
            definition=definition,
            created_at=machine["creationDate"].timestamp(),
            by=tags.get(Tag.BY, ""),
            recorded_digest=tags.get(Tag.DIGEST, ""),
            dry_run=tuple(tags.get(Tag.DRY_RUN, "").split()),
            manifest=manifest,
        )

    def _any_function(self) -> str:
        functions = self.functions.list_functions(MaxItems=1)["Functions"]
        return functions[0]["FunctionArn"] if functions else f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:none"

    def _tags(self, arn: str) -> list[dict[str, str]]:
        return [dict(tag) for tag in self.sfn.list_tags_for_resource(resourceArn=arn)["tags"]]  # type: ignore[arg-type]

    def _read_pin(self, name: str, version: str) -> FunctionPin:
        """A version never changes, so it is read once."""
        found = self.functions.get_function_configuration(FunctionName=name, Qualifier=version)
        return pin_of(dict(found))


def pin_of(configuration: Mapping[str, object]) -> FunctionPin:
    """A version as Lambda describes it."""
    environment = configuration.get("Environment")
    variables = environment.get("Variables", {}) if isinstance(environment, dict) else {}
    return FunctionPin(
        name=str(configuration["FunctionName"]),
        version=str(configuration["Version"]),
        code=str(configuration["CodeSha256"]),
        handler=str(configuration["Handler"]),
        runtime=str(configuration["Runtime"]),
        timeout_seconds=int(str(configuration["Timeout"])),
        memory_mb=int(str(configuration["MemorySize"])),
        environment={name: value for name, value in variables.items() if name != DEPENDENCIES_VARIABLE},
        dependencies=recorded_dependencies(variables) | _layers(configuration),
    )


def _layers(configuration: Mapping[str, object]) -> dict[str, str]:
    """Layers of a function on AWS, which carry libraries: number by name; a number never changes its content."""
    layers = configuration.get("Layers")
    arns = [str(layer["Arn"]).split(":") for layer in layers] if isinstance(layers, list) else []
    return {f"layer {arn[-2]}": arn[-1] for arn in arns}


def _release_name(text: str) -> ReleaseName | None:
    try:
        return ReleaseName.parse(text)
    except ReleaseNameError:
        return None
