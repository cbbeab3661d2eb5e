"""One AWS service at the endpoint: its protocol, its operations, and which operation a request names."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from expeditor.api.errors import UnknownOperationError, UnsupportedOperationError
from expeditor.api.json_protocol import JsonWire
from expeditor.api.model import ServiceModel, load_model
from expeditor.api.protocol import Codec, HttpRequest, Operation, Operations, Wire
from expeditor.api.query import QueryWire
from expeditor.api.rest_json import RestJsonWire, Routes

_WIRES: dict[str, Callable[[ServiceModel], Wire]] = {
    "json": JsonWire,
    "rest-json": RestJsonWire,
    "query": QueryWire,
}

_TITLES = {"stepfunctions": "Step Functions", "lambda": "Lambda", "sns": "SNS"}

_ACTION = re.compile(r"(?:^|&)Action=([A-Za-z0-9]{1,128})(?:&|$)")


@dataclass(frozen=True, slots=True)
class Compiled:
    """One operation with its codec."""

    name: str
    codec: Codec
    operation: Operation


class Endpoint:
    """One service. Operations are compiled when they are first called."""

    def __init__(self, service: str, operations: Operations) -> None:
        self.service = service
        self.title = _TITLES[service]
        self.model = load_model(service)
        self.wire = _WIRES[self.model.metadata.protocol](self.model)
        self.operations = operations
        unknown = operations.keys() - self.model.operations.keys()
        assert not unknown, f"{service} has no operations {sorted(unknown)}"
        self._compiled: dict[str, Compiled] = {}
        self._routes = Routes(self.model)

    @property
    def named_by_head(self) -> bool:
        """Whether the head of a request names its operation; in the query protocol the body does."""
        return self.model.metadata.protocol != "query"

    def find(self, request: HttpRequest) -> Compiled:
        """The operation a request names.

        Raises:
            UnknownOperationError: AWS's model has no such operation.
            UnsupportedOperationError: the model has it, this node does not.
        """
        name = self._name(request)
        return self._compiled.get(name) or self._compile(name)

    def _name(self, request: HttpRequest) -> str:
        if self.model.metadata.protocol == "json":
            return request.headers["x-amz-target"].rpartition(".")[2]
        if self.model.metadata.protocol == "rest-json":
            return self._routes.find(request)
        text = request.query if request.method == "GET" else request.body.decode("latin-1")
        found = _ACTION.search(text)
        if found is None:
            raise UnknownOperationError(f"{request.method} {request.path} without an Action")
        return found[1]

    def _compile(self, name: str) -> Compiled:
        if name not in self.model.operations:
            raise UnknownOperationError(name)
        if name not in self.operations:
            raise UnsupportedOperationError(self.title, name)
        return self._compiled.setdefault(name, Compiled(name, self.wire.codec(name), self.operations[name]))
