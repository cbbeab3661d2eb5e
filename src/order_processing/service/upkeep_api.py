"""Routes that know no order: health, figures, the API's description, static files."""

from importlib import resources
from typing import Any

import msgspec

from order_processing.service.http import JSON, Reply
from order_processing.service.metrics import Metrics
from order_processing.service.pages import Pages
from order_processing.service.problems import Problem, ProblemError
from order_processing.service.router import Request
from order_processing.stores import OrderStore

NOBODY = "nobody"
_EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"


class UpkeepApi:
    """Handlers for looking after the service."""

    def __init__(self, store: OrderStore, pages: Pages, metrics: Metrics) -> None:
        self._store = store
        self._pages = pages
        self._metrics = metrics
        self._openapi = resources.files("order_processing.service").joinpath("openapi.json").read_bytes()

    async def health(self, _: Request) -> Reply:
        """``GET /healthz``: 200 when the store can be read."""
        self._store.order(NOBODY)
        return Reply(200, b'{"status":"ok"}')

    async def metrics(self, _: Request) -> Reply:
        """``GET /metrics``."""
        return Reply(200, self._metrics.scrape(), _EXPOSITION)

    async def openapi(self, _: Request) -> Reply:
        """``GET /openapi.json``."""
        return Reply(200, self._openapi, JSON)

    async def docs(self, _: Request) -> Reply:
        """``GET /docs``."""
        api: Any = msgspec.json.decode(self._openapi)
        return self._pages.docs(api)

    async def static(self, request: Request) -> Reply:
        """``GET /static/{name}``."""
        file = self._pages.static.get(request.parameters["name"])
        if file is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no such file")
        return file.reply
