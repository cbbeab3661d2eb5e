"""Making a release: publish what changed, pin it, validate it, create the state machine, record the manifest."""

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from expeditor.functions import FunctionCode, with_dependencies
from expeditor.releases.catalogue import Catalogue, Release, Tag, pin_of
from expeditor.releases.errors import ReleaseError, ReleaseExistsError
from expeditor.rollout import FunctionPin, Manifest, ReleaseName, differences, parsed_definition, pinned_versions

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.literals import StateMachineTypeType

_ZIP_INSTANT = (1980, 1, 1, 0, 0, 0)
_UNPUBLISHED = "1"
"""Stands for the version of a function while there is none; only the shape of its ARN matters then."""
TAG_CHARACTERS_MAX = 256
_NOT_IN_TAGS = re.compile(r"[^\w\s.:/=+@-]")


class Package:
    """The files of a function's code, and both digests Lambda may know them by: as a folder, as an archive."""

    def __init__(self, code: FunctionCode) -> None:
        self._code = code

    @cached_property
    def archive(self) -> bytes:
        """The same bytes for the same files."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, chunks in self._code.contents():
                entry = zipfile.ZipInfo(str(file.path), _ZIP_INSTANT)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (0o100755 if file.executable else 0o100644) << 16
                archive.writestr(entry, b"".join(chunks))
        return buffer.getvalue()

    @cached_property
    def archive_digest(self) -> str:
        """CodeSha256 of a version made from the archive."""
        return base64.b64encode(hashlib.sha256(self.archive).digest()).decode()

    @cached_property
    def digests(self) -> frozenset[str]:
        """CodeSha256 of every version with this code."""
        return frozenset({self.archive_digest, self._code.base64_sha256})


@dataclass(frozen=True, slots=True)
class WantedFunction:
    """A function as it should be.

    Attributes:
        logical_id: what a template calls it.
        pin: its content, with no version and no code.
        package: its code; None: code and configuration are taken as ``$LATEST`` has them, as after a deployment.
    """

    logical_id: str
    pin: FunctionPin
    package: Package | None

    @property
    def codes(self) -> frozenset[str]:
        """CodeSha256 of every version with the wanted code."""
        return frozenset({self.pin.code}) if self.package is None else self.package.digests

    @property
    def code(self) -> str:
        """CodeSha256 of the version that would be published."""
        return self.pin.code if self.package is None else self.package.archive_digest


@dataclass(frozen=True, slots=True)
class WantedRelease:
    """A release as it should be.

    Attributes:
        define: the definition, given version ARNs by ``LogicalId.Version``.
        dry_run: functions that can be asked without effects.
        role_arn: of the state machine, where no earlier release tells it; also of functions that are new.
    """

    name: ReleaseName
    type: "StateMachineTypeType"
    role_arn: str
    functions: tuple[WantedFunction, ...]
    define: Callable[[Mapping[str, str]], str]
    dry_run: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Created:
    """What creating came to.

    Attributes:
        is_new: False: it was there already, with the same content.
        published: functions that got a new version.
    """

    release: Release
    is_new: bool
    published: tuple[str, ...]


class InvalidDefinitionError(ReleaseError):
    """Step Functions finds errors in the definition; nothing was published."""

    def __init__(self, release: str, diagnostics: list[str]) -> None:
        super().__init__(f"the definition of {release} has errors:" + "".join(f"\n  {line}" for line in diagnostics))
        self.diagnostics = tuple(diagnostics)


def create_release(catalogue: Catalogue, wanted: WantedRelease, by: str) -> Created:
    """Makes the release; the same content again changes nothing and publishes nothing.

    Interrupted anywhere, it can be run again: versions that were published already are found by their content.

    Raises:
        ReleaseExistsError: the name is taken by other content.
        InvalidDefinitionError: nothing was changed.
    """
    used = [_as_deployed(catalogue, function) for function in _used(catalogue, wanted)]
    found = {function.pin.name: _matching(catalogue, function) for function in used}
    existing = catalogue.find(wanted.name)
    if existing is not None:
        _demand_same(existing, _candidate(catalogue, wanted, used, found))
        _hold(catalogue, existing.name, pinned_versions(existing.definition))
        return Created(_recorded(catalogue, existing, wanted, by), False, ())
    _validate(catalogue, wanted, _defined(catalogue, wanted, found))
    parent = _parent(catalogue, wanted.name)
    role_arn = wanted.role_arn if parent is None else parent.role_arn
    missing = [function for function in used if found[function.pin.name] is None]
    published = {function.pin.name: _publish(catalogue, function, role_arn) for function in missing}
    definition = _defined(catalogue, wanted, {**found, **published})
    _hold(catalogue, wanted.name, pinned_versions(definition))
    manifest = Manifest(str(wanted.name), wanted.type, parsed_definition(definition), catalogue.pins(definition))
    catalogue.sfn.create_state_machine(
        name=str(wanted.name),
        definition=definition,
        roleArn=role_arn,
        type=wanted.type,
        tags=_tags(wanted, manifest, parent, by),
    )
    return Created(catalogue.get(wanted.name), True, tuple(published))


def _used(catalogue: Catalogue, wanted: WantedRelease) -> list[WantedFunction]:
    """The functions that the definition names; others of the template are no part of the release."""
    named = pinned_versions(_defined(catalogue, wanted, {}))
    return [function for function in wanted.functions if function.pin.name in named]


def _as_deployed(catalogue: Catalogue, function: WantedFunction) -> WantedFunction:
    if function.package is not None:
        return function
    client, name = catalogue.functions, function.pin.name
    try:
        latest = pin_of(dict(client.get_function_configuration(FunctionName=name)))
    except client.exceptions.ResourceNotFoundException as error:
        raise ReleaseError(f"function {name} is not deployed; deploy the template first") from error
    return replace(function, pin=replace(latest, version=""))


def _defined(catalogue: Catalogue, wanted: WantedRelease, pins: Mapping[str, FunctionPin | None]) -> str:
    versions = {name: pin.version for name, pin in pins.items() if pin is not None}
    arns = {
        f"{function.logical_id}.Version": f"{catalogue.function_arn(name)}:{versions.get(name, _UNPUBLISHED)}"
        for function in wanted.functions
        for name in (function.pin.name,)
    }
    return wanted.define(arns)


def _matching(catalogue: Catalogue, function: WantedFunction) -> FunctionPin | None:
    """The newest version with the wanted content."""
    for pin in reversed(_versions(catalogue, function.pin.name)):
        is_same = replace(pin, version="", code="") == replace(function.pin, code="")
        if is_same and pin.code in function.codes:
            return pin
    return None


def _versions(catalogue: Catalogue, name: str) -> list[FunctionPin]:
    client = catalogue.functions
    try:
        pages = list(client.get_paginator("list_versions_by_function").paginate(FunctionName=name))
    except client.exceptions.ResourceNotFoundException:
        return []
    return [pin_of(dict(each)) for page in pages for each in page["Versions"] if each["Version"] != "$LATEST"]


def _candidate(
    catalogue: Catalogue, wanted: WantedRelease, used: list[WantedFunction], found: Mapping[str, FunctionPin | None]
) -> Manifest:
    """The manifest there would be, without anything published."""
    pins = {}
    for function in used:
        unpublished = replace(function.pin, version="new", code=function.code)
        pins[function.pin.name] = found[function.pin.name] or unpublished
    definition = _defined(catalogue, wanted, found)
    return Manifest(str(wanted.name), wanted.type, parsed_definition(definition), pins)


def _demand_same(existing: Release, candidate: Manifest) -> None:
    """Refuses other content; dependencies that were not recorded when the release was made are not held against it."""
    unrecorded = [name for name, pin in existing.manifest.functions.items() if not pin.dependencies]
    comparable = candidate.without_dependencies(unrecorded)
    if existing.manifest.digest != comparable.digest:
        listed = differences(existing.manifest, comparable)
        raise ReleaseExistsError(candidate.release, listed or [f"type {existing.manifest.type} -> {candidate.type}"])


def _validate(catalogue: Catalogue, wanted: WantedRelease, definition: str) -> None:
    answer = catalogue.sfn.validate_state_machine_definition(definition=definition, type=wanted.type)
    if answer["result"] != "OK":
        listed = [f"{each.get('location', '')}: {each['message']}" for each in answer["diagnostics"]]
        raise InvalidDefinitionError(str(wanted.name), listed)


def _publish(catalogue: Catalogue, function: WantedFunction, role_arn: str) -> FunctionPin:
    """A new version of the function."""
    client = catalogue.functions
    if function.package is not None:
        _update(catalogue, function.pin, function.package.archive, role_arn)
    published = client.publish_version(FunctionName=function.pin.name, CodeSha256=function.code)
    return pin_of(dict(published))


def _update(catalogue: Catalogue, pin: FunctionPin, archive: bytes, role_arn: str) -> None:
    """Makes ``$LATEST`` what is wanted; between the calls AWS wants to be waited for."""
    client = catalogue.functions
    settings: Any = {
        "FunctionName": pin.name,
        "Runtime": pin.runtime,
        "Handler": pin.handler,
        "Timeout": pin.timeout_seconds,
        "MemorySize": pin.memory_mb,
        "Environment": {"Variables": with_dependencies(pin.environment, pin.dependencies)},
    }
    try:
        client.update_function_code(FunctionName=pin.name, ZipFile=archive)
    except client.exceptions.ResourceNotFoundException:
        client.create_function(**settings, Role=role_arn, Code={"ZipFile": archive})
        client.get_waiter("function_active_v2").wait(FunctionName=pin.name)
    else:
        client.get_waiter("function_updated_v2").wait(FunctionName=pin.name)
        client.update_function_configuration(**settings)
    client.get_waiter("function_updated_v2").wait(FunctionName=pin.name)


def _hold(catalogue: Catalogue, name: ReleaseName, versions: Mapping[str, str]) -> None:
    """Puts an alias on each version before the release names it: Lambda deletes no version that an alias leads to.

    Raises:
        ReleaseError: a version was deleted meanwhile; nothing names it yet.
    """
    for function, version in versions.items():
        try:
            _point(catalogue, function, alias_of(name), version)
        except catalogue.functions.exceptions.ResourceNotFoundException as error:
            raise ReleaseError(f"version {version} of {function} was deleted at this moment; try again") from error


def _point(catalogue: Catalogue, function: str, alias: str, version: str) -> None:
    client = catalogue.functions
    try:
        client.create_alias(FunctionName=function, Name=alias, FunctionVersion=version)
    except client.exceptions.ResourceConflictException:
        if client.get_alias(FunctionName=function, Name=alias)["FunctionVersion"] != version:
            client.update_alias(FunctionName=function, Name=alias, FunctionVersion=version)


def alias_of(name: ReleaseName) -> str:
    """The alias by which a release holds its versions; aliases have no dots."""
    return str(name).replace(".", "_")


def _parent(catalogue: Catalogue, name: ReleaseName) -> Release | None:
    """The newest earlier release of the same machine."""
    earlier = [each for each in catalogue.arns() if each.machine == name.machine and each.order < name.order]
    return catalogue.get(earlier[-1]) if earlier else None


def _recorded(catalogue: Catalogue, existing: Release, wanted: WantedRelease, by: str) -> Release:
    """The release with its manifest's digest on it, which one that `expeditor up` made has not yet."""
    if existing.recorded_digest:
        return existing
    tags = _tags(wanted, existing.manifest, None, existing.by or by)
    catalogue.sfn.tag_resource(resourceArn=existing.arn, tags=tags)
    return catalogue.get(existing.name)


def _tags(wanted: WantedRelease, manifest: Manifest, parent: Release | None, by: str) -> Any:
    values = {
        Tag.DIGEST: manifest.digest,
        Tag.PARENT: "" if parent is None else str(parent.name),
        Tag.BY: _NOT_IN_TAGS.sub("_", by)[:TAG_CHARACTERS_MAX],
        Tag.DRY_RUN: " ".join(wanted.dry_run)[:TAG_CHARACTERS_MAX],
    }
    return [{"key": key, "value": value} for key, value in values.items()]
