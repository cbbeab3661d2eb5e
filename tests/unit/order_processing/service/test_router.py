"""Paths, methods, queries and what a client would rather have."""

import pytest

from order_processing.service.http import Reply
from order_processing.service.problems import ProblemError
from order_processing.service.router import Request, Route, Router

pytestmark = pytest.mark.anyio


def request(target: str, method: str = "GET", accept: str = "") -> Request:
    path, _, query = target.partition("?")
    headers = [(b"accept", accept.encode())]
    scope = {"method": method, "path": path, "query_string": query.encode(), "headers": headers}

    async def unused(*_: object) -> dict[str, object]:
        raise AssertionError("nothing is read or sent")

    return Request(scope, unused, unused)  # type: ignore[arg-type]


async def shows_parameters(asked: Request) -> Reply:
    return Reply(200, ",".join(f"{name}={value}" for name, value in asked.parameters.items()).encode())


ROUTER = Router(
    [
        Route("GET", "/a", shows_parameters),
        Route("POST", "/a", shows_parameters),
        Route("GET", "/a/{one}", shows_parameters),
        Route("GET", "/a/{one}/b/{two}.svg", shows_parameters),
    ]
)


@pytest.mark.parametrize(
    ("target", "parameters"),
    [("/a", b""), ("/a/x", b"one=x"), ("/a/x/b/7.svg", b"one=x,two=7"), ("/a/x?y=/a", b"one=x"), ("/a/%", b"one=%")],
)
async def test_a_path_finds_its_handler(target: str, parameters: bytes) -> None:
    reply = await ROUTER.answer(request(target))

    assert reply is not None
    assert reply.body == parameters


@pytest.mark.parametrize("target", ["/", "/A", "/a/", "/a/x/", "/a/x/b/7xsvg", "/a/x\n", "//a", ""])
async def test_other_paths_find_none(target: str) -> None:
    with pytest.raises(ProblemError) as caught:
        await ROUTER.answer(request(target))

    assert caught.value.problem.status == 404


async def test_a_wrong_method_names_the_right_ones() -> None:
    with pytest.raises(ProblemError) as caught:
        await ROUTER.answer(request("/a", "DELETE"))

    assert caught.value.headers == ((b"allow", b"GET, HEAD, POST"),)


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("", False),
        ("*/*", False),
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/json, text/html", False),
        ("application/json;q=0.5, text/html", True),
        ("text/html;q=0", False),
        ("text/html;q=broken", False),
        ("TEXT/HTML", False),
    ],
)
def test_who_gets_a_page(accept: str, page: bool) -> None:
    assert request("/", accept=accept).wants_page() is page


def test_a_query_is_read_strictly() -> None:
    assert request("/?a=1&b=%C3%BC").query(("a", "b")) == {"a": "1", "b": "ü"}
    for broken in ("a=1&a=2", "c=1", "a=%ff", "&".join(f"a{number}=" for number in range(50)), "a=\xff"):
        with pytest.raises(ProblemError):
            request(f"/?{broken}").query(("a", "b"))
