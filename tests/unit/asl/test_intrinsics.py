"""Intrinsic functions: what AWS answers, also where its guide says otherwise."""

import re
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.asl.expressions import failure, scope

from expeditor.asl.cursor import PathSyntaxError
from expeditor.asl.intrinsics import compile_intrinsic

INPUT: dict[str, Any] = {
    "name": "Ada",
    "n": 5,
    "half": 2.5,
    "yes": True,
    "null": None,
    "list": [1, 2, 3, 3],
    "object": {"a": 1, "b": {"c": 2}},
    "text": "a,b;c",
    "json": ' {"a": [1, null]} ',
    "template": "Hi {}",
    "empty": "",
    "none": [],
    "huge": 10**400,
    "it's": 9,
}


def call(text: str, input_: Any = None) -> Any:
    return compile_intrinsic(text)(scope(INPUT if input_ is None else input_, variables={"who": {"name": "Bob"}}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("States.Format('Hello {}', $.name)", "Hello Ada"),
        ("States.Format('{} {} {} {} {}', $.n, $.half, $.yes, $.null, $.list)", "5 2.5 true null [1,2,3,3]"),
        ("States.Format($.template, $who.name)", "Hi Bob"),
        ("States.Format('it\\'s \\{\\} {} \\\\', 1)", "it's {} 1 \\"),
        ("States.Format('no placeholder')", "no placeholder"),
        ("States.Format('{}', $['it\\'s'])", "9"),
        ("States.Format('{}', $.list[?(@ > 2)])", "[3,3]"),
        ("States.StringToJson($.json)", {"a": [1, None]}),
        ("States.StringToJson($.empty)", None),
        ("States.StringToJson('  ')", None),
        ("States.JsonToString($.object)", '{"a":1,"b":{"c":2}}'),
        ("States.JsonToString('x')", '"x"'),
        ("States.Array()", []),
        ("States.Array( 1 , -2.5, 'x', true, null, $.name, States.Array($$.Execution.Id) )",
         [1, -2.5, "x", True, None, "Ada", ["e-1"]]),
        ("States.ArrayPartition($.list, 3)", [[1, 2, 3], [3]]),
        ("States.ArrayPartition($.list, 2.9)", [[1, 2], [3, 3]]),
        ("States.ArrayPartition($.none, 2)", []),
        ("States.ArrayContains($.list, 3)", True),
        ("States.ArrayContains($.list, 9)", False),
        ("States.ArrayContains($.list, '3')", True),
        ("States.ArrayContains(States.Array($.object), $.object)", True),
        ("States.ArrayContains(States.Array(0, 1), false)", False),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayRange(5, 1, -2)", [5, 3, 1]),
        ("States.ArrayRange(5, 1, 1)", []),
        ("States.ArrayRange(1.6, 1.4, 1)", [1]),
        ("States.ArrayRange(5.4, -0.6, -2.4)", [5, 3, 1]),
        ("States.ArrayGetItem($.list, 1)", 2),
        ("States.ArrayGetItem($.list, 1.9)", 2),
        ("States.ArrayGetItem($.none, 9)", None),
        ("States.ArrayLength($.list)", 4),
        ("States.ArrayUnique($.list)", [1, 2, 3]),
        ("States.ArrayUnique(States.Array(1, '1', true, 1.0, 'a', 'a', null, null))", [1, "1", True, "a", None]),
        ("States.Base64Encode('Data to encode')", "RGF0YSB0byBlbmNvZGU="),
        ("States.Base64Decode('RGF0YSB0byBkZWNvZGU=')", "Data to decode"),
        ("States.Base64Decode(' YWJjZA== ')", "abcd"),
        ("States.Base64Decode('YWJj!ZA')", "abcd"),
        ("States.Hash('hello', 'MD5')", "5d41402abc4b2a76b9719d911017c592"),
        ("States.Hash('hello', 'SHA-1')", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
        ("States.Hash($.n, 'MD5')", "e4da3b7fbbce2345d7772b0674a318d5"),
        ("States.JsonMerge($.object, States.StringToJson('\\{\\}'), false)", {"a": 1, "b": {"c": 2}}),
        ("States.MathAdd(111, -1)", 110),
        ("States.MathAdd(1.6, 2.7)", 5),
        ("States.MathAdd(2147483646, 1)", 2147483647),
        ("States.StringSplit($.text, ',;')", ["a", "b", "c"]),
        ("States.StringSplit(',,a,,b,', ',')", ["a", "b"]),
        ("States.StringSplit($.empty, ',')", []),
        ("States.StringSplit('a.b', '.')", ["a", "b"]),
    ],
)  # fmt: skip
def test_a_call_gives(text: str, expected: Any) -> None:
    given_input = {**INPUT}

    assert call(text) == expected
    assert given_input == INPUT


def test_a_shallow_merge_takes_the_second_objects_members_whole() -> None:
    first, second = {"a": {"a1": 1, "a2": 2}, "b": 2, "d": 3}, {"a": {"a3": 1, "a4": 2}, "c": 3, "d": 4}

    merged = call("States.JsonMerge($.first, $.second, false)", {"first": first, "second": second})

    assert merged == {"a": {"a3": 1, "a4": 2}, "b": 2, "c": 3, "d": 4}
    assert "c" not in first


def test_ids_and_random_numbers_come_from_the_draws_of_the_event() -> None:
    expression = compile_intrinsic("States.Array(States.UUID(), States.UUID(), States.MathRandom(1, 1000000))")

    first: Any = expression(scope())

    assert first == expression(scope())
    assert uuid.UUID(first[0]).version == 4
    assert first[0] != first[1]
    assert 1 <= first[2] < 1_000_000


@pytest.mark.parametrize(
    ("call_text", "reason"),
    [
        ("States.Format('{} {}', 1)", "Invalid arguments in States.Format: "),
        ("States.Format('{}', 1, 2)", "Invalid arguments in States.Format: "),
        ("States.Format()", "Invalid arguments in States.Format"),
        ("States.Format(1)", "Invalid arguments in States.Format"),
        ("States.Format($.n)", "Invalid arguments in States.Format"),
        ("States.Format('Hello {', 1)", "Invalid template in States.Format: matching '}' not found for '{'."),
        ("States.Format('}')", "Invalid template in States.Format: matching '{' not found for '}'."),
        ("States.StringToJson('nope')", "Invalid arguments in States.StringToJson"),
        ("States.StringToJson(1)", "Invalid arguments in States.StringToJson"),
        ("States.JsonToString()", "Invalid arguments in States.JsonToString"),
        ("States.ArrayPartition($.list, 0.9)", "Invalid arguments in States.ArrayPartition"),
        ("States.ArrayPartition($.list, '2')", "Invalid arguments in States.ArrayPartition"),
        ("States.ArrayPartition($.list)", "Invalid arguments in States.ArrayPartition"),
        ("States.ArrayContains('abc', 'a')", "Invalid arguments in States.ArrayContains"),
        ("States.ArrayRange(1, 1001, 1)", "Invalid arguments in States.ArrayRange"),
        ("States.ArrayRange(1, 10, 0)", "Invalid arguments in States.ArrayRange"),
        ("States.ArrayRange(1, 99999999999999999999, 1)", "Invalid arguments in States.ArrayRange"),
        ("States.ArrayGetItem($.list, 4)", "Invalid arguments in States.ArrayGetItem"),
        ("States.ArrayGetItem($.list, -1)", "Invalid arguments in States.ArrayGetItem"),
        ("States.ArrayLength($.name)", "Invalid arguments in States.ArrayLength"),
        ("States.Base64Encode(1)", "Invalid arguments in States.Base64Encode"),
        ("States.Hash('a', 'sha-256')", "Invalid arguments in States.Hash"),
        ("States.JsonMerge($.object, $.object, true)", "Invalid arguments in States.JsonMerge"),
        ("States.JsonMerge($.list, $.object, false)", "Invalid arguments in States.JsonMerge"),
        ("States.MathAdd(2147483647, 1)", "Invalid arguments in States.MathAdd"),
        ("States.MathAdd(true, 1)", "Invalid arguments in States.MathAdd"),
        ("States.MathAdd($.huge, 1)", "Invalid arguments in States.MathAdd"),
        ("States.MathRandom(1.4, 1.6)", "Invalid arguments in States.MathRandom"),
        ("States.MathRandom(1, 10, null)", "Invalid arguments in States.MathRandom"),
        ("States.StringSplit($.text, 1)", "Invalid arguments in States.StringSplit"),
        ("States.UUID(1)", "Invalid arguments in States.UUID"),
        ("States.Format('{}', States.Array($.a.b))",
         "The JsonPath argument for the field '$.a.b' could not be found in the input '{"),
        ("States.Array($$.Nope.Deep)", "The JsonPath argument for the field '$.Nope.Deep' could not be found in "),
        ("States.Array($.list[9])", "The JsonPath argument for the field '$.list[9]' could not be found in the input "),
        ("States.Array($.n[0])", "Filter: [0] can only be applied to arrays. Current context is: 5"),
    ],
)  # fmt: skip
def test_a_call_fails_in_awss_words(call_text: str, reason: str) -> None:
    error = failure(compile_intrinsic(call_text), scope(INPUT))

    assert error.error == "States.Runtime"
    assert error.cause.startswith(f"The function '{call_text}' had the following error: {reason}")


def test_long_texts_are_refused() -> None:
    for text in ("States.Base64Encode($)", "States.Base64Decode($)", "States.Hash($, 'MD5')"):
        assert compile_intrinsic(text)(scope("a" * 10_000))
        assert failure(compile_intrinsic(text), scope("a" * 10_001)).error == "States.Runtime"
    big = "States.Format('" + "{}" * 100 + "'" + ", $" * 100 + ")"
    assert failure(compile_intrinsic(big), scope("a" * 10_000)).error == "States.Runtime"


def test_a_seed_gives_awss_numbers_again_and_again() -> None:
    assert call("States.Array(States.MathRandom(0, 10, 42), States.MathRandom(0, 10, 42))") == [0, 0]


@pytest.mark.parametrize(
    "text",
    [
        "", "States", "States.", "States.Nope()", "states.UUID()", "States.UUID", "States.UUID(", "States.UUID())",
        "States.UUID() x", "States.Array(1,)", "States.Array(,1)", "States.Array(1 2)", "States.Array([1])",
        "States.Array(1.)", "States.Array(.5)", "States.Array('a)", "States.Array(\"a\")", "States.Array('a\\n')",
        "States.Array($.a[)", "States.Array($)$", "States.Array(name)", "States.Array(1e999)", "States.Array(True)",
        "States.Array(" * 11 + "1" + ")" * 11, "States.Array('" + "a" * 20_000 + "')",
    ],
)  # fmt: skip
def test_what_is_no_call_is_refused(text: str) -> None:
    with pytest.raises(PathSyntaxError):
        compile_intrinsic(text)


def test_ten_calls_may_be_nested() -> None:
    assert call("States.Array(" * 10 + "1" + ")" * 10) == [[[[[[[[[[1]]]]]]]]]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_json_survives_the_way_to_a_string_and_back(value: Any) -> None:
    assert compile_intrinsic("States.StringToJson(States.JsonToString($))")(scope(value)) == value


@given(st.text(max_size=50))
def test_text_survives_base64(text: str) -> None:
    assert compile_intrinsic("States.Base64Decode(States.Base64Encode($))")(scope(text)) == text


@given(st.text(max_size=30))
def test_a_quoted_literal_is_itself(text: str) -> None:
    quoted = re.sub(r"(['{}\\])", r"\\\1", text)

    assert compile_intrinsic(f"States.Array('{quoted}')")(scope()) == [text]
    assert compile_intrinsic(f"States.Format('{quoted}')")(scope()) == text


@given(st.lists(st.integers(0, 3), max_size=10), st.integers(1, 5))
def test_partitions_put_together_are_the_array(items: list[int], size: int) -> None:
    parts: Any = compile_intrinsic(f"States.ArrayPartition($, {size})")(scope(items))

    assert [item for part in parts for item in part] == items
    assert all(len(part) == size for part in parts[:-1])


@given(st.text(max_size=40))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    for candidate in (text, f"States.{text}", f"States.Array({text})", f"States.Format('{text}')"):
        try:
            compile_intrinsic(candidate)
        except PathSyntaxError:
            continue
