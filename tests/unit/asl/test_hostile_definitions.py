"""Definitions made to hurt: each is refused or fails clearly, stopped by a limit that counts its work."""

import json
from typing import Any

import pytest

from expeditor.asl import (
    DefinitionError,
    Execution,
    ExecutionContext,
    ExecutionStarted,
    ExecutionStatus,
    advance,
    compile_definition,
)

PASS = {"Type": "Pass", "End": True}
TOO_MANY_EVENTS = "The execution reached the maximum number of history events (25000)."


def machine_of(**states: Any) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


def parallels(levels: int) -> str:
    """Parallel states inside each other."""
    flow: dict[str, Any] = {"StartAt": "L0", "States": {"L0": PASS}}
    for level in range(1, levels):
        state = {"Type": "Parallel", "Branches": [flow], "End": True}
        flow = {"StartAt": f"L{level}", "States": {f"L{level}": state}}
    return json.dumps(flow)


def chain(count: int) -> str:
    """States in a row."""
    states: dict[str, Any] = {f"S{index}": {"Type": "Pass", "Next": f"S{index + 1}"} for index in range(count - 1)}
    return machine_of(**states, **{f"S{count - 1}": PASS})


def negations(levels: int) -> str:
    rule: dict[str, Any] = {"Variable": "$.a", "IsNull": True}
    for _ in range(levels):
        rule = {"Not": rule}
    return machine_of(A={"Type": "Choice", "Choices": [{**rule, "Next": "B"}]}, B=PASS)


def jsonata(output: Any, **fields: Any) -> dict[str, Any]:
    return {"Type": "Pass", "QueryLanguage": "JSONata", "Output": output, "End": True, **fields}


def expression(text: str) -> str:
    return machine_of(A=jsonata(f"{{% {text} %}}"))


def path(text: str) -> str:
    return machine_of(A={**PASS, "InputPath": text})


REFUSED = {
    "brackets": ("[" * 500_000, "nested too deeply"),
    "objects": ('{"a":' * 150_000 + "1" + "}" * 150_000, "nested too deeply"),
    "states in states": (parallels(200), "nested deeper than 200 levels"),
    "a byte too many": (json.dumps({"Comment": "x" * 1_048_576}), "longer than 1048576 bytes"),
    "bytes, not characters": (json.dumps({"Comment": "€" * 400_000}, ensure_ascii=False), "longer than 1048576 bytes"),
    "a state too many": (chain(10_001), "more than 10000 states"),
    "everything wrong": (machine_of(**{f"S{index}": {"Type": "No"} for index in range(9_000)}), "/States/S8999/Type"),
    "nothing reached": (
        machine_of(**{f"S{index}": {"Type": "Pass", "Next": f"X{index}"} for index in range(5_000)}),
        "Missing 'Next' target: X4999",
    ),
    "a huge StartAt": (json.dumps({"StartAt": "x" * 900_000, "States": {"A": PASS}}), "Missing 'StartAt' target"),
    "a huge name": (machine_of(**{"x" * 500_000: PASS}), "1 to 80 characters"),
    "a name of nothing": (machine_of(**{"": PASS}), "1 to 80 characters"),
    "nothing of nothing": ('{"StartAt": "", "States": {}}', "cannot be empty"),
    "negations": (negations(90), "nested more than 50 deep"),
    "a long path": (path("$" + ".a" * 200_000), "more than 20000 characters"),
    "filters in filters": (path("$" + "[?(@.a" * 500), "is not valid"),
    "calls in calls": (
        machine_of(A={**PASS, "Parameters": {"a.$": "States.Array(" * 1_000 + ")" * 1_000}}),
        "is not valid",
    ),
    "a template in a template": (
        machine_of(A={**PASS, "Parameters": json.loads('{"a":' * 150 + "1" + "}" * 150)}),
        "nested more than 100 deep",
    ),
    "paths without end": (
        machine_of(**{f"S{n}": {**PASS, "Parameters": {f"x{m}.$": "$.a" for m in range(500)}} for n in range(21)}),
        "more than 10000 expressions",
    ),
    "JSONata without end": (
        machine_of(A=jsonata([f"{{% {n} + 1 %}}" for n in range(10_001)])),
        "more than 10000 expressions",
    ),
    "a template of paths": (
        machine_of(A={**PASS, "Parameters": {f"x{n}.$": "$..a" for n in range(1_001)}}),
        "1001 expressions, more than 1000 in one template",
    ),
    "a template of JSONata": (
        machine_of(A=jsonata([f"{{% {n} + 1 %}}" for n in range(1_001)])),
        "1001 expressions, more than 1000 in one template",
    ),
    "long JSONata": (expression("(" * 50_000 + "1" + ")" * 50_000), "longer than 100000 characters"),
    "JSONata in JSONata": (expression("[" * 40_000 + "1" + "]" * 40_000), "nested too deeply"),
    "signs": (expression("-" * 90_000 + "1"), "nested too deeply"),
    "sums": (expression("1+" * 45_000 + "1"), "nested too deeply"),
    "a surrogate": ('{"StartAt": "\\ud800", "States": {}}', "INVALID_JSON"),
    "half a definition": ('{"StartAt": "A", "States": {"A": {"Type": "Pass"', "INVALID_JSON"),
    "two definitions": (f"{chain(1)}{chain(1)}", "INVALID_JSON"),
}


@pytest.mark.parametrize(("definition", "reason"), REFUSED.values(), ids=REFUSED)
def test_definition_is_refused_with_its_reason(definition: str, reason: str) -> None:
    with pytest.raises(DefinitionError, match=r"^Invalid State Machine Definition: '") as caught:
        compile_definition(definition)

    assert reason in str(caught.value)


ACCEPTED = {
    "a mebibyte": json.dumps({"Comment": "x" * 1_000_000, "StartAt": "A", "States": {"A": PASS}}),
    "ten thousand states": chain(10_000),
    "states in states": parallels(45),
    "many rules": machine_of(
        A={"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "B"}] * 5_000}, B=PASS
    ),
}


@pytest.mark.parametrize("definition", ACCEPTED.values(), ids=ACCEPTED)
def test_large_definition_within_the_quotas_is_compiled(definition: str) -> None:
    compile_definition(definition)


def ended(definition: str, payload: Any = None) -> Execution:
    """The execution after its first turn; none of these waits for anything."""
    context = ExecutionContext(
        execution_arn="arn:aws:states:us-east-1:000000000000:execution:hostile:1",
        execution_name="1",
        role_arn="arn:aws:iam::000000000000:role/hostile",
        started_at=0.0,
        state_machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:hostile",
        state_machine_name="hostile",
        input=json.dumps({} if payload is None else payload).encode(),
    )
    execution = Execution.new(context)
    advance(compile_definition(definition), execution, ExecutionStarted(0.0, b"0123456789abcdef"))
    return execution


ENDLESS = {
    "one state": machine_of(A={"Type": "Pass", "Next": "A"}),
    "two states": machine_of(A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Next": "A"}),
    "a choice": machine_of(
        A={"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": True, "Next": "A"}], "Default": "A"}
    ),
    "a counter": machine_of(
        A={**PASS, "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "A", "End": False},
    ),
    "JSONata": machine_of(A=jsonata({"n": "{% $states.input.n + 1 %}"}, Next="A", End=False)),
    "a wait of no time": machine_of(A={"Type": "Wait", "Seconds": 0, "Next": "A"}),
    "a caught failure": machine_of(
        A={
            "Type": "Parallel",
            "Branches": [{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No"}}}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "A"}],
            "End": True,
        }
    ),
    "items of items": machine_of(
        A={
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {
                "StartAt": "B",
                "States": {
                    "B": {
                        "Type": "Map",
                        "ItemsPath": "$$.Execution.Input.items",
                        "ItemProcessor": {"StartAt": "C", "States": {"C": PASS}},
                        "End": True,
                    }
                },
            },
            "End": True,
        }
    ),
    "more items than events": machine_of(
        A={
            "Type": "Map",
            "QueryLanguage": "JSONata",
            "Items": "{% [1..30000] %}",
            "ItemProcessor": {"StartAt": "B", "States": {"B": PASS}},
            "End": True,
        }
    ),
}


@pytest.mark.parametrize("definition", ENDLESS.values(), ids=ENDLESS)
def test_execution_without_end_ends_with_the_quota_of_events(definition: str) -> None:
    execution = ended(definition, {"n": 1, "items": list(range(1_000))})

    assert execution.status is ExecutionStatus.FAILED
    assert (execution.error, execution.cause) == ("States.Runtime", TOO_MANY_EVENTS)
    assert execution.event_count == 25_000


GROWING = {
    "an object": machine_of(A={"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}, "Next": "A"}),
    "an array": machine_of(A={"Type": "Pass", "Parameters": {"a.$": "States.Array($, $)"}, "Next": "A"}),
    "a text": machine_of(
        A={"Type": "Pass", "Parameters": {"a.$": "States.Format('{}{}', $.a, $.a)"}, "Next": "A"},
    ),
    "a variable": machine_of(
        A=jsonata({}, Assign={"a": "{% $exists($a) ? $a & $a : 'xxxxxxxxxx' %}"}, Next="A", End=False)
    ),
    "a result": machine_of(A=jsonata("{% $map([1..100000], $string) %}")),
}


@pytest.mark.parametrize("definition", GROWING.values(), ids=GROWING)
def test_payload_that_grows_ends_with_the_quota_of_bytes(definition: str) -> None:
    execution = ended(definition, {"a": "xxxxxxxxxx"})

    assert execution.status is ExecutionStatus.FAILED
    assert execution.error in ("States.DataLimitExceeded", "States.QueryEvaluationError", "States.Runtime")
    assert execution.event_count < 100


BOMBS = {
    "a loop": "($f := function($x){ $f($x + 1) }; $f(1))",
    "two loops": "($a := function($x){ $b($x) }; $b := function($x){ $a($x) }; $a(1))",
    "recursion": "($f := function($x){ 1 + $f($x + 1) }; $f(1))",
    "a range": "[1..10000000]",
    "a padded text": "$pad('x', 1000000000)",
    "a doubled text": "($d := function($s, $n){ $n = 0 ? $s : $d($s & $s, $n - 1) }; $d('xxxxxxxx', 40))",
    "a regular expression": "$match('" + "a" * 40 + "!', /(a+)+$/)",
    "a factorial": "($f := function($n){ $n = 0 ? 1 : $sum($map([1..$n], function($i){ $f($n - 1) })) }; $f(12))",
    "arrays in arrays": "($f := function($n){ $n = 0 ? 1 : [[$f($n - 1)]] }; $f(5000))",
    "$eval": "$eval('1')",
    "sorting": "$sort([1..1000000], function($a, $b){ true })",
    "draws": "$map([1..1000000], function(){ $random() })",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_jsonata_bomb_fails_its_state_only(text: str) -> None:
    execution = ended(expression(text))

    assert execution.status is ExecutionStatus.FAILED
    assert execution.error == "States.QueryEvaluationError"
    assert "An error occurred while executing the state 'A'" in (execution.cause or "")


def test_bomb_in_every_field_fails_at_the_first() -> None:
    bomb = "{% ($f := function($x){ $f($x + 1) }; $f(1)) %}"

    assert ended(machine_of(A=jsonata({f"a{index}": bomb for index in range(1_000)}))).status is ExecutionStatus.FAILED


def test_wildcards_over_wildcards_are_bounded() -> None:
    document = {"a": [{"b": [{"c": 1}] * 60}] * 60}

    ended(path("$..*..*..*..*"), document)


def test_nine_thousand_branches_fit_into_the_quota() -> None:
    branches = [{"StartAt": f"B{index}", "States": {f"B{index}": PASS}} for index in range(9_000)]

    execution = ended(machine_of(A={"Type": "Parallel", "Branches": branches, "End": True}))

    assert execution.status is ExecutionStatus.SUCCEEDED


def test_paths_of_a_state_together_look_at_no_more_than_they_may() -> None:
    deep = {"a": [{"b": {"c": index}} for index in range(7_000)]}
    lengths = {f"x{index}.$": "States.ArrayLength($..c)" for index in range(900)}

    few = ended(machine_of(A={**PASS, "Parameters": dict(list(lengths.items())[:5])}), deep)
    many = ended(machine_of(A={**PASS, "Parameters": lengths}), deep)

    assert few.status is ExecutionStatus.SUCCEEDED
    assert (many.status, many.error) == (ExecutionStatus.FAILED, "States.Runtime")


def test_expressions_of_a_template_share_its_limits() -> None:
    sums = [f"{{% $sum($map([1..8000], function($n) {{ $n + {index} }})) %}}" for index in range(400)]

    few, many = ended(machine_of(A=jsonata(sums[:3]))), ended(machine_of(A=jsonata(sums)))

    assert few.status is ExecutionStatus.SUCCEEDED
    assert (many.status, many.error) == (ExecutionStatus.FAILED, "States.QueryEvaluationError")
    assert "Check for infinite loop" in (many.cause or "")
