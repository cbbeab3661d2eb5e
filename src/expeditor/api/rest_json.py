"""AWS's REST-JSON protocol: method and path name the operation, and carry some of its parameters."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from expeditor.api.errors import SerializationError, UnknownOperationError, status_of, wire_code
from expeditor.api.json_protocol import read_json
from expeditor.api.model import OperationModel, Reference, ServiceModel, Shape
from expeditor.api.protocol import Answer, HttpRequest, HttpResponse, Params
from expeditor.api.readers import Reader, Readers
from expeditor.api.validation import NOT_NULL, Problem, member_path, refuse
from expeditor.api.writers import Writer, Writers
from expeditor.errors import ServiceError

_encode = msgspec.json.Encoder().encode
_JSON = ("content-type", "application/json")
QUERY_FIELDS_MAX = 100


def query_fields(query: str) -> dict[str, list[str]]:
    """The fields of a query string, each with all its values.

    Raises:
        SerializationError: more fields than any operation has.
    """
    fields: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError as error:
        raise SerializationError(f"the query string has more than {QUERY_FIELDS_MAX} fields") from error
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def path_segments(path: str) -> list[str]:
    """The segments of a path, still percent-encoded; one slash at the end does not count."""
    return path.removesuffix("/").split("/")[1:]


class _Place:
    """One place in the tree of paths: what may follow, and the operations that end here."""

    __slots__ = ("any", "named", "operations")

    def __init__(self) -> None:
        self.named: dict[str, _Place] = {}
        self.any: _Place | None = None
        self.operations: dict[str, list[tuple[str, str]]] = {}

    def next(self, template: str) -> "_Place":
        """The place one segment further, made if need be."""
        if not template.startswith("{"):
            return self.named.setdefault(template, _Place())
        self.any = self.any or _Place()
        return self.any


class Routes:
    """From method and path to the operation of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self._root = _Place()
        for operation in model.operations.values():
            self._add(operation)

    def _add(self, operation: OperationModel) -> None:
        path, _, literal = operation.http.request_uri.partition("?")
        place = self._root
        for segment in path_segments(path):
            place = place.next(segment)
        found = place.operations.setdefault(operation.http.method, [])
        found.append((literal, operation.name))
        found.sort(reverse=True)

    def find(self, request: HttpRequest) -> str:
        """The operation's name.

        Raises:
            UnknownOperationError: no operation has this method and path.
        """
        for place in _places(self._root, path_segments(request.path)):
            for literal, name in place.operations.get(request.method, ()):
                if not literal or literal in request.query.split("&"):
                    return name
        raise UnknownOperationError(f"{request.method} {request.path}")


def _places(place: _Place, segments: list[str]) -> Iterator[_Place]:
    """The places a path leads to, those of literal segments first."""
    if not segments:
        yield place
        return
    for following in (place.named.get(segments[0]), place.any):
        if following is not None:
            yield from _places(following, segments[1:])


class RestJsonWire:
    """The REST-JSON protocol of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._errors = model.errors()
        self._readers = (Readers(model, text=False), Readers(model, text=True))

    def codec(self, operation: str) -> "RestJsonCodec":
        """The codec of an operation the model has."""
        return RestJsonCodec(self._model, operation, self._readers)

    def write_error(self, error: ServiceError, request_id: str) -> HttpResponse:
        """``Type`` and message in the body, the code in a header, as Lambda has them."""
        code = wire_code(self._errors, error.code)
        status = status_of(self._errors, error.code)
        shape = self._errors.get(error.code)
        name = "message" if shape is not None and "message" in shape.members else "Message"
        body = _encode({"Type": "User" if status < 500 else "Service", name: str(error)})
        headers = (_JSON, ("x-amzn-requestid", request_id), ("x-amzn-errortype", code))
        return HttpResponse(status, headers, body)


class RestJsonCodec:
    """One operation of a REST-JSON service."""

    def __init__(self, model: ServiceModel, operation: str, readers: tuple[Readers, Readers]) -> None:
        described = model.operations[operation]
        shape = model.shapes[described.input.shape] if described.input else Shape("structure")
        self._segments = _segment_names(described)
        self._members = [_member(model, shape, name, readers) for name in shape.members]
        self._reads_body = any(member.location is None for member in self._members) and shape.payload is None
        self._answer = _AnswerWriter(model, described)

    def read(self, request: HttpRequest) -> Params:
        """The parameters from path, query string, headers and body.

        Raises:
            ValidationError, SerializationError: as the readers.
        """
        sources: dict[str | None, Mapping[str, Any]] = {
            "uri": self._from_path(request.path),
            "querystring": query_fields(request.query) if request.query else {},
            "header": request.headers,
            None: _object(request.body) if self._reads_body else {},
        }
        params: Params = {}
        problems: list[Problem] = []
        for member in self._members:
            value = request.body if member.is_payload else sources[member.location].get(member.wire_name)
            member.read_into(params, value, problems)
        if problems:
            raise refuse(problems)
        return params

    def write(self, answer: Answer, request_id: str) -> HttpResponse:
        """The answer as status, headers and body."""
        return self._answer.write(answer, request_id)

    def _from_path(self, path: str) -> dict[str, str]:
        segments = path_segments(path)
        return {name: unquote(segments[index]) for index, name in self._segments}


def _object(body: bytes) -> dict[str, Any]:
    value = read_json(body)
    if type(value) is not dict:
        raise SerializationError("the request body must be a JSON object")
    return value


def _segment_names(operation: OperationModel) -> list[tuple[int, str]]:
    segments = path_segments(operation.http.request_uri.partition("?")[0])
    return [(index, segment[1:-1]) for index, segment in enumerate(segments) if segment.startswith("{")]


class _Member:
    """One member of an input: where it comes from, and its reader."""

    __slots__ = ("_is_list", "_name", "_read", "_required", "is_payload", "location", "wire_name")

    def __init__(self, name: str, reference: Reference, shape: Shape, read: Reader) -> None:
        self._name = name
        self._read = read
        self._required = name in shape.required
        self._is_list = False
        self.location = reference.location
        self.wire_name = reference.location_name or name
        self.is_payload = shape.payload == name

    def in_query(self, *, is_list: bool) -> "_Member":
        """The same, from a query string, where each field may come several times."""
        self._is_list = is_list
        return self

    def read_into(self, params: Params, value: Any, problems: list[Problem]) -> None:
        """Reads *value*, or names the member as missing."""
        if value is None:
            if self._required:
                problems.append(Problem("null", NOT_NULL, [member_path(self._name)]))
            return
        if self.is_payload:
            params[self._name] = value
            return
        if self.location == "querystring" and not self._is_list:
            value = value[-1]
        before = len(problems)
        params[self._name] = self._read(value, problems)
        for each in problems[before:]:
            each.path.insert(0, member_path(self._name))


def _member(model: ServiceModel, shape: Shape, name: str, readers: tuple[Readers, Readers]) -> _Member:
    reference = shape.members[name]
    from_json, from_text = readers
    read = (from_json if reference.location is None else from_text).reader(reference)
    member = _Member(name, _lowered(reference), shape, read)
    return member.in_query(is_list=model.shapes[reference.shape].type == "list")


def _lowered(reference: Reference) -> Reference:
    """Header names as ASGI has them."""
    if reference.location != "header" or reference.location_name is None:
        return reference
    return Reference(reference.shape, "header", reference.location_name.lower())


class _AnswerWriter:
    """One operation's answers."""

    def __init__(self, model: ServiceModel, operation: OperationModel) -> None:
        shape = model.shapes[operation.output.shape] if operation.output else Shape("structure")
        in_body = {name for name, reference in shape.members.items() if reference.location is None}
        self._status = operation.http.response_code
        self._payload = shape.payload
        self._write_body: Writer = Writers(model).structure(shape, frozenset(in_body))
        self._headers = _located(shape, "header")
        self._statuses = _located(shape, "statusCode")

    def write(self, answer: Answer, request_id: str) -> HttpResponse:
        status = next((answer[name] for name, _ in self._statuses if name in answer), self._status)
        headers = [_JSON, ("x-amzn-requestid", request_id)]
        headers += [(wire_name, str(answer[name])) for name, wire_name in self._headers if answer.get(name) is not None]
        return HttpResponse(status, tuple(headers), b"" if status == 204 else self._body(answer))

    def _body(self, answer: Answer) -> bytes:
        if self._payload is None:
            return _encode(self._write_body(answer))
        payload = answer.get(self._payload) or b""
        return payload if isinstance(payload, bytes) else _encode(payload)


def _located(shape: Shape, location: str) -> list[tuple[str, str]]:
    return [
        (name, (reference.location_name or name).lower())
        for name, reference in shape.members.items()
        if reference.location == location
    ]
