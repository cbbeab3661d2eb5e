"""AWS's query protocol: a form names the operation and its parameters in dotted names, the answer is XML."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from expeditor.api.errors import SerializationError, status_of, wire_code
from expeditor.api.model import Reference, ServiceModel, Shape
from expeditor.api.protocol import Answer, HttpRequest, HttpResponse, Params
from expeditor.api.readers import parameters_reader
from expeditor.api.validation import compile_pattern
from expeditor.errors import ServiceError

FORM_FIELDS_MAX = 2_000
NAME_PARTS_MAX = 16

_XML = ("content-type", "text/xml")
_NOT_XML = compile_pattern("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Tree: TypeAlias = "dict[str, Tree | str]"
Unfold: TypeAlias = Callable[[Any], Any]
XmlWriter: TypeAlias = Callable[[str, Any], str]


def form_fields(request: HttpRequest) -> dict[str, str]:
    """The form of a POST, or the query string of a GET.

    Raises:
        SerializationError: not UTF-8, or more fields than any operation has.
    """
    try:
        text = request.body.decode() if request.method == "POST" else request.query
        if text.count("&") >= FORM_FIELDS_MAX:
            raise ValueError("too many fields")
        pairs = [field.partition("=") for field in text.replace("+", " ").split("&") if field]
        return {_unquoted(name): _unquoted(value) for name, _, value in pairs}
    except ValueError as error:
        raise SerializationError(f"the form is not UTF-8, or has more than {FORM_FIELDS_MAX} fields") from error


def _unquoted(text: str) -> str:
    return unquote_to_bytes(text).decode() if "%" in text else text


def tree_of(fields: Mapping[str, str]) -> Tree:
    """The fields as their dotted names nest them.

    Raises:
        SerializationError: a name is both a value and a branch, or has too many parts.
    """
    tree: Tree = {}
    for name, value in fields.items():
        parts = name.split(".", NAME_PARTS_MAX)
        branch: Tree = tree
        for part in parts[:-1]:
            following = branch.setdefault(part, {})
            if isinstance(following, str):
                raise SerializationError(f"the parameter {name[:128]!r} is a value and a structure at once")
            branch = following
        if isinstance(branch.setdefault(parts[-1], value), dict):
            raise SerializationError(f"the parameter {name[:128]!r} is a value and a structure at once")
    return tree


class QueryWire:
    """The query protocol of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._errors = model.errors()
        self._namespace = model.metadata.xml_namespace or ""

    def codec(self, operation: str) -> "QueryCodec":
        """The codec of an operation the model has."""
        return QueryCodec(self._model, operation, self._namespace)

    def write_error(self, error: ServiceError, request_id: str) -> HttpResponse:
        """The error document SDKs read; type ``Sender`` for what the caller can mend."""
        status = status_of(self._errors, error.code)
        kind = "Sender" if status < 500 else "Receiver"
        code = wire_code(self._errors, error.code)
        detail = f"<Type>{kind}</Type><Code>{_text(code)}</Code><Message>{_text(str(error))}</Message>"
        body = f'<ErrorResponse xmlns="{self._namespace}"><Error>{detail}</Error>{_request(request_id)}</ErrorResponse>'
        return HttpResponse(status, (_XML, ("x-amzn-requestid", request_id)), body.encode())


class QueryCodec:
    """One operation of a query service."""

    def __init__(self, model: ServiceModel, operation: str, namespace: str) -> None:
        described = model.operations[operation]
        self._unfold = _unfolder(model, described.input) if described.input else None
        self._read = parameters_reader(model, described.input, text=True)
        output = described.output
        self._write = _xml_writer(model, Reference(output.shape)) if output else None
        self._result = (output.result_wrapper if output else None) or f"{operation}Result"
        self._open = f'<{operation}Response xmlns="{namespace}">'
        self._close = f"</{operation}Response>"

    def read(self, request: HttpRequest) -> Params:
        """The parameters of the form."""
        tree = tree_of(form_fields(request))
        return self._read(self._unfold(tree) if self._unfold else tree)

    def write(self, answer: Answer, request_id: str) -> HttpResponse:
        """The answer in its result element; an operation without a result has only the request id."""
        result = self._write(self._result, answer) if self._write else ""
        metadata = f"<ResponseMetadata>{_request(request_id)}</ResponseMetadata>"
        body = f"{self._open}{result}{metadata}{self._close}"
        return HttpResponse(200, (_XML, ("x-amzn-requestid", request_id)), body.encode())


def _unfolder(model: ServiceModel, reference: Reference) -> Unfold:
    """From a tree of dotted names to what the readers take: numbered entries become lists, pairs become maps."""
    shape = model.shapes[reference.shape]
    compound = _UNFOLDERS.get(shape.type)
    return compound(model, shape) if compound else _as_it_is


def _unfold_structure(model: ServiceModel, shape: Shape) -> Unfold:
    members = {
        reference.location_name or name: _unfolder(model, reference) for name, reference in shape.members.items()
    }

    def unfold(tree: Any) -> Any:
        if not isinstance(tree, dict):
            return tree
        return {name: unfold_member(tree[name]) for name, unfold_member in members.items() if name in tree}

    return unfold


def _unfold_list(model: ServiceModel, shape: Shape) -> Unfold:
    assert shape.member is not None
    unfold_item = _unfolder(model, shape.member)
    item_name = None if shape.flattened else shape.member.location_name or "member"

    def unfold(tree: Any) -> Any:
        if tree == "":
            return []
        return [unfold_item(item) for item in _numbered(tree, item_name)]

    return unfold


def _unfold_map(model: ServiceModel, shape: Shape) -> Unfold:
    assert shape.key is not None
    assert shape.value is not None
    key_name, value_name = shape.key.location_name or "key", shape.value.location_name or "value"
    unfold_value = _unfolder(model, shape.value)
    entry_name = None if shape.flattened else "entry"

    def unfold(tree: Any) -> Any:
        pairs = [entry for entry in _numbered(tree, entry_name) if isinstance(entry, dict)]
        return {str(pair[key_name]): unfold_value(pair.get(value_name)) for pair in pairs if key_name in pair}

    return unfold


def _numbered(tree: Any, name: str | None) -> list[Any]:
    """The entries ``1``, ``2``, ... in their order."""
    entries = tree.get(name, {}) if name is not None and isinstance(tree, dict) else tree
    if not isinstance(entries, dict) or not all(index.isdecimal() and len(index) <= 9 for index in entries):
        raise SerializationError("the entries of a list or map must be numbered from 1")
    return [entries[index] for index in sorted(entries, key=int)]


def _as_it_is(value: Any) -> Any:
    return value


_UNFOLDERS: Mapping[str, Callable[[ServiceModel, Shape], Unfold]] = {
    "structure": _unfold_structure,
    "list": _unfold_list,
    "map": _unfold_map,
}


def _xml_writer(model: ServiceModel, reference: Reference) -> XmlWriter:
    shape = model.shapes[reference.shape]
    compound = _XML_WRITERS.get(shape.type)
    return compound(model, shape) if compound else _scalar_writer(shape)


def _structure_writer(model: ServiceModel, shape: Shape) -> XmlWriter:
    writers = {
        name: (reference.location_name or name, _xml_writer(model, reference))
        for name, reference in shape.members.items()
    }

    def write(name: str, value: Any) -> str:
        inner = []
        for key, item in value.items():
            wire_name, write_member = writers[key]
            if item is not None:
                inner.append(write_member(wire_name, item))
        return f"<{name}>{''.join(inner)}</{name}>"

    return write


def _list_writer(model: ServiceModel, shape: Shape) -> XmlWriter:
    assert shape.member is not None
    write_item = _xml_writer(model, shape.member)
    item_name = shape.member.location_name or "member"
    if shape.flattened:
        return lambda name, value: "".join(write_item(name, item) for item in value)
    return lambda name, value: f"<{name}>{''.join(write_item(item_name, item) for item in value)}</{name}>"


def _map_writer(model: ServiceModel, shape: Shape) -> XmlWriter:
    assert shape.key is not None
    assert shape.value is not None
    key_name, value_name = shape.key.location_name or "key", shape.value.location_name or "value"
    write_value = _xml_writer(model, shape.value)

    def write(name: str, value: Any) -> str:
        entry = name if shape.flattened else "entry"
        pairs = (
            f"<{entry}><{key_name}>{_text(key)}</{key_name}>{write_value(value_name, item)}</{entry}>"
            for key, item in value.items()
        )
        return "".join(pairs) if shape.flattened else f"<{name}>{''.join(pairs)}</{name}>"

    return write


_XML_WRITERS: Mapping[str, Callable[[ServiceModel, Shape], XmlWriter]] = {
    "structure": _structure_writer,
    "list": _list_writer,
    "map": _map_writer,
}


def _scalar_writer(shape: Shape) -> XmlWriter:
    convert = _SCALARS.get(shape.type, str)
    return lambda name, value: f"<{name}>{_text(convert(value))}</{name}>"


def _text(text: str) -> str:
    """Text as XML holds it; what XML 1.0 has no way to hold becomes the replacement character."""
    return _NOT_XML.sub("�", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _instant(value: float) -> str:
    return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_SCALARS: Mapping[str, Callable[[Any], str]] = {
    "boolean": lambda value: "true" if value else "false",
    "timestamp": _instant,
    "blob": lambda value: base64.b64encode(value).decode(),
}


def _request(request_id: str) -> str:
    return f"<RequestId>{request_id}</RequestId>"
