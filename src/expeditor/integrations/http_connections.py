"""Credentials for HTTP tasks: EventBridge connections, read from a file beside the node's other secrets."""

import base64
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from expeditor.errors import ExpeditorError


class UnusableConnectionError(ExpeditorError):
    """A connection cannot be used; *code* is AWS's name for it, after ``Events.ConnectionResource.``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Parameter(msgspec.Struct, frozen=True, rename="pascal"):
    """One header, query parameter or body field that a connection adds."""

    key: str
    value: str


class HttpParameters(msgspec.Struct, frozen=True, rename="pascal"):
    """What a connection adds to each request: EventBridge's ``InvocationHttpParameters``."""

    header_parameters: tuple[Parameter, ...] = ()
    query_string_parameters: tuple[Parameter, ...] = ()
    body_parameters: tuple[Parameter, ...] = ()


class ApiKey(msgspec.Struct, frozen=True, rename="pascal"):
    """A header with a key."""

    api_key_name: str
    api_key_value: str


class Basic(msgspec.Struct, frozen=True, rename="pascal"):
    """User name and password."""

    username: str
    password: str


class Authorization(msgspec.Struct, frozen=True, rename="pascal"):
    """EventBridge's ``AuthParameters``; OAuth is not offered."""

    api_key_auth_parameters: ApiKey | None = None
    basic_auth_parameters: Basic | None = None
    invocation_http_parameters: HttpParameters = HttpParameters()


class Connection(msgspec.Struct, frozen=True, rename="pascal"):
    """EventBridge's connection, as CreateConnection takes it."""

    auth_parameters: Authorization

    @property
    def headers(self) -> dict[str, str]:
        """What it adds to the headers, its credentials among them."""
        key, basic = self.auth_parameters.api_key_auth_parameters, self.auth_parameters.basic_auth_parameters
        added = _by_key(self.auth_parameters.invocation_http_parameters.header_parameters)
        if key is not None:
            added[key.api_key_name] = key.api_key_value
        if basic is not None:
            pair = f"{basic.username}:{basic.password}"
            added["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return added

    @property
    def query(self) -> dict[str, str]:
        """What it adds to the query."""
        return _by_key(self.auth_parameters.invocation_http_parameters.query_string_parameters)

    @property
    def body(self) -> dict[str, str]:
        """What it adds to the body."""
        return _by_key(self.auth_parameters.invocation_http_parameters.body_parameters)


def _by_key(parameters: tuple[Parameter, ...]) -> dict[str, str]:
    return {each.key: each.value for each in parameters}


_tables = msgspec.json.Decoder(dict[str, Connection])


class Connections:
    """The connections of one file: a JSON object from a connection's ARN or name to EventBridge's description of it.

    Read at each use, so that a changed password counts at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, arn: str) -> Connection:
        """A connection by its ARN.

        Raises:
            UnusableConnectionError: there is none, or the file cannot be used.
        """
        table = self._table()
        name = arn.partition(":connection/")[2].partition("/")[0]
        found = table.get(arn) or table.get(name)
        if found is None:
            raise UnusableConnectionError(
                "ResourceNotFound", f"there is no connection {arn}; describe it in {self._path.name}"
            )
        auth = found.auth_parameters
        if auth.api_key_auth_parameters is None and auth.basic_auth_parameters is None:
            raise UnusableConnectionError(
                "InvalidConnectionState",
                f"connection {arn} has neither an API key nor a user name; OAuth is not offered",
            )
        return found

    def _table(self) -> Mapping[str, Connection]:
        try:
            mode = self._path.stat().st_mode
            text = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UnusableConnectionError(
                "InternalError", f"{self._path.name} cannot be read: {error.strerror}"
            ) from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UnusableConnectionError("AccessDenied", f"{self._path.name} is readable by others; chmod 600 it")
        try:
            return _tables.decode(text)
        except msgspec.MsgspecError as error:
            raise UnusableConnectionError(
                "InvalidConnectionState", f"{self._path.name} cannot be used: {error}"
            ) from error
