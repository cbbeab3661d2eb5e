"""Makes what a template declares exist: functions with versions and aliases, topics, queues, state machines."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from expeditor.errors import ServiceError
from expeditor.executions import CreateStateMachine, MachineType, StateMachines
from expeditor.functions import (
    FunctionCode,
    FunctionConfiguration,
    Functions,
    FunctionVersion,
    Installed,
    dependencies_of,
    dependency_changes,
    recorded_dependencies,
    with_dependencies,
)
from expeditor.node.application import Application, FunctionResource, StateMachineResource
from expeditor.topics import Topics

Say = Callable[[str], None]

_NAMED_MAX = 3
_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9]+)\}")


async def deploy_functions(application: Application, functions: Functions, say: Say) -> dict[str, str]:
    """Publishes what changed and moves the aliases; unchanged functions keep their version.

    Versions that run with other libraries than they were published with are said.

    Returns:
        ARNs of the current versions, by ``LogicalId.Version``.
    """
    installed = Installed()
    packages = cache(lambda root, include: _package(root, include, installed))
    existing = {function.name: function for function in functions.list_functions()}

    async def deploy(resource: FunctionResource) -> tuple[str, str]:
        package: _Package = packages(resource.code, resource.include)
        version = await _publish(resource, package, existing.get(resource.name), functions)
        if resource.alias is not None:
            await _move_alias(functions, resource.name, resource.alias, version.version)
        return f"{resource.logical_id}.Version", version.arn

    versions = dict(await asyncio.gather(*map(deploy, application.functions)))
    _say_other_libraries(functions, installed.versions, say)
    return versions


def _say_other_libraries(functions: Functions, installed: Mapping[str, str], say: Say) -> None:
    """Says which versions run with other libraries than they were published with; they do so all the same."""
    found: dict[str, list[str]] = {}
    for function in functions.list_functions():
        for version in functions.list_versions(function.name)[1:]:
            changes = dependency_changes(recorded_dependencies(version.configuration.environment), installed)
            if changes:
                change = ", ".join(f"{name} {versions}" for name, versions in changes.items())
                found.setdefault(change, []).append(f"{version.name}:{version.version}")
    for change, versions in found.items():
        named = ", ".join(versions[:_NAMED_MAX]) + (", ..." if len(versions) > _NAMED_MAX else "")
        say(
            f"warning: function versions run with other libraries than they were published with ({change}): {named}; "
            f"{len(versions)} in all. Install those again, or release what is to run with these"
        )


async def deploy_topics(application: Application, topics: Topics) -> None:
    """Creates topics, dead-letter queues and subscriptions, and gives subscriptions the template's attributes.

    What left the template stays: its messages may still be wanted. ``Unsubscribe`` takes it away.
    """
    for queue in application.queues:
        await topics.queues.create(queue)
    for topic in application.topics:
        await topics.create_topic(topic)
    for wanted in application.subscriptions:
        existing = next(
            (each for each in topics.subscriptions(wanted.topic_arn) if each.endpoint == wanted.endpoint), None
        )
        if existing is None:
            await topics.subscribe(wanted.topic_arn, "lambda", wanted.endpoint, wanted.attributes)
            continue
        for name, value in wanted.attributes.items():
            if existing.attributes.get(name) != value:
                await topics.set_subscription_attribute(existing.subscription_arn, name, value)


async def deploy_machines(
    application: Application, machines: StateMachines, versions: Mapping[str, str], say: Say
) -> None:
    """Creates the state machines; one that exists with other content stays as it is, and that is said."""
    for resource in application.machines:
        definition = pinned_definition(application, resource, versions)
        wanted = CreateStateMachine(resource.name, definition, resource.role_arn, MachineType(resource.type))
        try:
            await machines.create(wanted)
        except ServiceError as error:
            if error.code != "StateMachineAlreadyExists":
                raise
            say(
                f"{resource.name} exists with other content and stays as it is, as releases never change; "
                f"to release what changed, raise its version in {application.template.path}"
            )


def pinned_definition(application: Application, resource: StateMachineResource, versions: Mapping[str, str]) -> str:
    """The definition with its substitutions replaced, so that it names function versions.

    Raises:
        TemplateError: a placeholder of the definition has no substitution.
    """
    where = ("Resources", resource.logical_id, "Properties", "DefinitionSubstitutions")
    template = application.template
    known: dict[str, str] = template.resolve(resource.substitutions, application.values | dict(versions), where)

    def substituted(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise template.refuse(where, f"the definition of {resource.name} uses ${{{match[1]}}}, which is not given")
        return str(known[match[1]])

    return _SUBSTITUTION.sub(substituted, resource.definition)


@dataclass(frozen=True, slots=True)
class _Package:
    """The code of functions, and the libraries it can import."""

    code: FunctionCode
    dependencies: Mapping[str, str]


def _package(root: Path, include: tuple[str, ...], installed: Installed) -> _Package:
    code = FunctionCode.from_directory(root, include)
    return _Package(code, dependencies_of(code, installed))


async def _publish(
    resource: FunctionResource, package: _Package, existing: FunctionVersion | None, functions: Functions
) -> FunctionVersion:
    code = package.code
    wanted = FunctionConfiguration(
        handler=resource.handler,
        runtime=resource.runtime,
        timeout_seconds=resource.timeout_seconds,
        memory_mb=resource.memory_mb,
        environment=with_dependencies(resource.environment, package.dependencies),
        description=resource.description,
    )
    if existing is None:
        return await functions.create_function(resource.name, wanted, code, publish=True)
    published = _published(functions, resource.name, wanted, code)
    if published is not None:
        return published
    if existing.code_sha256 != code.base64_sha256:
        await functions.update_code(resource.name, code)
    if replace(existing.configuration, role="") != wanted:
        await functions.update_configuration(resource.name, lambda _: wanted)
    return await functions.publish_version(resource.name)


def _published(
    functions: Functions, name: str, wanted: FunctionConfiguration, code: FunctionCode
) -> FunctionVersion | None:
    """The newest version with this content: after a release made ``$LATEST`` another, the template's is still there."""
    for version in reversed(functions.list_versions(name)):
        is_same = version.code_sha256 == code.base64_sha256 and replace(version.configuration, role="") == wanted
        if is_same and version.version != "$LATEST":
            return version
    return None


async def _move_alias(functions: Functions, name: str, alias: str, version: str) -> None:
    current = next((each for each in functions.list_aliases(name) if each.name == alias), None)
    if current is None:
        await functions.create_alias(name, alias, version)
    elif current.version != version:
        await functions.update_alias(
            name, alias, lambda before: replace(before, version=version, additional_weights={})
        )
