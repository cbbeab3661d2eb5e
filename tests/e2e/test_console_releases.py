"""The console's pages of releases on a real node: who gets what, what differs, and moves made by forms."""

import html
import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from .releasing import MORE_BLOCKED, application, waiting
from .running import Answer, RunningNode, running_node

pytestmark = pytest.mark.e2e

V10, V11 = "order-processing-v1.0.0", "order-processing-v1.1.0"
HELLO = Path(__file__).parents[2] / "docs" / "examples" / "hello" / "template.yaml"
SHIFT = f"{V11}/shift?to=25"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A node with two releases."""
    folder = tmp_path_factory.mktemp("console")
    with running_node(folder / "home") as started:
        template = waiting(application(folder / "next", MORE_BLOCKED), 1, "lingers")
        made = started.command("release", "create", "--template", str(template), "--version", "v1.1.0")
        assert made.returncode == 0, made.stderr
        yield started


@pytest.fixture
def console(node: RunningNode) -> Iterator["Console"]:
    """The console, with all orders on v1.0.0 before and after."""
    yield Console(node)
    node.command("release", "promote", "v1.0.0", "--reason", "the next test")


class Inputs(HTMLParser):
    """The fields of the form that acts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._is_inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._is_inside = given.get("method") == "post" if tag == "form" else self._is_inside
        if self._is_inside and tag == "input":
            self.values[str(given["name"])] = given.get("value") or ""


@dataclass
class Console:
    """A browser without script."""

    node: RunningNode

    def get(self, path: str) -> str:
        answer = self.ask("GET", path)
        assert answer.status == 200, (path, answer)
        return text_of(answer)

    def shown(self, path: str) -> dict[str, str]:
        """Fields of the form on the page that says what an act would do."""
        return Inputs(self.get(path)).values

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin", **headers}
        return self.ask("POST", path, urlencode(fields).encode(), sent)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        return self.node.request(method, f"/console/releases{path}", body, headers, self.node.node_port)

    def moved(self, path: str, reason: str) -> str:
        """The page after a form was sent."""
        answer = self.post(path, self.shown(path) | {"actor": "anna", "reason": reason})
        assert answer.status == 303, text_of(answer)
        return self.get(answer.headers["location"].removeprefix("/console/releases"))

    def history(self) -> list[dict[str, object]]:
        """Moves as the command line lists them, newest first."""
        found: list[dict[str, object]] = json.loads(self.node.command("experiment", "history", "-o", "json").stdout)
        return found


def text_of(answer: Answer) -> str:
    return answer.body.decode() if isinstance(answer.body, bytes) else str(answer.body)


def words(page: str) -> str:
    """A page as it is read."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_the_list_tells_who_gets_what_since_when_and_by_whom(console: Console) -> None:
    console.node.command("release", "shift", "v1.1.0", "--to", "100%", "--segment", "employees", "--reason", "try it")
    page = words(console.get(""))

    assert f"{V11} 100 %" in page, "the bar of employees"
    assert "★ stable" in page
    assert "100 % of employees" in page
    assert "try it" in page
    assert "pipeline ✓ on stable: legacy" in page


def test_a_kill_switch_is_said_on_top(console: Console) -> None:
    console.node.command("experiment", "stop", "pipeline", "--reason", "drill")
    page = words(console.get(""))
    console.node.command("experiment", "start", "pipeline")

    assert page.index("The experiment pipeline is switched off") < page.index("Who gets what")


def test_a_release_tells_what_it_is_and_how_it_does(console: Console) -> None:
    order = console.node.order(console.node.unit()).body["order_id"]
    console.node.rested(order)
    page = words(console.get(f"/{V11}?period=day"))

    assert "fraud-scan 2" in page
    assert "no data" in page
    assert "of 1 orders" in page
    assert f"{V10} · what it changes" in page
    assert console.ask("GET", "/v1.1.0").headers["location"] == f"/console/releases/{V11}"
    assert console.ask("GET", "/v9.9.9").status == 404


def test_two_releases_are_compared_in_words_and_pictures(console: Console) -> None:
    page = console.get(f"/compare?before={V10}&after={V11}")

    assert "Linger + new" in words(page)
    assert page.count("<svg") == 2
    assert 'class="state wait added"' in page
    assert "fraud-scan" in page
    assert console.ask("GET", "/compare").status == 302


def test_a_shift_is_shown_done_and_kept_with_who_and_why(console: Console) -> None:
    before = console.history()
    page = words(console.get(f"/{SHIFT}"))
    assert f"{V10}: 100 % → 75 % of new orders of everyone." in page
    assert console.history() == before, "showing it does nothing"

    done = words(console.moved(f"/{SHIFT}", "looks good"))

    assert f"Done: shift {V11} to 25 % of everyone" in done
    latest = console.history()[0]
    assert (latest["by"], latest["reason"]) == ("anna", "looks good")
    listed = {row["release"]: row for row in json.loads(console.node.command("release", "list", "-o", "json").stdout)}
    assert listed[V11]["share"] == "25%"


def test_a_promotion_is_undone_by_a_form(console: Console) -> None:
    assert f"{V11} becomes the stable release" in words(console.get(f"/{V11}/promote"))
    promoted = words(console.moved(f"/{V11}/promote", "all of them"))
    assert f"Done: promote {V11}" in promoted
    assert "it is the stable release and has all orders already" in words(console.get(f"/{V11}"))

    undone = words(console.moved("/undo", "a mistake"))

    assert f"Done: undo: promote {V11}" in undone
    assert "↶ undone by" in undone


def test_a_move_that_somebody_else_overtook_is_refused_with_what_they_did(console: Console) -> None:
    fields = console.shown(f"/{SHIFT}") | {"actor": "anna", "reason": "mine"}
    console.node.command("release", "shift", "v1.1.0", "--to", "5%", "--reason", "theirs")

    answer = console.post(f"/{SHIFT}", fields)

    page = words(text_of(answer))
    assert answer.status == 409
    assert f"shift {V11} to 5 % of everyone (theirs)" in page
    assert f"{V10}: 95 % → 75 %" in page, "what it would do now"
    assert Inputs(text_of(answer)).values["reason"] == "mine", "nothing has to be typed again"
    assert console.history()[0]["reason"] == "theirs"


@pytest.mark.parametrize(
    ("changed", "headers", "status"),
    [
        ({"reason": "  "}, {}, 400),
        ({"actor": ""}, {}, 400),
        ({"token": "guessed"}, {}, 403),
        ({}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ({}, {"Origin": "http://evil.example"}, 403),
        ({}, {"Host": "evil.example"}, 400),
        ({"revision": ""}, {}, 400),
    ],
)
def test_forms_that_are_foreign_or_not_filled_move_nothing(
    console: Console, changed: dict[str, str], headers: dict[str, str], status: int
) -> None:
    before = console.history()
    fields = console.shown(f"/{SHIFT}") | {"actor": "anna", "reason": "mine"} | changed

    assert console.post(f"/{SHIFT}", fields, **headers).status == status
    assert console.history() == before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/{V11}/shift?to=101", 400),
        (f"/{V11}/shift?to=ten", 400),
        (f"/{V11}/shift?to=10&segment=nobody", 409),
        (f"/{V10}/shift?to=50", 409),
        (f"/{V11}/delete", 404),
        ("/v9.9.9/promote", 404),
    ],
)
def test_what_cannot_be_done_says_so_before_it_is_asked_for(console: Console, path: str, status: int) -> None:
    answer = console.ask("GET", path)

    assert answer.status == status, text_of(answer)
    assert "<button" not in text_of(answer)


def test_what_is_broken_is_on_top_and_a_page_without_a_shop_is_still_a_page(tmp_path: Path) -> None:
    with running_node(tmp_path / "home", HELLO) as node:
        console = Console(node)
        assert "no two releases" in text_of(console.ask("GET", "/compare"))
        made = node.command("release", "create", "--template", str(HELLO), "--version", "v1.1.0")
        assert made.returncode == 0, made.stderr
        silent = words(console.get("/hello-v1.1.0"))
        machine = "arn:aws:states:us-east-1:000000000000:stateMachine:hello-v1.1.0"
        edited = {"stateMachineArn": machine, "definition": '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'}
        target = {"X-Amz-Target": "AWSStepFunctions.UpdateStateMachine", "Content-Type": "application/x-amz-json-1.0"}
        assert node.request("POST", "/", edited, target, node.node_port).status == 200
        listed, refused = words(console.get("")), text_of(console.ask("GET", "/hello-v1.1.0/promote"))
        (tmp_path / "home" / "experiments.json").unlink()
        unweighed, unmovable = words(console.get("")), console.ask("GET", "/hello-v1.1.0/promote")

    assert "the shop at port" in silent
    assert "does not answer" in silent
    assert listed.index("hello-v1.1.0 is not what was released") < listed.index("Who gets what")
    assert "somebody edited the state machine" in refused
    assert "<button" not in refused
    assert "Nobody can be moved" in unweighed
    assert "hello-v1.0.0" in unweighed
    assert unmovable.status == 409


def test_an_open_page_hears_of_a_move_made_elsewhere(console: Console) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", console.node.node_port, timeout=20)
    connection.request("GET", "/console/events?flags=1")
    stream = connection.getresponse()
    assert stream.readline() == b"retry: 1000\n"

    console.node.command("release", "shift", "v1.1.0", "--to", "7%", "--reason", "elsewhere")

    assert any(line == b"data: changed\n" for line in stream)
    connection.close()
