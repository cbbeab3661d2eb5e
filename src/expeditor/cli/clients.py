"""The two things commands talk to: the node, by AWS's API, and the shop, by HTTP."""

import contextlib
import http.client
import os
import string
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from expeditor.cli.output import CommandError, ExitCode
from expeditor.settings import HOST, Settings, aws_environment

REQUEST_SECONDS_MAX = 30.0
_NOT_FOUND = ("NotFound", "DoesNotExist")
_CONFLICT = ("AlreadyExists", "Conflict", "InvalidToken")


def settings() -> Settings:
    """Settings of this process's environment."""
    return Settings.from_environment(os.environ)


def aws(service: str) -> Any:
    """A boto3 client of the node (``AWS_ENDPOINT_URL`` wins, so that the same commands work on AWS)."""
    import boto3
    from botocore.config import Config

    for name, value in aws_environment(settings().endpoint_url).items():
        os.environ.setdefault(name, value)
    return boto3.client(service, config=Config(retries={"total_max_attempts": 2}))  # type: ignore[call-overload]


@contextlib.contextmanager
def told_plainly() -> Iterator[None]:
    """Turns botocore's exceptions into one sentence with a next step.

    Raises:
        CommandError: with the exit code that fits.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        message = error.response["Error"].get("Message", str(error))
        exit_code = ExitCode.FAILED
        if any(word in code for word in _NOT_FOUND):
            exit_code = ExitCode.NOT_FOUND
        elif any(word in code for word in _CONFLICT):
            exit_code = ExitCode.CONFLICT
        raise CommandError(f"{code}: {message}", exit_code) from error
    except BotoCoreError as error:
        raise CommandError(f"{error}; is the node running? `expeditor up` starts it") from error


class HttpClient:
    """A kept connection to a JSON interface on this machine.

    Attributes:
        name: what stands behind it, for error sentences.
    """

    def __init__(self, name: str, port: int, prefix: str = "", headers: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._port = port
        self._prefix = prefix
        self._headers = headers or {}
        self._connection = http.client.HTTPConnection(HOST, port, timeout=REQUEST_SECONDS_MAX)

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """The decoded answer of GET; see ``request``."""
        return self.request("GET", f"{path}?{urllib.parse.urlencode(query)}" if query else path)

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Any:
        """The decoded answer of POST; see ``request``."""
        return self.request("POST", path, body, headers)

    def request(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """The decoded answer.

        Raises:
            CommandError: nobody answers, or the answer is a problem document, whose detail becomes the sentence.
        """
        status, answer = self.exchange(method, path, body, headers)
        if status < 400:
            return answer
        problem = answer if isinstance(answer, dict) else {}
        codes = {404: ExitCode.NOT_FOUND, 409: ExitCode.CONFLICT}
        words = problem.get("detail") or problem.get("title") or f"{self.name} answered {status}"
        where = f" (field {problem['field']})" if problem.get("field") else ""
        raise CommandError(f"{words}{where}", codes.get(status, ExitCode.FAILED))

    def exchange(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and decoded answer, whatever the status is.

        Raises:
            CommandError: nobody answers, or not in JSON, or the words given cannot be sent at all.
        """
        sent = {"Accept": "application/json", "Content-Type": "application/json", **self._headers, **(headers or {})}
        try:
            content = None if body is None else msgspec.json.encode(body)
            target = urllib.parse.quote(self._prefix + path, safe=string.punctuation)
            self._connection.request(method, target, content, sent)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            message = f"{self.name} does not answer at port {self._port} ({error}); `expeditor up` starts it"
            raise CommandError(message) from error
        except ValueError as error:
            self._connection.close()
            raise CommandError(f"{self.name} cannot be asked this ({error}); check the ids, keys and tokens") from error
        return response.status, self._decoded(text)

    def _decoded(self, text: bytes) -> Any:
        try:
            return msgspec.json.decode(text) if text else None
        except msgspec.DecodeError as error:
            message = f"who answers at port {self._port} is not {self.name}; set SHOP_PORT and NODE_PORT to the node's"
            raise CommandError(message) from error


def shop() -> HttpClient:
    """The order service."""
    return HttpClient("the shop", settings().shop_port)


def shop_operator() -> HttpClient:
    """What operators see of orders.

    Raises:
        CommandError: the token of this EXPEDITOR_HOME cannot be read.
    """
    path = settings().home / "secrets" / "operator.token"
    try:
        token = path.read_text()
    except OSError as error:
        message = f"cannot read {path} ({error.strerror}); set EXPEDITOR_HOME to the directory of the running node"
        raise CommandError(message) from error
    return HttpClient("the shop", settings().shop_port, "/operator/", {"Authorization": f"Bearer {token}"})


def operator() -> HttpClient:
    """What operators do and AWS's API has no call for."""
    return HttpClient("the node", settings().node_port, "/operator/")
