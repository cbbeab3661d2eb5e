"""AWS's JSON protocol: ``X-Amz-Target`` names the operation, body in and body out are JSON."""

from typing import Any

import msgspec

from expeditor.api.errors import SerializationError, status_of, wire_code
from expeditor.api.model import Reference, ServiceModel
from expeditor.api.protocol import Answer, HttpRequest, HttpResponse, Params
from expeditor.api.readers import parameters_reader
from expeditor.api.writers import Writers
from expeditor.errors import ServiceError
from expeditor.payloads import decode

_encode = msgspec.json.Encoder().encode


def read_json(body: bytes) -> Any:
    """The JSON object of a body; an empty body is an empty object.

    Raises:
        SerializationError: not JSON, not UTF-8, or nested too deeply.
    """
    try:
        return decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SerializationError(f"the request body is not JSON: {error}") from error


class JsonWire:
    """The JSON protocol of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._errors = model.errors()
        self._content_type = ("content-type", f"application/x-amz-json-{model.metadata.json_version}")

    def codec(self, operation: str) -> "JsonCodec":
        """The codec of an operation the model has."""
        return JsonCodec(self._model, operation, self._content_type)

    def write_error(self, error: ServiceError, request_id: str) -> HttpResponse:
        """``__type`` and ``message``, as SDKs read them."""
        code = wire_code(self._errors, error.code)
        body = _encode({"__type": code, "message": str(error)})
        headers = (self._content_type, ("x-amzn-requestid", request_id), ("x-amzn-errortype", code))
        return HttpResponse(status_of(self._errors, error.code), headers, body)


class JsonCodec:
    """One operation of a JSON service."""

    def __init__(self, model: ServiceModel, operation: str, content_type: tuple[str, str]) -> None:
        described = model.operations[operation]
        self._read = parameters_reader(model, described.input)
        output = described.output
        self._write = Writers(model).writer(Reference(output.shape)) if output else None
        self._content_type = content_type

    def read(self, request: HttpRequest) -> Params:
        """The body's members."""
        return self._read(read_json(request.body))

    def write(self, answer: Answer, request_id: str) -> HttpResponse:
        """The answer as the body."""
        headers = (self._content_type, ("x-amzn-requestid", request_id))
        return HttpResponse(200, headers, _encode(self._write(answer) if self._write else {}))
