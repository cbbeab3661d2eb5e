"""Choice rules: every operator, on values of every type."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.asl.expressions import scope

from expeditor.asl.choices import OPERATORS, RuleError, compile_rule
from expeditor.asl.scope import EvaluationError

VALUES: dict[str, Any] = {
    "text": "b",
    "number": 5,
    "fraction": 5.0,
    "yes": True,
    "no": False,
    "null": None,
    "list": [1],
    "object": {"a": 1},
    "instant": "2016-08-18T17:33:00Z",
}


def holds(rule: dict[str, Any], document: Any = None, **rest: Any) -> bool:
    return compile_rule(rule)(scope(VALUES if document is None else document, **rest))


def test_all_operators_of_the_language_are_there() -> None:
    assert len(OPERATORS) == 39


@pytest.mark.parametrize(
    ("order", "smaller", "equal", "greater"),
    [
        ("Equals", False, True, False),
        ("LessThan", True, False, False),
        ("LessThanEquals", True, True, False),
        ("GreaterThan", False, False, True),
        ("GreaterThanEquals", False, True, True),
    ],
)
@pytest.mark.parametrize(
    ("kind", "low", "middle", "high"),
    [
        ("String", "a", "b", "c"),
        ("Numeric", -1.5, 2, 10),
        ("Timestamp", "2016-08-18T17:32:59.999Z", "2016-08-18T18:33:00+01:00", "2016-08-18T17:33:00.1Z"),
    ],
)
def test_order(
    kind: str, low: Any, middle: Any, high: Any, order: str, smaller: bool, equal: bool, greater: bool
) -> None:
    document = {"low": low, "middle": middle, "high": high}
    found = [holds({"Variable": f"$.{name}", f"{kind}{order}": middle}, document) for name in ("low", "middle", "high")]
    by_path = [
        holds({"Variable": f"$.{name}", f"{kind}{order}Path": "$.middle"}, document)
        for name in ("low", "middle", "high")
    ]

    assert found == by_path == [smaller, equal, greater]


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize(
    ("operator", "true_for"),
    [
        ("IsNull", {"null"}),
        ("IsString", {"text", "instant"}),
        ("IsNumeric", {"number", "fraction"}),
        ("IsBoolean", {"yes", "no"}),
        ("IsTimestamp", {"instant"}),
        ("IsPresent", set(VALUES)),
    ],
)
def test_types(name: str, operator: str, true_for: set[str]) -> None:
    assert holds({"Variable": f"$.{name}", operator: True}) is (name in true_for)
    assert holds({"Variable": f"$.{name}", operator: False}) is (name not in true_for)


@pytest.mark.parametrize("name", sorted(set(VALUES) - {"number", "fraction"}))
def test_a_value_of_another_type_does_not_match(name: str) -> None:
    assert not holds({"Variable": f"$.{name}", "NumericGreaterThanEquals": -1000})
    assert not holds({"Variable": "$.number", "NumericLessThanPath": f"$.{name}"})


def test_booleans() -> None:
    assert holds({"Variable": "$.yes", "BooleanEquals": True})
    assert holds({"Variable": "$.yes", "BooleanEqualsPath": "$.yes"})
    assert not holds({"Variable": "$.yes", "BooleanEqualsPath": "$.no"})
    assert not holds({"Variable": "$.number", "BooleanEquals": True}, {"number": 1})


def test_presence() -> None:
    assert holds({"Variable": "$.absent", "IsPresent": False})
    assert not holds({"Variable": "$.absent", "IsPresent": True})
    assert holds({"Variable": "$.null", "IsPresent": True})
    assert holds({"Variable": "$.object.a.b", "IsPresent": False})


@pytest.mark.parametrize("rule", [{"IsNull": True}, {"StringEquals": "a"}, {"NumericLessThanPath": "$.number"}])
def test_a_missing_variable_fails_the_execution(rule: dict[str, Any]) -> None:
    with pytest.raises(EvaluationError) as caught:
        holds({"Variable": "$.absent", **rule})

    assert caught.value.error == "States.Runtime"
    assert (
        caught.value.cause == "Invalid path '$.absent': The choice state's condition path references an invalid value."
    )


def test_a_missing_operand_fails_the_execution() -> None:
    with pytest.raises(EvaluationError, match=r"Invalid path '\$\.absent'"):
        holds({"Variable": "$.number", "NumericEqualsPath": "$.absent"})


def test_context_and_variables() -> None:
    assert holds({"Variable": "$$.Execution.Id", "StringEquals": "e-1"})
    assert holds({"Variable": "$limit", "NumericEqualsPath": "$.number"}, variables={"limit": 5})


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("foo*.log", "foo1.log", True),
        ("foo*.log", "foo.log", True),
        ("foo*.log", "foo.txt", False),
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("a*a", "a", False),
        ("*a*b*", "xxaxxbxx", True),
        ("*a*b*", "xxbxxaxx", False),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("a\\\\*", "a\\x", True),
        ("a.b", "axb", False),
        ("*ab", "aab", True),
        ("line*end", "line\nend", True),
    ],
)
def test_wildcards(pattern: str, text: str, expected: bool) -> None:
    assert holds({"Variable": "$.t", "StringMatches": pattern}, {"t": text}) is expected


@given(st.lists(st.text(alphabet="ab", max_size=4), min_size=1, max_size=5), st.text(alphabet="ab", max_size=6))
def test_a_text_with_its_parts_around_anything_matches(parts: list[str], filling: str) -> None:
    assert holds({"Variable": "$.t", "StringMatches": "*".join(parts)}, {"t": filling.join(parts)})


def test_many_wildcards_are_matched_in_linear_time() -> None:
    assert not holds({"Variable": "$.t", "StringMatches": "*a" * 5_000 + "b"}, {"t": "a" * 100_000})


@pytest.mark.parametrize(
    "text",
    [
        "2016-08-18t17:33:00z", "2024-01-01", "2024-01-01T00:00Z", "2024-01-01T00:00:00+01", "2024-01-01T00:00:00+0100",
        "2024-01-01T00:00:00", "2024-13-01T00:00:00Z", "2024-01-01 00:00:00Z", "0000-01-01T00:00:00Z", "",
        "0001-01-01T00:00:00+23:59", "٢٠٢٤-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_timestamp(text: str) -> None:
    assert not holds({"Variable": "$.t", "IsTimestamp": True}, {"t": text})


TRUE = {"Variable": "$.yes", "BooleanEquals": True}
FALSE = {"Variable": "$.yes", "BooleanEquals": False}
FAILS = {"Variable": "$.absent", "BooleanEquals": True}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"And": [TRUE, TRUE]}, True),
        ({"And": [TRUE, FALSE]}, False),
        ({"And": [FALSE, FAILS]}, False),
        ({"Or": [FALSE, TRUE]}, True),
        ({"Or": [FALSE, FALSE]}, False),
        ({"Or": [TRUE, FAILS]}, True),
        ({"Not": FALSE}, True),
        ({"Not": {"And": [TRUE, {"Or": [FALSE, TRUE]}]}, "Next": "Somewhere"}, False),
    ],
)
def test_combinations_stop_early(rule: dict[str, Any], expected: bool) -> None:
    assert holds(rule) is expected


def nested(depth: int) -> dict[str, Any]:
    rule: dict[str, Any] = TRUE
    for _ in range(depth):
        rule = {"Not": rule}
    return rule


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({}, ""),
        ([], ""),
        ({"Variable": "$.a"}, ""),
        ({"Variable": "$.a", "StringEquals": "a", "NumericEquals": 1}, ""),
        ({"StringEquals": "a"}, ""),
        ({"Variable": "$.a", "StringEquals": 1}, "/StringEquals"),
        ({"Variable": "$.a", "NumericEquals": True}, "/NumericEquals"),
        ({"Variable": "$.a", "BooleanEquals": 1}, "/BooleanEquals"),
        ({"Variable": "$.a", "TimestampEquals": "today"}, "/TimestampEquals"),
        ({"Variable": "$.a", "StringMatches": 1}, "/StringMatches"),
        ({"Variable": "$.a", "IsNull": "yes"}, "/IsNull"),
        ({"Variable": "$.a", "StringEqualsPath": "b"}, "/StringEqualsPath"),
        ({"Variable": "$.a", "StringEqualsPath": 1}, "/StringEqualsPath"),
        ({"Variable": "a", "StringEquals": "a"}, "/Variable"),
        ({"And": []}, "/And"),
        ({"And": TRUE}, "/And"),
        ({"Or": [TRUE, {"Not": {}}]}, "/Or/1/Not"),
        (nested(60), "/Not" * 50),
    ],
)
def test_a_wrong_rule_is_refused_at_its_place(rule: Any, pointer: str) -> None:
    with pytest.raises(RuleError) as caught:
        compile_rule(rule)

    assert caught.value.pointer == pointer
