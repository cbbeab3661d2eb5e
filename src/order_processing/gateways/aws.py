"""boto3's clients for calls that are made for every order.

On AWS a call takes milliseconds on the wire. On a node it takes less than boto3 needs to put the request on the wire
with urllib3 and ``http.client``, so there a connection of our own does that; everything else stays boto3's.
"""

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from order_processing.gateways.http_client import Answer, HttpConnection, HttpError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from botocore.config import Config

USER_AGENT = "expeditor"
"""botocore's own tells more, and is put together anew for each call: a tenth of its time."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ANSWER_SECONDS_MAX = 10.0


def aws_client(service: str, config: "Config | None" = None, **settings: Any) -> Any:
    """boto3's client of *service*, such as ``stepfunctions``, to be used by one thread; its connection ends with it.

    Raises:
        BotoCoreError: region or credentials are missing.
    """
    # boto3 costs tens of megabytes and a third of a second: only those who ask pay.
    import boto3
    from botocore.config import Config

    known = Config(user_agent=USER_AGENT)
    client = boto3.client(service, config=known if config is None else known.merge(config), **settings)  # type: ignore[call-overload]
    if is_near(client.meta.endpoint_url):
        wire = _Wire(client.meta.endpoint_url)
        client.meta.events.register("before-send", wire.send)
        weakref.finalize(client, wire.close)
    return client


def is_near(url: str) -> bool:
    """Whether *url* is a plain address of this machine."""
    where = urlsplit(url)
    return where.scheme == "http" and where.hostname in LOOPBACK


class _Wire:
    """Sends boto3's signed requests. Source: botocore, event ``before-send``, whose handlers may answer a request."""

    def __init__(self, endpoint_url: str) -> None:
        self._url = endpoint_url
        self._connection = HttpConnection(endpoint_url, ANSWER_SECONDS_MAX)

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()

    def send(self, request: "AWSPreparedRequest", **_: Any) -> "AWSResponse":
        """The answer to *request*; a connection that was closed while it stood idle is made again.

        Raises:
            ConnectionClosedError: there is none; botocore tries again, as often as the client's configuration says.
        """
        from botocore.awsrequest import AWSResponse
        from botocore.exceptions import ConnectionClosedError

        try:
            answer = self._answer(request)
        except HttpError as error:
            raise ConnectionClosedError(endpoint_url=self._url, error=error) from error
        return AWSResponse(request.url, answer.status, answer.fields, _Body(bytes(answer.body)))  # type: ignore[arg-type]

    def _answer(self, request: "AWSPreparedRequest") -> Answer:
        where = urlsplit(request.url)
        target = f"{where.path or '/'}?{where.query}" if where.query else where.path or "/"
        asked = (request.method, target, _lines(request), _bytes(request.body))
        try:
            return self._connection.answer(*asked)
        except HttpError as error:
            if not error.unused:
                raise
        return self._connection.answer(*asked)


class _Body:
    """What botocore reads an answer's body from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        """All of it at once."""
        yield self._content


def _lines(request: "AWSPreparedRequest") -> str:
    """The header lines but for those that the connection writes itself."""
    fields = ((name, _text(value)) for name, value in request.headers.items())
    return "".join(f"{name}: {value}\r\n" for name, value in fields if name.lower() not in ("host", "content-length"))


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body or b"")
