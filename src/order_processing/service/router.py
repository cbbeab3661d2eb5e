"""Which handler answers which path and method."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from order_processing.service.http import Receive, Reply, Scope, Send, header
from order_processing.service.problems import FieldError, Problem, ProblemError

QUERY_FIELDS_MAX = 20
_SEGMENT = r"[^/\x00-\x1f\x7f]+"
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(slots=True)
class Request:
    """One request on its way.

    Attributes:
        parameters: what the path says, such as ``order_id``.
        started: whether a handler has begun to answer by itself.
    """

    scope: Scope
    receive: Receive
    send: Send
    parameters: Mapping[str, str] = field(default_factory=dict)
    started: bool = False

    def query(self, allowed: Sequence[str], *, ignores_others: bool = False) -> dict[str, str]:
        """The query's fields.

        Args:
            ignores_others: for pages, as mails and campaigns add fields of their own to links.

        Raises:
            ProblemError: one is not *allowed*, stands twice, or cannot be read.
        """
        try:
            text = self.scope["query_string"].decode("ascii")
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX, errors="strict")
        except ValueError:
            raise ProblemError(Problem.BAD_REQUEST, "the query cannot be read; percent-encode it as UTF-8") from None
        if ignores_others:
            pairs = [pair for pair in pairs if pair[0] in allowed]
        found = dict(pairs)
        wrong = [name for name in found if name not in allowed]
        if wrong or len(found) != len(pairs):
            detail = f"the query may have each of these once: {', '.join(allowed) or 'nothing'}"
            raise ProblemError(
                Problem.BAD_REQUEST, detail, errors=[FieldError(name[:100], "is not known") for name in wrong]
            )
        return found

    def wants_page(self) -> bool:
        """Whether the client would rather have HTML than data; programs that name neither get data."""
        accept = header(self.scope, b"accept")
        if b"text/html" not in accept:
            return False
        return _quality(accept, b"text/html") > _quality(accept, b"application/json")


Handler = Callable[[Request], Awaitable[Reply | None]]
"""Gives the answer, or None after it has answered by itself."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method at a path such as ``/orders/{order_id}``; a parameter is one segment."""

    method: str
    path: str
    handler: Handler


class Router:
    """Finds handlers; GET also answers HEAD."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[str, dict[str, Handler]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, Handler]]] = {}
        for route in routes:
            self._methods_at(route.path)[route.method] = route.handler

    async def answer(self, request: Request) -> Reply | None:
        """Runs the handler.

        Raises:
            ProblemError: there is none, or it refused.
        """
        path: str = request.scope["path"]
        methods = self._exact.get(path)
        if methods is None:
            methods, request.parameters = self._match(path)
        method: str = request.scope["method"]
        handler = methods.get("GET" if method == "HEAD" else method)
        if handler is None:
            raise _not_allowed(method, path, methods)
        return await handler(request)

    def _match(self, path: str) -> tuple[dict[str, Handler], Mapping[str, str]]:
        for pattern, methods in self._patterns.values():
            found = pattern.fullmatch(path)
            if found is not None:
                return methods, found.groupdict()
        raise ProblemError(Problem.NOT_FOUND, "there is nothing at this path; /docs lists what there is")

    def _methods_at(self, path: str) -> dict[str, Handler]:
        if "{" not in path:
            return self._exact.setdefault(path, {})
        text = _PARAMETER.sub(lambda found: f"(?P<{found[1]}>{_SEGMENT})", path.replace(".", r"\."))
        return self._patterns.setdefault(path, (re.compile(text), {}))[1]


def _not_allowed(method: str, path: str, methods: Mapping[str, Handler]) -> ProblemError:
    allowed = sorted({*methods, *({"HEAD"} if "GET" in methods else ())})
    detail = f"{method} is not possible at {path}; {', '.join(allowed)} is"
    return ProblemError(Problem.METHOD_NOT_ALLOWED, detail, headers=((b"allow", ", ".join(allowed).encode()),))


def _quality(accept: bytes, wanted: bytes) -> float:
    """The weight that an Accept header gives to one media type named in it; 0 when it does not name it."""
    for part in accept.split(b","):
        media_type, *parameters = (each.strip() for each in part.split(b";"))
        if media_type.lower() == wanted:
            weights = [each[2:] for each in parameters if each.lower().startswith(b"q=")]
            return _number(weights[0]) if weights else 1.0
    return 0.0


def _number(text: bytes) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
