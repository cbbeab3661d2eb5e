"""An ASGI application asked in this process, without a socket."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What an application answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Asking:
    """Sends requests to *app*; the body arrives in the parts given."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def get(self, target: str, **headers: str) -> Answer:
        return await self.ask("GET", target, headers=headers)

    async def post(self, target: str, body: Any, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.ask("POST", target, content, headers={"content_type": "application/json", **headers})

    async def ask(self, method: str, target: str, *parts: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Header names are written with underscores; ``host`` is the shop's unless given."""
        given = {"host": "127.0.0.1:8080", **(headers or {})}
        fields = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in given.items()]
        return await self.ask_raw(method, target, parts, fields)

    async def ask_raw(
        self, method: str, target: str, parts: tuple[bytes, ...], headers: list[tuple[bytes, bytes]]
    ) -> Answer:
        url = urlsplit(target)
        scope = {
            "type": "http",
            "method": method,
            "path": url.path,
            "query_string": url.query.encode(),
            "headers": headers,
        }
        left = list(parts) or [b""]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not left:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, body)
