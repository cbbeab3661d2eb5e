"""JSONata with Step Functions' additions, limits and wording."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.asl.expressions import failure, scope

from expeditor.asl.jsonata import JsonataSyntaxError, compile_jsonata, is_jsonata
from expeditor.asl.scope import EvaluationError

INPUT: dict[str, Any] = {
    "name": "Ada",
    "items": [{"qty": 2, "price": 5}, {"qty": 1, "price": 15}],
    "one": [{"id": 1}],
    "empty": [],
    "nothing": None,
    "whole": 1.0,
    "json": '{"joinable": true}',
}


TOKENS = [
    "$", "$states", ".input", ".items", "[", "]", "(", ")", "{", "}", "'k'", ":", ",", "+", "-", "*", "/", "1", "2",
    "$sum", "$map", "function($x)", "$x", "~>", "|", "?", "and", "%", "$parse", "$range", "$uuid()", "$random(",
    "$partition(", ":=", ";", "`a`", "/a/", "$$", "@$v", "#$i", "^(", "..", "null", "{%", "%}", "$v",
]  # fmt: skip


def value(text: str, **rest: Any) -> Any:
    return compile_jsonata(text)(scope(INPUT, **rest))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% $states.input.name %}", "Ada"),
        ("$states.input.name", "Ada"),
        ("$states.context.Execution.Id", "e-1"),
        ("$states.input", INPUT),
        ("$states.input.items.price", [5, 15]),
        ("$sum($states.input.items.(qty * price))", 25),
        ("$states.input.items[price > 10].qty", 1),
        ("$states.input.one", [{"id": 1}]),
        ("$states.input.one.id", 1),
        ("$states.input.empty", []),
        ("$states.input.nothing", None),
        ("$states.input.whole", 1),
        ("null", None),
        ("{'a': $nope, 'b': [1, $nope]}", {"b": [1]}),
        ("$exists($states.result)", False),
        ("$exists($states.input.nothing)", True),
        ("$type($states.input.nothing)", "null"),
        ("$states.input.whole = 1 ? 'one' : 'other'", "one"),
        ("$merge([{'a': 1}, {'b': 2}])", {"a": 1, "b": 2}),
        ("($x := 2; $x * 3)", 6),
        ("function($name){ $name & '!' }('x')", "x!"),
        ("$map([1, 2], function($v){ $v + 1 })", [2, 3]),
        ("/* a remark */ 1", 1),
        ("$contains('hello$world', /^hello\\$/)", True),
        ("10 / 2", 5),
        ("$now()", "2023-11-14T22:13:20.123Z"),
        ("$millis()", 1_700_000_000_123),
    ],
)
def test_an_expression_gives(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_result_and_error_output_are_there_where_the_state_has_them() -> None:
    assert value("$states.result.a", result={"a": 1}) == 1
    assert value("$states.errorOutput.Error", error_output={"Error": "E"}) == "E"
    assert value("$states", result=None).keys() == {"input", "context", "result"}


def test_the_fields_of_states_are_absent_or_null_as_the_state_has_it() -> None:
    assert value("$states.result", result=None) is None
    assert value("$states.result.a.b", result={"a": [{"b": 1}, {"b": 2}]}) == [1, 2]
    assert failure(compile_jsonata("$states.errorOutput.Cause"), scope()).cause.endswith(
        "returned nothing (undefined)."
    )


@given(st.lists(st.sampled_from(TOKENS), max_size=8))
def test_any_text_compiles_or_is_refused_and_gives_or_fails(tokens: list[str]) -> None:
    try:
        expression = compile_jsonata("".join(tokens))
    except JsonataSyntaxError:
        return
    with suppress(EvaluationError):
        expression(scope(INPUT, variables={"v": [1]}))


def test_variables_are_bound() -> None:
    variables = {"limit": 3, "order": {"id": "o", "lines": [1]}, "null": None, "größe": 2, "count": 7}

    assert value("$limit", variables=variables) == 3
    assert value("$order.id", variables=variables) == "o"
    assert value("$order.lines", variables=variables) == [1]
    assert value("$null", variables=variables) is None
    assert value("$limit + $größe", variables=variables) == 5
    assert value("$exists($null) and $not($exists($unknown))", variables=variables) is True
    assert value("$sum([$limit, 1])", variables=variables) == 4


def test_what_is_selected_is_shared_not_copied() -> None:
    assert value("$states.input.items") is INPUT["items"]


def test_nothing_is_changed() -> None:
    before = repr(INPUT)

    value("$states.input ~> | items | {'qty': 0}, ['price'] |")

    assert repr(INPUT) == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$range(0, 9, 3)", [0, 3, 6, 9]),
        ("$range(0, 10, 3)", [0, 3, 6, 9]),
        ("$range(1, 9, 9)", 1),
        ("$range(10, 0, -5)", [10, 5, 0]),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$partition([1, 2, 3], 2.9)", [[1, 2], [3]]),
        ("$partition([1, 2, 3])", [[1, 2, 3]]),
        ("$hash('Hello', 'MD5')", "8b1a9953c4611296a827abf8c47804d7"),
        ("$hash('Hello', 'SHA-1')", "f7ff9e8b7bb2e09b70935a5d785e0cc5d9d0abf0"),
        ("$parse($states.input.json).joinable", True),
        ("$parse('-0')", 0),
        ("$parse('[1, 2, \"HelloWorld\"]')", [1, 2, "HelloWorld"]),
        ("$type($parse('null'))", "null"),
        ("$parse('null')", None),
        ("$map(['1', '2'], $parse)", [1, 2]),
        ("$random(42)", 0.7275636800328681),
        ("$random(0)", 0.730967787376657),
        ("$random(0.9)", 0.730967787376657),
        ("$count($range(1, 131072, 1))", 131_072),
        ("$range(-9223372036854775808, 9223372036854775807, 9223372036854775807)[0]", -(2**63)),
    ],
)
def test_step_functions_own_functions(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_draws_come_from_the_event() -> None:
    expression = compile_jsonata("[$uuid(), $random(), $uuid()]")

    first: Any = expression(scope())

    assert first == expression(scope())
    assert first[0] != first[2]
    assert 0 <= first[1] < 1


@pytest.mark.parametrize(
    "text",
    [
        "$nope", "$states.input.nope", "$states.result", "$sum", "function($x){ $x }", "$range(5, 1, 1)",
        "$range(1, 5)", "$range(1, 5, 0)", "$partition([], 2)", "$partition([1], 0)", "$hash('a')", "$parse()",
    ],
)  # fmt: skip
def test_nothing_fails_the_state(text: str) -> None:
    error = failure(compile_jsonata(text, field="Output/v"), scope(INPUT))

    assert error.error == "States.QueryEvaluationError"
    assert error.location == "Output/v"
    assert error.cause == (
        f"The JSONata expression '{text}' specified for the field 'Output/v' returned nothing (undefined)."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 + {}", '. T2002: The right side of the "+" operator must evaluate to a number'),
        ("$sum(['a'])", '. T0412: Argument 1 of function "sum" must be an array of "numbers"'),
        ("$sqrt(-1)", ". D3060: The sqrt function cannot be applied to a negative number: -1"),
        ("$eval('1+1')", ". T1006: Attempted to invoke a non-function"),
        ("$unknown()", ". T1006: Attempted to invoke a non-function"),
        ("$error('boo')", ". D3137: boo"),
        ("$parse(null)", '. T0410: Argument 1 of function "parse" does not match function signature'),
        ("$parse('x')", ". D3137: Invalid JSON"),
        ("$parse('[" + "1" * 400 + "]')", ". D3137: Invalid JSON"),
        ("$partition([1, 2, 3], -1)", ". D3137: Second argument must be zero or greater"),
        ("$hash('a', 'md5')", ". D3137: "),
        ("$uuid('seed')", '. T0410: Argument 1 of function "uuid" does not match function signature'),
        ("$random(1, 2)", '. T0410: Argument 2 of function "random" does not match function signature'),
        ("$range(1)", '. T0410: Argument 2 of function "range" does not match function signature'),
        ("$range(1, 131073, 1)", ": Expression evaluation memory limit exceeded: Check for excessive memory usage"),
        ("$range(1, 1000000000, 1)", ": Expression evaluation memory limit exceeded"),
    ],
)
def test_an_error_is_told_with_the_expression_and_the_field(text: str, message: str) -> None:
    error = failure(compile_jsonata(text, field="Output/v"), scope(INPUT))

    prefix = f"The JSONata expression '{text}' specified for the field 'Output/v' threw an error during evaluation"
    assert error.error == "States.QueryEvaluationError"
    assert error.cause.startswith(prefix + message)


@pytest.mark.parametrize(
    ("text", "was"),
    [("1", "number"), ("null", "null"), ("true", "boolean"), ("'s'", "string"), ("{'foo':'bar'}", "object")],
)
def test_a_result_of_another_type_is_told(text: str, was: str) -> None:
    shown = {"number": "1", "null": "null", "boolean": "true", "string": '"s"', "object": '{"foo":"bar"}'}[was]

    error = failure(compile_jsonata(text, field="Items", expected="array"), scope(INPUT))

    assert error.cause == (
        f"The JSONata expression '{text}' specified for the field 'Items' returned an unexpected result type. "
        f"Expected 'array', but was '{was}' for value: {shown}"
    )
    assert compile_jsonata("[]", expected="array")(scope()) == []


DEEP = "($f := function($x){ $x <= 0 ? 0 : 1 + $f($x-1) }; $f("


@pytest.mark.parametrize(
    ("accepted", "refused"),
    [
        ("1" + "+1" * 99, "1" + "+1" * 100),
        ("(" * 99 + "1" + ")" * 99, "(" * 100 + "1" + ")" * 100),
        ("[" * 99 + "1" + "]" * 99, "[" * 100 + "1" + "]" * 100),
        ("1" + "~>$string" * 99, "1" + "~>$string" * 100),
        (DEEP + "31))", DEEP + "32))"),
    ],
)
def test_evaluation_is_as_deep_as_aws_allows(accepted: str, refused: str) -> None:
    value(accepted)

    cause = failure(compile_jsonata(refused), scope()).cause

    assert cause.endswith(
        "evaluation: Stack overflow error: Check for non-terminating recursive function. "
        "Consider rewriting as tail-recursive"
    )


DOUBLING = "($f := function($s, $n){ $n = 0 ? $s : $f($s & $s, $n - 1) }; $length($f('x', "


def test_evaluation_may_hold_so_much() -> None:
    assert value("[1..131072] ~> $count()") == 131_072
    assert value(DOUBLING + "22)))") == 4_194_304  # AWS's bound too
    for text in ("[1..131073] ~> $count()", DOUBLING + "23)))", "[1..130000].('text ' & $)"):
        assert (
            "evaluation: Expression evaluation memory limit exceeded" in failure(compile_jsonata(text), scope()).cause
        )


@pytest.mark.parametrize(
    "text",
    [
        "($f := function($x){ $f($x+1) }; $f(1))",
        "$match('" + "a" * 40 + "', /(a+)+b/)",
        "$sort([1..130000], function($a, $b){ $a < $b })",
        "$pad('', 1000000000, 'x')",
        "($f := function($s, $n){ $n = 0 ? $s : $f([[$s], [$s]], $n - 1) }; $f('ab', 60))",
        "[1..5000000000]",
        "$map([1..130000], function($v){ [[1..130000]] })",
        "$reduce([1..130000], function($a, $b){ $append($a, $b) })",
    ],
)
def test_a_hostile_expression_is_stopped(text: str) -> None:
    expression = compile_jsonata(text)

    assert failure(expression, scope()).error == "States.QueryEvaluationError"


@pytest.mark.parametrize(
    "text",
    [
        "1 +",
        "(",
        ")",
        "1)",
        "1); (2",
        "1}), 'b': (2",
        "'a",
        "$states.",
        "{",
        "",
        "[" * 5_000,
        "(1" + "+1" * 60_000 + ")",
    ],
)
def test_what_is_no_jsonata_is_refused(text: str) -> None:
    with pytest.raises(JsonataSyntaxError):
        compile_jsonata(text)


def test_a_syntax_error_is_placed_within_the_expression() -> None:
    with pytest.raises(JsonataSyntaxError) as caught:
        compile_jsonata("{% 1 + ) %}")

    assert (caught.value.code, caught.value.position) == ("S0211", 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{% 1 %}", True), ("{%1%}", True), ("{%%}", True), ("x {% 1 %}", False), ("{% 1", False), ("{%}", False)],
)
def test_expressions_are_told_from_text(text: str, expected: bool) -> None:
    assert is_jsonata(text) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b"]), JSON, max_size=2), st.sampled_from(["a", "b", "a.b", "b.a"]))
def test_the_short_way_of_plain_paths_gives_what_the_engine_gives(document: Any, path: str) -> None:
    short = compile_jsonata(f"$states.input.{path}")
    long = compile_jsonata(f"($states.input.{path})")
    at = scope(document)
    try:
        expected = long(at)
    except Exception:  # noqa: BLE001 - whatever it is, the short way must fail likewise
        assert failure(short, at).error == "States.QueryEvaluationError"
    else:
        assert short(at) == expected


@given(JSON)
def test_json_goes_through_the_engine_unchanged(document: Any) -> None:
    assert compile_jsonata("$lookup($states, 'input')")(scope(document)) == document
