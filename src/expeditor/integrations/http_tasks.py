"""``arn:aws:states:::http:invoke``: calls HTTP APIs that the node's settings list."""

import asyncio
import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urljoin

import msgspec

from expeditor.integrations.http_addresses import (
    SETTING,
    Addresses,
    AllowedHost,
    ForbiddenAddressError,
    Resolve,
    allowed_hosts,
    target_of,
)
from expeditor.integrations.http_connections import Connections, UnusableConnectionError
from expeditor.integrations.http_exchange import (
    READ_SECONDS_MAX,
    AbortedError,
    Exchange,
    HttpRequest,
    HttpResponse,
    TooLargeError,
)
from expeditor.integrations.http_requests import connection_arn, http_request
from expeditor.integrations.pool import CallPool
from expeditor.integrations.refusals import unusable
from expeditor.integrations.tasks import Cancel, Failed, Outcome, Report, TaskRequest, bounded, too_large
from expeditor.payloads import JSONValue, decode, encode
from expeditor.settings import REGION

REDIRECTS_MAX = 5

_SERVICE = "http"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNREADABLE = ("application/octet-stream", "image/", "video/", "audio/")
"""Source: "Call HTTPS APIs", unsupported HTTP Task responses."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What HTTP tasks may do.

    Attributes:
        allowed: servers that may be called; nothing else is.
        connections: the file that describes connections.
        resolve: looks host names up; None for the system's way.
        tls: how servers are verified; None for the system's certificates.
    """

    allowed: tuple[AllowedHost, ...]
    connections: Path
    region: str = REGION
    resolve: Resolve | None = None
    tls: ssl.SSLContext | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], home: Path) -> "HttpSettings":
        """Reads ``HTTP_TASK_ALLOW``. Raises SettingsError when it has an entry that is no host."""
        return cls(allowed_hosts(environment.get(SETTING, "")), home / "secrets" / "connections.json")


class HttpTasks:
    """Calls HTTP APIs on the threads of a pool; a call that takes more than a minute is broken off."""

    def __init__(self, settings: HttpSettings, pool: CallPool) -> None:
        self._settings = settings
        self._addresses = Addresses(settings.allowed, settings.resolve)
        self._connections = Connections(settings.connections)
        self._pool = pool
        self._tls = settings.tls

    def invoke(self, request: TaskRequest, report: Report) -> Cancel | None:
        """The task ends when the API has answered. Cancelling breaks the connection."""
        fields = request.parameters
        if not isinstance(fields, dict):
            report(unusable(fields, ["The value must be a JSON object"]))
            return None
        exchange = Exchange(self._trust)
        overdue = asyncio.get_running_loop().call_later(READ_SECONDS_MAX, exchange.abort)

        def finish(outcome: Outcome) -> None:
            overdue.cancel()
            report(outcome)

        drop = self._pool.submit(partial(self._call, exchange, fields), finish)

        def cancel() -> None:
            overdue.cancel()
            exchange.abort()
            if drop is not None:
                drop()

        return cancel

    def _trust(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _call(self, exchange: Exchange, fields: dict[str, JSONValue]) -> Outcome:
        """Makes the request and reads the answer; runs on a thread of the pool."""
        try:
            arn = connection_arn(fields)
            connection = None if arn is None else self._connections.find(arn)
            request = http_request(fields, connection, self._settings.region)
            return _outcome(self._followed(exchange, request))
        except ForbiddenAddressError as error:
            return Failed("States.Permissions", str(error))
        except UnusableConnectionError as error:
            return Failed(f"Events.ConnectionResource.{error.code}", str(error))
        except TooLargeError:
            return too_large(_SERVICE)
        except AbortedError:
            return Failed("States.Http.Socket", f"The API did not answer within {READ_SECONDS_MAX} seconds")
        except (OSError, http.client.HTTPException) as error:
            return Failed("States.Http.Socket", f"The API could not be called: {error or type(error).__name__}")
        except ValueError as error:
            # After OSError, for a certificate that does not verify is both.
            return unusable(fields, [str(error)])

    def _followed(self, exchange: Exchange, request: HttpRequest) -> HttpResponse:
        """The answer, after redirects within the same server; a redirect to another one is an answer."""
        for _ in range(REDIRECTS_MAX):
            response = exchange.send(request, self._addresses.address(request.origin))
            moved = _moved(request, response)
            if moved is None:
                return response
            request = moved
        return response


def _moved(request: HttpRequest, response: HttpResponse) -> HttpRequest | None:
    location = response.headers.get("location")
    if response.status not in _REDIRECTS or not location or request.method not in ("GET", "HEAD"):
        return None
    here = f"{request.origin.scheme}://{request.origin.authority}{request.target}"
    origin, parts = target_of(urljoin(here, location[0]))
    if origin != request.origin:
        return None
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return HttpRequest(origin, request.method, target, request.headers, None)


def _outcome(response: HttpResponse) -> Outcome:
    kind = response.headers.get("content-type", [""])[0].lower()
    if kind.startswith(_UNREADABLE):
        return Failed("States.Runtime", f"The response has the content type {kind}, which an HTTP task cannot read")
    try:
        text = response.body.decode()
    except UnicodeDecodeError:
        return Failed("States.Runtime", "The response is no text in UTF-8, which is all that an HTTP task can read")
    if not 200 <= response.status < 300:
        return Failed(f"States.Http.StatusCode.{response.status}", text or response.reason)
    headers: dict[str, JSONValue] = {name: [*values] for name, values in response.headers.items()}
    body: dict[str, JSONValue] = {
        "Headers": headers,
        "ResponseBody": _json(text) if "json" in kind else text,
        "StatusCode": response.status,
        "StatusText": response.reason,
    }
    return bounded(encode(body), _SERVICE)


def _json(text: str) -> JSONValue:
    try:
        return decode(text)
    except msgspec.DecodeError:
        return text
