"""What commands about releases and experiments share: where flags are kept, who acts, how a template becomes a plan."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from expeditor.cli.clients import HttpClient, aws, settings, told_plainly
from expeditor.cli.libraries import installed
from expeditor.cli.output import CommandError, ExitCode, machine_user
from expeditor.clock import SystemClock
from expeditor.functions import FunctionCode, dependencies_of
from expeditor.node import Application, FunctionResource, Template, node_parameters, pinned_definition, read_application
from expeditor.releases import (
    Catalogue,
    FileFlagStore,
    FileFunctionActs,
    FlagsChangedError,
    FunctionActs,
    OperatorObservations,
    Package,
    ParameterFlagStore,
    ParameterFunctionActs,
    ReleaseError,
    ReleaseExistsError,
    Traffic,
    UnknownReleaseError,
    WantedFunction,
    WantedRelease,
)
from expeditor.rollout import EVERYONE, Author, FunctionPin, ReleaseName, Target, first_flags
from expeditor.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.literals import StateMachineTypeType

FLAGS_FILE = "experiments.json"
FUNCTION_ACTS_FILE = "functions.history.jsonl"
PARAMETER_VARIABLE = "EXPERIMENTS_PARAMETER"
TOKEN_FILE = Path("secrets") / "operator.token"
_OF_RELEASES = ("AWS::Serverless::", "AWS::SNS::", "AWS::SQS::", "AWS::IAM::")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,2})?) ?%?")
_EXIT_CODES: Mapping[type[ReleaseError], ExitCode] = {
    UnknownReleaseError: ExitCode.NOT_FOUND,
    ReleaseExistsError: ExitCode.CONFLICT,
    FlagsChangedError: ExitCode.CONFLICT,
}


class Share(click.ParamType[int]):
    """A percentage such as ``10%``, as hundredths of a percent."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Misuse: not between 0 % and 100 %."""
        match = _SHARE.fullmatch(str(value).strip())
        if match is None or float(match[1]) > 100:
            self.fail(f"{value!r} is no share; write it like 10%", param, ctx)
        return round(float(match[1]) * 100)


class Instant(click.ParamType[float]):
    """An ISO 8601 instant, as seconds since the epoch; without a zone it is the machine's."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Misuse: not ISO 8601."""
        try:
            return datetime.fromisoformat(str(value)).timestamp()
        except ValueError:
            self.fail(f"{value!r} is no instant; write it like 2026-11-27T12:00:00+00:00", param, ctx)


def instant(at: float | None) -> datetime | None:
    """Seconds since the epoch as commands show them."""
    return None if at is None else datetime.fromtimestamp(at, UTC)


@contextlib.contextmanager
def refusals_told() -> Iterator[None]:
    """Gives refusals of releases the exit code that fits, and AWS's errors a sentence.

    Raises:
        CommandError: with that code.
    """
    try:
        with told_plainly():
            yield
    except ReleaseError as error:
        raise CommandError(str(error), _EXIT_CODES.get(type(error), ExitCode.FAILED)) from error


def flag_store() -> FileFlagStore | ParameterFlagStore:
    """A parameter on AWS where ``EXPERIMENTS_PARAMETER`` names one, else the node's file."""
    name = os.environ.get(PARAMETER_VARIABLE)
    return ParameterFlagStore(aws("ssm"), name) if name else FileFlagStore(settings().home / FLAGS_FILE)


def function_acts() -> FunctionActs:
    """What was done to functions by hand, kept beside the flags."""
    name = os.environ.get(PARAMETER_VARIABLE)
    if name:
        return ParameterFunctionActs(aws("ssm"), f"{name}.functions")
    return FileFunctionActs(settings().home / FUNCTION_ACTS_FILE)


def catalogue() -> Catalogue:
    """The releases there are."""
    return Catalogue(aws("stepfunctions"), aws("lambda"))


def traffic() -> Traffic:
    """Who gets which."""
    return Traffic(flag_store(), catalogue())


def actor_named(name: str | None, reason: str) -> Author:
    """*name*, now; without a name the one who runs this command."""
    return author(reason) if name is None else Author(name, SystemClock().now(), reason)


def author(reason: str = "") -> Author:
    """The one who runs this command, now; ``EXPEDITOR_ACTOR`` says it for jobs."""
    return Author(os.environ.get("EXPEDITOR_ACTOR") or machine_user(), SystemClock().now(), reason)


def target_of(segment: str | None, from_at: float | None, until_at: float | None) -> Target:
    """For whom and when, from the options of a command."""
    return Target(segment or EVERYONE, from_at, until_at)


def observations() -> OperatorObservations:
    """What becomes of orders, as operators see it; see ``operator_orders``."""
    return OperatorObservations(operator_orders())


def operator_orders() -> Callable[[Mapping[str, object]], Any]:
    """Asks the shop for rows of orders, with the token that only operators can read.

    Raises:
        CommandError: the token cannot be read.
    """
    path = settings().home / TOKEN_FILE
    try:
        token = path.read_bytes().strip().decode()
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror}); operators of this node can") from error
    client = HttpClient("the shop", settings().shop_port)
    headers = {"Authorization": f"Bearer {token}"}

    def fetch(query: Mapping[str, object]) -> Any:
        words = "&".join(f"{name}={value}" for name, value in query.items())
        return client.request("GET", f"/operator/orders?{words}", None, headers)

    return fetch


def wanted_release(
    path: Path, version: str | None, parameters: Mapping[str, str], *, deployed: bool = False
) -> WantedRelease:
    """The release that a template describes.

    Args:
        version: in place of the one in the state machine's name; None keeps it.
        parameters: values for the template's parameters, in place of the node's own.
        deployed: functions are taken as they are deployed, and resources that only AWS has do not matter.

    Raises:
        TemplateError: the template cannot be used.
        CommandError: it has no state machine, or several.
    """
    template = _of_releases(Template.read(path)) if deployed else Template.read(path)
    application = read_application(template, {**node_parameters(template, settings()), **parameters})
    if len(application.machines) != 1:
        raise CommandError(f"{path} has {len(application.machines)} state machines; a release is one")
    (machine,) = application.machines
    name = ReleaseName.parse(machine.name)
    kind: StateMachineTypeType = "EXPRESS" if machine.type == "EXPRESS" else "STANDARD"
    return WantedRelease(
        name=name if version is None else name.at(version),
        type=kind,
        role_arn=machine.role_arn,
        functions=_functions(application, deployed=deployed),
        define=lambda versions: pinned_definition(application, machine, versions),
        dry_run=_dry_run(application),
    )


def prepare_flags(template: Path, home: Settings) -> None:
    """Makes the first document of flags where there is none: all orders instant, on the template's release."""
    store = FileFlagStore(home.home / FLAGS_FILE)
    read = Template.read(template)
    machines = [] if store.exists() else read_application(read, node_parameters(read, home)).machines
    if machines:
        store.write(first_flags(machines[0].name, SystemClock().now(), "expeditor up"))


def parameters_of(given: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` options as a mapping.

    Raises:
        CommandError: one has no ``=``.
    """
    for each in given:
        if "=" not in each:
            raise CommandError(f"{each!r} is no parameter; write NAME=VALUE")
    return dict(each.split("=", 1) for each in given)


def _of_releases(template: Template) -> Template:
    """The template without resources that no release consists of."""
    resources: Mapping[str, Mapping[str, Any]] = template.document["Resources"]
    kept = {name: each for name, each in resources.items() if str(each.get("Type", "")).startswith(_OF_RELEASES)}
    return replace(template, document={**template.document, "Resources": kept})


def _functions(application: Application, *, deployed: bool) -> tuple[WantedFunction, ...]:
    packed = cache(_packed)
    return tuple(
        _function(each, *((None, {}) if deployed else packed(each.code, each.include)))
        for each in application.functions
    )


def _packed(root: Path, include: tuple[str, ...]) -> tuple[Package, Mapping[str, str]]:
    """A package and what it depends on."""
    code = FunctionCode.from_directory(root, include)
    return Package(code), dependencies_of(code, installed())


def _function(resource: FunctionResource, package: Package | None, dependencies: Mapping[str, str]) -> WantedFunction:
    pin = FunctionPin(
        name=resource.name,
        version="",
        code="",
        handler=resource.handler,
        runtime=resource.runtime,
        timeout_seconds=resource.timeout_seconds,
        memory_mb=resource.memory_mb,
        environment=dict(resource.environment),
        dependencies=dependencies,
    )
    return WantedFunction(resource.logical_id, pin, package)


def _dry_run(application: Application) -> tuple[str, ...]:
    """Functions whose ``Metadata.Expeditor.DryRun`` says that they can be asked without effects."""
    resources = application.template.document["Resources"]
    return tuple(
        each.name
        for each in application.functions
        if resources[each.logical_id].get("Metadata", {}).get("Expeditor", {}).get("DryRun")
    )
