"""AWS's own description of its services, as botocore ships it: operations, shapes, errors."""

import gzip
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

WireName = Literal["json", "rest-json", "query"]

_FILES = {
    "stepfunctions": "stepfunctions/2016-11-23",
    "lambda": "lambda/2015-03-31",
    "sns": "sns/2010-03-31",
}


class Reference(msgspec.Struct, frozen=True, rename="camel"):
    """Where a shape is used, and how that use travels.

    Attributes:
        location: ``uri``, ``querystring``, ``header`` or ``statusCode`` in rest-json; None is the body.
        location_name: the name on the wire where it is not the member's own.
    """

    shape: str
    location: str | None = None
    location_name: str | None = None


class WireError(msgspec.Struct, frozen=True, rename="camel"):
    """How an error shape travels; *code* is the name on the wire where it is not the shape's own."""

    code: str | None = None
    http_status_code: int = 400


class Shape(msgspec.Struct, frozen=True, rename="camel"):
    """One type of a service's model; documentation is left out."""

    type: str
    members: dict[str, Reference] = {}
    required: tuple[str, ...] = ()
    member: Reference | None = None
    key: Reference | None = None
    value: Reference | None = None
    min: float | None = None
    max: float | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    sensitive: bool = False
    exception: bool = False
    error: WireError | None = None
    payload: str | None = None
    flattened: bool = False
    eventstream: bool = False


class Http(msgspec.Struct, frozen=True, rename="camel"):
    """Method, URI template and status of success."""

    method: str = "POST"
    request_uri: str = "/"
    response_code: int = 200


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """The shape of an answer; query wraps it in an element."""

    shape: str
    result_wrapper: str | None = None


class OperationModel(msgspec.Struct, frozen=True, rename="camel"):
    """One operation."""

    name: str
    http: Http
    input: Reference | None = None
    output: Result | None = None


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What tells one service from another on the wire."""

    protocol: WireName
    target_prefix: str = ""
    json_version: str = "1.1"
    xml_namespace: str | None = None


class ServiceModel(msgspec.Struct, frozen=True):
    """One service: its operations and every shape they name."""

    metadata: Metadata
    operations: dict[str, OperationModel]
    shapes: dict[str, Shape]

    def errors(self) -> Mapping[str, Shape]:
        """The error shapes by the name an exception of ours carries: the shape's name, or the code on the wire."""
        named = {name: shape for name, shape in self.shapes.items() if shape.exception}
        coded = {shape.error.code: shape for shape in named.values() if shape.error and shape.error.code}
        return {**coded, **named}


@cache
def load_model(service: str) -> ServiceModel:
    """The model of ``stepfunctions``, ``lambda`` or ``sns``, read from the installed botocore without importing it.

    Importing botocore's loader costs 0.1 s; decoding the file into these types costs some 10 ms.
    """
    found = find_spec("botocore")
    assert found is not None
    assert found.origin is not None
    file = Path(found.origin).parent / "data" / _FILES[service] / "service-2.json.gz"
    return msgspec.json.decode(gzip.decompress(file.read_bytes()), type=ServiceModel)
