"""``expeditor function alias`` and ``expeditor function gc``, as typed."""

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from expeditor.cli import audit, function, function_gc
from expeditor.cli.clients import aws
from expeditor.errors import ExpeditorError
from expeditor.functions import FunctionCode
from expeditor.releases import Package
from expeditor.settings import aws_environment
from tests.serving import Endpoint

from .conftest import ROLE


class Shop(BaseHTTPRequestHandler):
    """Has an audit log with nothing in it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it overrides has
        """Says nothing."""


class Terminal:
    """Types commands about one function of its own."""

    def __init__(self, endpoint: Endpoint, folder: Path) -> None:
        self.client = endpoint.functions
        self.name = f"fn-{uuid.uuid4().hex[:12]}"
        (folder / "code").mkdir()
        (folder / "code" / "app.py").write_text("def handler(event, context): return {}")
        self.archive = Package(FunctionCode.from_directory(folder / "code")).archive

    def publish(self, count: int) -> None:
        configuration: Any = {"Runtime": "python3.11", "Role": ROLE, "Handler": "app.handler"}
        self.client.create_function(
            FunctionName=self.name, **configuration, Code={"ZipFile": self.archive}, Publish=True
        )
        for number in range(2, count + 1):
            variables = {"NUMBER": str(number)}
            self.client.update_function_configuration(FunctionName=self.name, Environment={"Variables": variables})
            self.client.publish_version(FunctionName=self.name)

    def __call__(self, line: str, *words: str) -> Any:
        """What a command prints as JSON."""
        result = self.run(line, *words, "-o", "json")
        assert result.exception is None, (result.stderr, result.exception)
        return json.loads(result.stdout) if result.stdout else None

    def run(self, line: str, *words: str) -> Result:
        noun, *rest = line.replace("NAME", self.name).split(" ")
        commands = {"function": function.command, "audit": audit.command}
        return CliRunner().invoke(commands[noun], [*rest, *words])


@pytest.fixture
def terminal(endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    shop = HTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=shop.serve_forever).start()
    (tmp_path / "home" / "secrets").mkdir(parents=True)
    (tmp_path / "home" / "secrets" / "operator.token").write_text("token")
    environment = {
        "EXPEDITOR_HOME": str(tmp_path / "home"),
        "EXPEDITOR_ACTOR": "tester",
        "SHOP_PORT": str(shop.server_address[1]),
        **aws_environment(endpoint.url),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield Terminal(endpoint, tmp_path)
    shop.shutdown()
    shop.server_close()


def test_an_alias_moves_with_weights_and_goes_back_move_by_move(terminal: Terminal) -> None:
    terminal.publish(3)
    terminal("function alias set NAME prod 1", "--reason", "first")
    terminal("function alias set NAME prod 1 --weight 2=10%", "--reason", "try")
    terminal("function alias set NAME prod 2", "--reason", "good", "--actor", "anna")

    history = terminal("function alias history NAME")
    assert [(row["before"], row["after"], row["reason"], row["by"]) for row in history] == [
        ("1, 10% 2", "2", "good", "anna"),
        ("1", "1, 10% 2", "try", "tester"),
        (None, "1", "first", "tester"),
    ]
    assert terminal("function alias undo NAME", "--reason", "bad")["after"] == "1, 10% 2"
    rows = {row["Version"]: row["Aliases"] for row in terminal("function versions NAME")}
    assert rows == {"$LATEST": "", "1": "prod", "2": "prod 10%", "3": ""}
    assert terminal("function alias undo NAME prod", "--reason", "worse")["after"] == "1"
    refused = terminal.run("function alias undo NAME", "--reason", "still")
    assert "nothing is known of where prod" in str(refused.exception)


def test_moves_of_other_tools_are_told_and_can_be_taken_back(terminal: Terminal) -> None:
    terminal.publish(2)
    terminal("function alias set NAME prod 1", "--reason", "first")
    terminal.client.update_alias(FunctionName=terminal.name, Name="prod", FunctionVersion="2")

    row = terminal("function alias history NAME prod")[0]
    assert (row["by"], row["at"], row["before"], row["after"]) == ("another tool", None, "1", "2")
    assert terminal("function alias undo NAME", "--reason", "not asked for")["after"] == "1"


def test_a_move_to_where_it_points_already_is_none(terminal: Terminal) -> None:
    terminal.publish(1)
    terminal("function alias set NAME prod 1", "--reason", "first")

    again = terminal.run("function alias set NAME prod 1", "--reason", "again")

    assert "nothing was moved" in again.stderr
    assert len(terminal("function alias history NAME")) == 1


@pytest.mark.parametrize("weight", ["2", "2=much", "2=1.5", "2=-10%", "=0.5"])
def test_shares_that_are_none_are_misuse(terminal: Terminal, weight: str) -> None:
    assert terminal.run("function alias set NAME prod 1", "--weight", weight, "--reason", "x").exit_code == 2


def test_what_was_done_is_in_the_audit_log(terminal: Terminal) -> None:
    terminal.publish(2)
    terminal("function alias set NAME prod 2", "--reason", "first")
    terminal("function gc NAME --keep 0 --yes", "--reason", "tidy")

    rows = terminal("audit list")

    assert [(row["action"], row["subject"], row["reason"], row["changed"]) for row in rows] == [
        ("gc", f"function/{terminal.name}", "tidy", "deleted: - → 1"),
        ("alias set", f"function/{terminal.name}:prod", "first", "version: - → 2"),
    ]
    assert len(terminal(f"audit list --subject function/{terminal.name}:prod")) == 1


def test_collecting_shows_first_and_deletes_only_when_told_to(terminal: Terminal) -> None:
    terminal.publish(5)

    shown = terminal("function gc NAME --dry-run")
    assert [(row["version"], row["result"]) for row in shown] == [
        ("5", "stays"),
        ("4", "stays"),
        ("3", "stays"),
        ("2", "would be deleted"),
        ("1", "would be deleted"),
    ]
    assert terminal.run("function gc NAME").exit_code == 2, "nobody can be asked"
    assert len(terminal("function versions NAME")) == 6
    done = terminal.run("function gc NAME --yes")
    assert "2 of 5 versions were deleted" in done.stderr
    assert done.stdout.splitlines()[1].split()[-4:] == ["one", "of", "the", "newest"]
    assert "0 of 3 versions can go" in terminal.run("function gc NAME --yes").stderr


def test_nothing_is_deleted_without_an_entry_in_the_audit_log(terminal: Terminal, tmp_path: Path) -> None:
    terminal.publish(3)
    (tmp_path / "home" / "functions.history.jsonl").symlink_to(tmp_path / "unmounted" / "log")

    result = terminal.run("function gc NAME --keep 0 --yes")

    assert isinstance(result.exception, OSError)
    assert len(terminal("function versions NAME")) == 4


def test_the_audit_log_tells_which_version_stayed_after_all(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.publish(2)
    client = function_gc.aws("lambda")

    def release(**_given: Any) -> None:
        terminal.client.create_alias(FunctionName=terminal.name, Name="v1", FunctionVersion="2")
        client.meta.events.unregister("before-call.lambda.DeleteFunction", release)

    client.meta.events.register("before-call.lambda.DeleteFunction", release)
    monkeypatch.setattr(function_gc, "aws", lambda service: client if service == "lambda" else aws(service))
    terminal("function gc NAME --keep 0 --yes", "--reason", "tidy")

    stayed, gone = sorted(terminal("audit list"), key=lambda row: row["changed"])
    assert (stayed["changed"], gone["changed"], gone["reason"]) == ("", "deleted: - → 2, 1", "tidy")
    assert stayed["reason"].startswith("not deleted: 2 (in use by now: ")


def test_collecting_an_unknown_function_is_refused(terminal: Terminal) -> None:
    error = terminal.run("function gc NAME --dry-run").exception

    assert isinstance(error, ExpeditorError)
    assert "Function not found" in str(error)


def test_libraries_that_are_other_here_are_named(terminal: Terminal) -> None:
    terminal.publish(1)
    variables = {"EXPEDITOR_DEPENDENCIES": "boto3==0.1 python==3"}
    terminal.client.update_function_configuration(FunctionName=terminal.name, Environment={"Variables": variables})

    row = terminal("function versions NAME")[0]

    assert set(row["ChangedLibraries"]) == {"boto3", "python"}
    assert row["Libraries"].startswith("2 recorded, other here: boto3 0.1 -> ")
