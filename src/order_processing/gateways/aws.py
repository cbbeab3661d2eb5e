"""boto3's clients for calls that are made for every order.

On AWS a call takes milliseconds on the wire. On a node it takes less than botocore needs to prepare, sign and send the
request, so there a connection of our own makes the call; what it asks and what is made of the answer stay botocore's.
"""

import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from order_processing.clock import SystemClock
from order_processing.gateways.aws_signature import Keys, Signer
from order_processing.gateways.http_client import HttpConnections, HttpError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.config import Config
    from botocore.model import OperationModel

USER_AGENT = "expeditor"
"""botocore's own tells more, and is put together anew for each call: a tenth of its time."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ANSWER_SECONDS_MAX = 10.0
_OK = 200


def aws_client(service: str, config: "Config | None" = None) -> Any:
    """boto3's client of *service*, such as ``stepfunctions``; its connections end with it.

    A call to this machine that fails is made once more by botocore itself, which then does all it knows of errors and
    retries, unless *config* allows no more than one attempt.

    Raises:
        BotoCoreError: region or credentials are missing.
    """
    # boto3 costs tens of megabytes and a third of a second: only those who ask pay.
    import boto3
    from botocore.config import Config

    known = Config(user_agent=USER_AGENT)
    client = boto3.client(service, config=known if config is None else known.merge(config))  # type: ignore[call-overload]
    assert boto3.DEFAULT_SESSION is not None
    credentials = boto3.DEFAULT_SESSION.get_credentials()
    if is_near(client.meta.endpoint_url) and credentials is not None:
        near = _Near(client, credentials)
        client.meta.events.register("before-call", near.call)
        weakref.finalize(client, near.close)
    return client


def is_near(url: str) -> bool:
    """Whether *url* is a plain address of this machine."""
    where = urlsplit(url)
    return where.scheme == "http" and where.hostname in LOOPBACK


class _Near:
    """Makes calls to a server on this machine.

    Source: botocore, event ``before-call``, whose handlers may answer a call in its place.
    """

    def __init__(self, client: Any, credentials: Any) -> None:
        from botocore.parsers import create_parser

        meta = client.meta
        self._host = urlsplit(meta.endpoint_url).netloc.rpartition("@")[2]
        self._url = f"http://{self._host}/"
        self._connections = HttpConnections(self._url, ANSWER_SECONDS_MAX)
        self._signer = Signer(meta.service_model.signing_name, meta.region_name)
        self._credentials = credentials
        self._clock = SystemClock()
        self._parser = create_parser(meta.service_model.resolved_protocol)
        self._is_only_try = (meta.config.retries or {}).get("total_max_attempts") == 1

    def close(self) -> None:
        """Hangs up."""
        self._connections.close()

    def call(
        self, model: "OperationModel", params: Mapping[str, Any], **_: Any
    ) -> "tuple[AWSResponse, dict[str, Any]] | None":
        """The answer, and what botocore makes of it; None leaves the call to botocore, as if nothing had been sent.

        Args:
            params: the request as botocore's serializer made it.

        Raises:
            ConnectionClosedError: there is no answer, and no second try.
        """
        from botocore.awsrequest import AWSResponse
        from botocore.endpoint import convert_to_response_dict
        from botocore.exceptions import ConnectionClosedError

        body = _bytes(params["body"])
        if body is None or params["method"] != "POST" or params["url"] != self._url:
            return None
        try:
            answer = self._connections.answer("POST", "/", self._lines(params["headers"], body), body)
        except HttpError as error:
            if self._is_only_try:
                raise ConnectionClosedError(endpoint_url=self._url, error=error) from error
            return None
        if answer.status != _OK and not self._is_only_try:
            return None
        response = AWSResponse(self._url, answer.status, answer.fields, _Body(bytes(answer.body)))  # type: ignore[arg-type]
        parsed = self._parser.parse(convert_to_response_dict(response, model), model.output_shape)  # type: ignore[arg-type]
        return response, parsed

    def _lines(self, headers: Mapping[str, str], body: bytes) -> str:
        """The header lines but for those that the connection writes itself."""
        frozen = self._credentials.get_frozen_credentials()
        keys = Keys(frozen.access_key, frozen.secret_key, frozen.token)
        signed = self._signer.headers(keys, self._clock.now(), {**headers, "Host": self._host}, body)
        return "".join(f"{name}: {value}\r\n" for name, value in signed.items() if name != "Host")


class _Body:
    """What botocore reads an answer's body from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        """All of it at once."""
        yield self._content


def _bytes(body: Any) -> bytes | None:
    """A body of JSON, or of form fields; None for one that is a stream."""
    if isinstance(body, dict):
        return urlencode(body, doseq=True).encode()
    if isinstance(body, str):
        return body.encode()
    return body if isinstance(body, bytes) else None
