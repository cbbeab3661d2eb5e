"""``expeditor release`` and ``expeditor experiment``, as typed."""

import json
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from expeditor.cli import experiment, release
from expeditor.cli.output import CommandError
from expeditor.cli.releasing import prepare_flags, wanted_release
from expeditor.cli.up import own_application
from expeditor.errors import ExpeditorError
from expeditor.releases import Catalogue, FlagsChangedError, Round
from expeditor.rollout import Hold, Observed, Plan, ReleaseName, Rollout
from expeditor.settings import Settings, aws_environment
from tests.serving import Endpoint

TEMPLATE = """
Resources:
  Scan:
    Type: AWS::Serverless::Function
    Metadata: {Expeditor: {DryRun: true}}
    Properties: {FunctionName: MACHINE-scan, Handler: shop.handler, CodeUri: code}
  Nightly:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: MACHINE-nightly, Handler: shop.handler, CodeUri: code}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: MACHINE-v1.0.0
      DefinitionUri: shop.asl.json
      DefinitionSubstitutions: {Scan: !Ref Scan.Version}
"""
DEFINITION = '{"StartAt": "Scan", "States": {"Scan": {"Type": "Task", "Resource": "${Scan}", "End": true}}}'


class Terminal:
    """Runs commands on a home of its own, against the endpoint."""

    def __init__(self, folder: Path, machine: str) -> None:
        self.machine = machine
        self.template = folder / "template.yaml"
        self.template.write_text(TEMPLATE.replace("MACHINE", machine))
        (folder / "shop.asl.json").write_text(DEFINITION)
        (folder / "code").mkdir()
        (folder / "code" / "shop.py").write_text("def handler(event, context): return {}")

    def __call__(self, line: str) -> Any:
        """What a command prints as JSON."""
        result = self.run(f"{line} -o json")
        assert result.exception is None, (result.stderr, result.exception)
        return json.loads(result.stdout)

    def refused(self, line: str) -> str:
        """The sentence a command ends with."""
        error = self.run(line).exception
        assert isinstance(error, ExpeditorError), error
        return str(error)

    def run(self, line: str) -> Result:
        noun, *words = line.replace("TEMPLATE", str(self.template)).split(" ")
        commands: dict[str, click.Command] = {"release": release.command, "experiment": experiment.command}
        return CliRunner().invoke(commands[noun], words)


@pytest.fixture
def terminal(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Terminal:
    monkeypatch.setenv("EXPEDITOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EXPEDITOR_ACTOR", "tester")
    for name, value in aws_environment(endpoint.url).items():
        monkeypatch.setenv(name, value)
    made = Terminal(tmp_path, f"cli-{abs(hash(request.node.name))}")
    prepare_flags(made.template, Settings.from_environment({"EXPEDITOR_HOME": str(tmp_path / "home")}))
    made("release create --template TEMPLATE")
    return made


def test_releases_are_made_shown_and_compared(terminal: Terminal) -> None:
    name = f"{terminal.machine}-v1.1.0"
    (terminal.template.parent / "code" / "shop.py").write_text("def handler(event, context): return 5")

    made = terminal("release create --template TEMPLATE --version v1.1.0")

    assert (made["release"], made["by"], made["intact"]) == (name, "tester", "yes")
    assert list(made["functions"]) == [f"{terminal.machine}-scan"], "the nightly job is no part of it"
    assert made["dry_run"] == f"{terminal.machine}-scan"
    assert terminal(f"release show {name}")["digest"] == made["digest"]
    (difference,) = terminal(f"release diff {terminal.machine}-v1.0.0 {name}")
    assert difference["difference"].startswith(f"function {terminal.machine}-scan: code ")
    assert made["dependencies"] == {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    assert (made["libraries"], made["changed_libraries"]) == ("1 recorded", {})
    assert "functions" not in terminal.run(f"release show {name}").stdout
    refusal = terminal.refused("release create --template TEMPLATE")
    assert "raise the version" in refusal


def test_shares_move_and_come_back_with_a_trace_of_who_and_why(terminal: Terminal) -> None:
    old, new = f"{terminal.machine}-v1.0.0", f"{terminal.machine}-v1.1.0"
    terminal("release create --template TEMPLATE --version v1.1.0")

    assert terminal(f"release shift {new} --to 100% --segment employees")["employees"] == {old: "0%", new: "100%"}
    assert terminal(f"release shift {new} --to 2.5% --reason careful")["everyone"] == {old: "97.5%", new: "2.5%"}
    listed = {row["release"]: row for row in terminal("release list")}
    assert (listed[new]["share"], listed[new]["segments"], listed[old]["stable"]) == (
        "2.5%",
        "employees 100%",
        "stable",
    )
    assert terminal(f"release promote {new}")["stable"] == new
    assert terminal("release undo")["action"] == f"undo: promote {new}"
    history = terminal("experiment history")
    assert [(each["by"], each["reason"]) for each in history[:3]] == [
        ("tester", None),
        ("tester", None),
        ("tester", "careful"),
    ]
    assert terminal.refused("release shift nothing-v9.9.9 --to 5%").startswith("there is no release nothing-v9.9.9")


@pytest.mark.parametrize("share", ["120%", "-1%", "ten", "5.123%"])
def test_shares_that_are_none_are_misuse(terminal: Terminal, share: str) -> None:
    assert terminal.run(f"release shift {terminal.machine}-v1.0.0 --to {share}").exit_code == 2


def test_the_pipeline_is_weighed_targeted_scheduled_and_switched_off(terminal: Terminal) -> None:
    terminal("experiment set-weight pipeline instant=90 legacy=10")
    terminal("experiment set-weight pipeline legacy=1 --segment city=Boston")
    terminal(
        "experiment set-weight pipeline legacy=1 --from 2026-11-27T12:00:00+00:00 --until 2026-11-27T13:00:00+00:00"
    )

    rules = terminal("experiment get pipeline")
    assert [(rule["rule"], rule["weights"]) for rule in rules] == [
        ("everyone", "legacy=100%"),
        ("city=Boston", "legacy=100%"),
        ("everyone", "legacy=10% instant=90%"),
    ]
    assert rules[0]["from_at"].startswith("2026-11-27T12:00:00")
    terminal("experiment untarget pipeline city=Boston")
    assert len(terminal("experiment get pipeline")) == 2
    assert terminal("experiment stop pipeline --reason drill")["state"] == "off: everyone gets legacy"
    assert terminal("experiment list")[0]["state"] == "off"
    assert terminal("experiment start pipeline")["state"] == "on"
    assert terminal("experiment undo")["action"] == "undo: pipeline on"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("experiment get colour", "there are pipeline, release"),
        ("experiment set-weight pipeline teleport=5", "has no variant 'teleport'"),
        ("experiment set-weight pipeline instant=much", "'much' is no weight"),
        ("experiment set-weight pipeline instant=0", "one of them above 0"),
        ("experiment set-weight pipeline instant=1 --segment staff", "is no segment"),
        ("experiment untarget pipeline employees", "has no rule for employees"),
        ("experiment init shop-v1.0.0", "there are flags already"),
        ("experiment undo", "nothing is left to undo"),
        ("experiment explain nobody", "operator.token cannot be read"),
        ("release redrive nobody --onto v0.0.0", "no release has an execution named 'nobody'"),
        ("release show v0.0.0", "there is no release v0.0.0"),
        ("release create --template TEMPLATE --parameter x", "write NAME=VALUE"),
    ],
)
def test_refusals_say_what_to_do(terminal: Terminal, line: str, words: str) -> None:
    assert words in terminal.refused(line)


def test_a_replay_of_nothing_differs_in_nothing(terminal: Terminal) -> None:
    assert terminal(f"release replay {terminal.machine}-v1.0.0 --last 5") == []
    assert "pins no function other" in terminal.refused(f"release replay {terminal.machine}-v1.0.0 --call other")


def test_a_failed_order_goes_on_where_it_is_mended(terminal: Terminal, endpoint: Endpoint) -> None:
    mended = terminal.template.parent / "code" / "shop.py"
    mended.write_text("def handler(event, context): raise RuntimeError('no')")
    terminal("release create --template TEMPLATE --version v1.1.0")
    broken = Catalogue(endpoint.stepfunctions, endpoint.functions).arns()[ReleaseName(terminal.machine, "1.1.0")]
    endpoint.stepfunctions.start_execution(stateMachineArn=broken, name="order-1", input="{}")
    failed = broken.replace(":stateMachine:", ":execution:") + ":order-1"
    while endpoint.stepfunctions.describe_execution(executionArn=failed)["status"] == "RUNNING":
        pass
    mended.write_text("def handler(event, context): return {}")
    terminal("release create --template TEMPLATE --version v1.1.1")

    done = terminal(f"release redrive order-1 --onto {terminal.machine}-v1.1.1")

    assert (done["machine"], done["state"], done["kept"]) == (f"{terminal.machine}-v1.1.1-from-Scan", "Scan", None)


def test_the_template_is_read_for_aws_without_what_only_aws_has(terminal: Terminal) -> None:
    wanted = wanted_release(own_application(), "v2.0.0", {"ExpeditorHome": ""}, deployed=True)

    assert str(wanted.name) == "order-processing-v2.0.0"
    assert {function.package for function in wanted.functions} == {None}
    assert "${" not in wanted.define(
        {
            f"{each.logical_id}.Version": f"arn:aws:lambda:eu-west-1:123456789012:function:{each.pin.name}:7"
            for each in wanted.functions
        }
    )


def a_look(done: bool) -> Round:
    plan = Plan("shop-v1.1.0", "shop-v1.0.0", (500,), 60)
    return Round(Rollout(plan, 500, 0.0), Observed(), Hold("so far"), done)


def test_a_rollout_goes_on_looking_while_somebody_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    looks = iter([ConnectionError("refused"), a_look(False), FlagsChangedError(1, 2), a_look(True)])

    def look() -> Round:
        each = next(looks)
        if isinstance(each, ConnectionError):
            raise CommandError("the shop does not answer") from each
        if isinstance(each, FlagsChangedError):
            raise each
        return each

    assert release.look_until_done(look, 0.0, once=False).done
    assert capsys.readouterr().err.splitlines()[:2] == ["hold: the shop does not answer", "hold at 5 %: so far"]


def test_a_rollout_that_cannot_be_judged_ends_with_the_reason() -> None:
    def look() -> Round:
        raise CommandError("the token is wrong")

    with pytest.raises(CommandError, match="the token is wrong"):
        release.look_until_done(look, 0.0, once=False)
