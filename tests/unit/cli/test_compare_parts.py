"""The parts of ``expeditor compare``: who buys when, a clock that jumps, a figure that tells both pipelines apart."""

import random
from xml.etree import ElementTree

from expeditor.asl import compile_definition
from expeditor.cli.compare_day import DAY_SECONDS, NOON_SECONDS, Durations, buyers_of_a_day
from expeditor.cli.compare_figure import quantile, shown, svg_of, text_of
from expeditor.cli.rehearsing import Agenda, Done, Executions, Failed, Reply
from expeditor.payloads import JSONValue

ARN = "arn:aws:lambda:us-east-1:000000000000:function:greet:1"
MACHINE = compile_definition(
    f"""{{"StartAt": "Greet", "States": {{
        "Greet": {{"Type": "Task", "Resource": "{ARN}", "Retry": [
            {{"ErrorEquals": ["Busy"], "IntervalSeconds": 60, "MaxAttempts": 1}}], "Next": "Ask"}},
        "Ask": {{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {{"FunctionName": "{ARN}", "Payload": {{"token.$": "$$.Task.Token"}}}}, "End": true}}}}}}"""
)


def test_the_same_seed_gives_the_same_day_with_its_noon() -> None:
    buyers = buyers_of_a_day(1_000, 0.0, seed=7)

    assert buyers == buyers_of_a_day(1_000, 0.0, seed=7)
    assert buyers != buyers_of_a_day(1_000, 0.0, seed=8)
    assert all(0 <= buyer.at <= DAY_SECONDS for buyer in buyers)
    at_noon = sum(NOON_SECONDS <= buyer.at < NOON_SECONDS + 600 for buyer in buyers)
    assert 250 < at_noon < 400


def test_a_duration_lies_within_what_was_measured() -> None:
    durations = Durations({"scan": [1.0, 2.0, 10.0], "other": [5.0]}, 0.0, random.Random(1))

    assert all(0.001 <= durations.of("scan") <= 0.010 for _ in range(200))
    assert durations.of("never measured") == 0.005


def test_the_provider_adds_its_time_to_payments_only() -> None:
    durations = Durations({"other": [1.0, 1.0]}, 0.5, random.Random(1))

    assert (durations.of("authorize-payments"), durations.of("fraud-scan")) == (0.501, 0.001)


def test_the_clock_jumps_from_one_thing_to_the_next() -> None:
    agenda, seen = Agenda(100.0), list[tuple[float, str]]()
    agenda.at(300.0, lambda: seen.append((agenda.now, "late")))
    agenda.at(200.0, lambda: agenda.after(5.0, lambda: seen.append((agenda.now, "then"))))
    agenda.at(1.0, lambda: seen.append((agenda.now, "overdue")))

    agenda.run(until=250.0)

    assert (seen, agenda.now) == ([(100.0, "overdue"), (205.0, "then")], 250.0)
    agenda.run()
    assert seen[-1] == (300.0, "late")


def test_an_execution_retries_waits_for_its_token_and_ends_once() -> None:
    agenda, tokens, calls = Agenda(0.0), list[str](), list[float]()

    def call(_function: str, event: JSONValue, reply: Reply) -> None:
        calls.append(agenda.now)
        assert isinstance(event, dict)
        tokens.extend(str(event[key]) for key in event if key == "token")
        reply(Failed("Busy", "") if len(calls) == 1 else Done({"greeted": True}))

    executions = Executions(agenda, {"m": MACHINE}, call)
    assert executions.start("m", "e-1", {})
    assert not executions.start("m", "e-1", {})
    agenda.run()

    run = executions.runs["e-1"]
    assert (run.closed, calls) == (None, [0.0, 60.0, 60.0])
    assert not executions.succeed("somebody else's", {})
    assert executions.succeed(tokens[0], {"said": "hello"})
    assert not executions.succeed(tokens[0], {"said": "again"})
    assert run.closed is not None
    assert (run.closed.output, run.path) == (b'{"said":"hello"}', ["Greet", "Ask"])
    assert [event.id for event in run.history] == list(range(1, len(run.history) + 1))


def test_quantiles_and_words() -> None:
    assert [quantile([1.0, 2.0, 3.0, 4.0], share) for share in (0.0, 0.5, 0.95, 1.0)] == [1.0, 2.0, 4.0, 4.0]
    assert [shown(each) for each in (0.0421, 3.14, 1_290.0)] == ["42 ms", "3.1 s", "21.5 min"]


def test_the_figure_is_well_formed_and_names_both() -> None:
    figure = svg_of({"instant": [0.02, 0.03, 0.5], "legacy": [900.0, 1_500.0]}, "From order to voucher")

    texts = [element.text for element in ElementTree.fromstring(figure).iter() if element.text]
    assert any("instant: half within 30 ms" in text for text in texts)
    assert any("legacy: half within 15.0 min" in text for text in texts)


def test_the_histogram_counts_everything() -> None:
    lines = text_of("instant", [0.01, 0.01, 0.2])

    assert lines[0] == "instant: 3 orders delivered"
    assert sum(int(line.split()[-1]) for line in lines[1:]) == 3
