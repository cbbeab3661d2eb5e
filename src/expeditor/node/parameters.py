"""Values that the node has for a template's parameters."""

import contextlib
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from expeditor.node.template import Template
from expeditor.settings import HOST, Settings, SettingsError

PORTS_FILE = "ports.json"


def node_parameters(
    template: Template, settings: Settings, given: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """By parameter name; on AWS the template's defaults or the deployment's values stand instead.

    ``ExpeditorHome`` is empty on AWS, so a condition on it tells the two apart. Any other parameter whose name ends in
    ``Port`` gets a port that was free when this home was first used, its default if possible: two nodes on one machine
    do not meet, and a home keeps its ports, as they become part of function versions.

    Args:
        given: what whoever starts the node wants, before anything else.

    Raises:
        TemplateError: the template has no such parameter.
        SettingsError: the file that remembers the ports cannot be read.
    """
    with template.reading(("Parameters",)):
        declared = template.document.get("Parameters", {})
        defaults = {name: int(each.get("Default", 0)) for name, each in declared.items() if name.endswith("Port")}
    for name in given:
        if name not in declared:
            raise template.refuse(("Parameters",), f"there is no parameter {name!r}; there are {', '.join(declared)}")
    known = {
        "ExpeditorHome": str(settings.home),
        "ShopPort": str(settings.shop_port),
        "AwsEndpointUrl": settings.endpoint_url,
    }
    wanted = {name: port for name, port in defaults.items() if name not in known and name not in given}
    return {**known, **_remembered_ports(settings.home / PORTS_FILE, wanted), **given}


def _remembered_ports(path: Path, wanted: Mapping[str, int]) -> dict[str, str]:
    try:
        ports = msgspec.json.decode(path.read_bytes(), type=dict[str, int]) if path.exists() else {}
    except msgspec.DecodeError as error:
        example = '{"PaymentsPort": 8082}'
        message = f"{path} cannot be read ({error}); write into it the ports that releases name, such as {example}"
        raise SettingsError(message) from error
    missing = wanted.keys() - ports.keys()
    if missing:
        ports |= {name: _free_port(wanted[name]) for name in missing}
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.encode(ports))
        draft.replace(path)
    return {name: str(ports[name]) for name in wanted}


def _free_port(preferred: int) -> int:
    for candidate in (preferred, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, candidate))
            port: int = probe.getsockname()[1]
            return port
    raise AssertionError("the kernel always has a port to give")
