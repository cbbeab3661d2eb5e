"""JSONPath as Step Functions reads it. The expected results of queries were recorded from Jayway 2.10."""

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.asl.expressions import failure, scope

from expeditor.asl.paths import PathSyntaxError, compile_lookup, compile_path, compile_reference_path
from expeditor.asl.scope import MISSING, EvaluationError

ORDER: dict[str, Any] = {
    "id": "o-1",
    "items": [{"sku": "a", "price": 5, "tags": ["x"]}, {"sku": "b", "price": 15}, {"sku": "c", "price": "15"}],
    "payment": {"amount": 20, "currency": "EUR", "delivery-partner": "p"},
    "note": None,
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", ORDER),
        ("$.id", "o-1"),
        ("$.payment.delivery-partner", "p"),
        ("$['payment']['amount']", 20),
        ('$["payment"].amount', 20),
        ("$.['payment'].amount", 20),
        ("$.items[0].sku", "a"),
        ("$.items[-1].sku", "c"),
        ("$.note", None),
        ("$.items[*].sku", ["a", "b", "c"]),
        ("$.items[0,2].sku", ["a", "c"]),
        ("$.items[1:].sku", ["b", "c"]),
        ("$.items[:1].sku", ["a"]),
        ("$.items[0:2].sku", ["a", "b"]),
        ("$.items[-1:].sku", ["c"]),
        ("$.items[*].tags", [["x"]]),
        ("$..sku", ["a", "b", "c"]),
        ("$..tags[0]", ["x"]),
        ("$.payment.*", [20, "EUR", "p"]),
        ("$.items[*].missing", []),
        ("$.missing[*]", []),
        ("$.missing.items[:1].sku", []),
        ("$.payment[0:1]", []),
        ("$.id[?(@.a)]", []),
        ("$.id[0,1]", []),
        ("$.id['a','b'].c", []),
        ("$.payment['amount','currency']", {"amount": 20, "currency": "EUR"}),
        ("$.items[*]['sku','tags']", [{"sku": "a", "tags": ["x"]}, {"sku": "b"}, {"sku": "c"}]),
        ("$..['sku','tags']", [{"sku": "a", "tags": ["x"]}]),
        ("$.items.length()", 3),
        ("$.payment.keys()", ["amount", "currency", "delivery-partner"]),
        ("$.items[?(@.price > 10)].sku", ["b"]),
        ("$.items[?(@.price == 15)].sku", ["b", "c"]),
        ("$.items[?(@.price == '15')].sku", ["b", "c"]),
        ("$.items[?(@.price === 15)].sku", ["b"]),
        ("$.items[?(@.tags)].sku", ["a"]),
        ("$.items[?(!@.tags)].sku", ["b", "c"]),
        ("$.items[?(@.sku in ['a', 'c'])].sku", ["a", "c"]),
        ("$.items[?(@.sku nin ['a', 'c'])].sku", ["b"]),
        ("$.items[?(@.sku =~ /[AB]/i)].sku", ["a", "b"]),
        ("$.items[?(@.sku == 'a' || @.price > 10 && @.sku != 'a')].sku", ["a", "b"]),
        ("$.items[?(@.price < $.payment.amount)].sku", ["a", "b"]),
        ("$.items[?(@.tags contains 'x')].sku", ["a"]),
        ("$.items[?(@.tags size 1)].sku", ["a"]),
        ("$.items[?(@.tags empty false)].sku", ["a"]),
        ("$.items[?(@.tags subsetof ['x','y'])].sku", ["a"]),
        ("$.items[?(@.tags anyof ['x','y'])].sku", ["a"]),
        ("$.items[?(@.tags noneof ['y'])].sku", ["a"]),
        ("$.items[?(@.tags all ['x'])].sku", ["a"]),
        ("$.payment[?(@.currency == 'EUR')]", [ORDER["payment"]]),
        ("$.items[?(@['sku'] == 'b')].price", [15]),
        ("$$.Execution.Id", "e-1"),
        ("$limit", 3),
        ("$limits.daily[0]", 7),
    ],
)
def test_a_path_selects(path: str, expected: Any) -> None:
    variables = {"limit": 3, "limits": {"daily": [7]}}

    assert compile_path(path)(scope(ORDER, variables=variables)) == expected


NUMBERS: list[Any] = [2, "a", 4, 5, 100, "nice"]


@pytest.mark.parametrize(
    ("path", "document", "expected"),
    [
        ("$[-4:1]", NUMBERS, [4, 5, 100, "nice", 2]),
        ("$[-4:3]", NUMBERS, [4, 5, 100, "nice", 2, "a", 4]),
        ("$[3:-2]", NUMBERS, []),
        ("$[0:3:2]", NUMBERS, [2, "a", 4]),
        ("$[?(@.id==2)]", {"id": 2}, [{"id": 2}]),
        ("$[?(@.length() == 2)]", [[1], [1, 2]], [[1, 2]]),
        ("$.*[?(@.key)]", [{"some": "value"}, {"key": "value"}], [{"key": "value"}]),
        ("$.data.sum()", {"data": [1, 2, 3, 4]}, 10),
        ("$.data.avg()", {"data": [1, 3]}, 2),
        ("$.data.min()", {"data": [1, 3]}, 1),
        ("$.data.max()", {"data": [1, 3]}, 3),
        ("$.data.stddev()", {"data": [1, 3]}, 1),
        ("$.data.concat('!')", {"data": ["a", "b"]}, "ab!"),
        ("$.data.append(9)", {"data": [1]}, [1, 9]),
        ("$.data.first()", {"data": [1, 3]}, 1),
        ("$.data.last()", {"data": [1, 3]}, 3),
        ("$.data.index(-1)", {"data": [1, 3]}, 3),
        ("$..price.sum()", {"a": {"price": 1}, "b": {"price": 2}}, 3),
        ("$['a','a']", {"a": 1}, {"a": 1}),
        ("$['missing','key']", {"key": "value"}, {"key": "value"}),
        ("$['it\\'s']", {"it's": 1}, 1),
        ("$[?(@.key==42)]", [{"key": 42}, {"key": "42"}, {"key": 42.5}, {"key": True}], [{"key": 42}, {"key": "42"}]),
        ("$[?(@.key==true)]", [{"key": 1}, {"key": True}], [{"key": True}]),
        ("$[?(@.key==null)]", [{"key": 0}, {"key": None}, {}], [{"key": None}]),
        ("$[?(@.key!=42)]", [{"key": 42}, {"key": 1}, {}], [{"key": 1}, {}]),
        ("$[?(@.key=={'a':1})]", [{"key": {"a": 1}}, {"key": 1}], [{"key": {"a": 1}}]),
        ("$[?(@.key)]", [{"key": None}, {}], [{"key": None}]),
    ],
)
def test_jayways_own_ways(path: str, document: Any, expected: Any) -> None:
    assert compile_path(path)(scope(document)) == expected


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("$.nope", "No results for path: $['nope']"),
        ("$.payment.nope.deeper", "Missing property in path $['payment']['nope']"),
        ("$.items[9]", "No results for path: $['items'][9]"),
        ("$.id[0]", "Filter: [0] can only be applied to arrays. Current context is: o-1"),
        ("$.note[0]", "The path $['note'] is null"),
        ("$.id.deeper", "Expected to find an object with property ['deeper'] in path $['id'] but found"),
        ("$.nope.length()", "Missing property in path $['nope']"),
    ],
)
def test_a_definite_path_that_is_missing_fails_in_jayways_words(path: str, reason: str) -> None:
    error = failure(compile_path(path, field="OutputPath"), scope(ORDER))

    assert error.error == "States.Runtime"
    assert error.cause.startswith(f"Invalid path '{path}' : {reason}")


def test_a_missing_path_in_another_field_is_told_with_the_input() -> None:
    error = failure(compile_path("$.NoSuchCausePath", field="CausePath"), scope({"a": [1, "é"]}))

    assert error.cause == (
        "The JSONPath '$.NoSuchCausePath' specified for the field 'CausePath' could not be found in the input "
        '\'{"a":[1,"é"]}\''
    )


def test_a_position_beyond_the_end_is_null_in_a_template_only() -> None:
    at = scope({"items": [1]})

    assert compile_path("$.items[5]", field="x.$")(at) is None
    assert failure(compile_path("$.items[5].a", field="x.$"), at).error == "States.Runtime"
    assert failure(compile_path("$.items[5]", field="InputPath"), at).error == "States.Runtime"


def test_a_lookup_tells_null_from_nothing() -> None:
    at = scope({"a": None, "text": "abc"})

    assert compile_lookup("$.a")(at) is None
    assert compile_lookup("$.b")(at) is MISSING
    assert compile_lookup("$.text[0]")(at) is MISSING
    assert compile_lookup("$unknown")(at) is MISSING


@pytest.mark.parametrize(
    "path",
    [
        "", "a", "@", "$.", "$..", "$...a", "$.a.", "$.a[", "$.a[]", "$.a[1", "$.a['b]", "$.a b", "$[:]", "$[::2]",
        "$.a[?]", "$.a[?()]", "$.a[?(@.b ==)]", "$.a[?(@.b == 'x)]", "$.a[?(1)]", "$.a[?(@.b =~ /(/)]", "$.a.foo()",
        "$.a.length().b", "$.a[?(@.b =~ /x/z)]", "$.a[?(@.b == [1)]", "$.a[?(@.b == [1,])]", "$.a[b]", "$$$.a",
        "$.a[?(@.b == 1e999)]", "$" + ".a" * 20_000, "$.a[?(" + "(" * 60 + "@.a" + ")" * 60 + ")]",
        "$.a[?(" + "!" * 60 + "@.a)]", "$" + "[?(@" * 60 + ")]" * 60,
    ],
)  # fmt: skip
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(PathSyntaxError):
        compile_path(path)


TOKENS = [
    ".", "..", "[", "]", "(", ")", "'a'", '"b"', "*", "?", "@", "@.a", "@.price", "==", "!=", "<", "=~", "/a/",
    "/(a+)+b/i", " in ", "&&", "||", "!", "0", "-1", "1:", "0:2", ",", "a", "b", "items", "price", "length()", "sum()",
    "true", "1.5", "$.a", "$$", " ", "[?(", "[*]", "[1,2]", " size ", "\\", "é",
]  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS), max_size=8))
def test_any_text_compiles_or_is_refused_and_gives_or_fails(tokens: list[str]) -> None:
    try:
        expression = compile_path("$" + "".join(tokens))
    except PathSyntaxError:
        return
    with suppress(EvaluationError):
        expression(scope({**ORDER, "a": {"b": [1, "x", None]}, "b": [[1], [2, {"a": "a"}]]}))


def test_a_costly_path_is_stopped() -> None:
    document: Any = {"a": 1}
    for _ in range(12):
        document = {"a": [document] * 2, "b": document}

    error = failure(compile_path("$..*..*..*"), scope(document))

    assert "visits more than" in error.cause


def test_a_hostile_regular_expression_is_stopped() -> None:
    at = scope([{"a": "a" * 40}] * 100)

    error = failure(compile_path("$[?(@.a =~ /(a+)+b/)]"), at)

    assert "took too long" in error.cause


def test_a_deep_document_is_scanned_without_recursion() -> None:
    document: Any = {"leaf": 1}
    for _ in range(5_000):
        document = [document]

    assert compile_path("$..leaf")(scope(document)) == [1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=12,
)
NAMES = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4)
OBJECTS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.just({}), max_size=3),
    lambda children: st.dictionaries(st.sampled_from("abc"), children, max_size=3),
    max_leaves=8,
)


@given(OBJECTS, NAMES, JSON)
def test_what_is_set_is_got_and_the_original_is_untouched(document: Any, names: list[str], value: Any) -> None:
    place = compile_reference_path("$." + ".".join(names))
    before = copy.deepcopy(document)

    changed = place.set(document, value)

    assert place.get(changed) == value
    assert document == before
    assert place.set(changed, value) == changed


@given(OBJECTS, NAMES, JSON, JSON)
def test_setting_again_replaces(document: Any, names: list[str], first: Any, second: Any) -> None:
    place = compile_reference_path("".join(f"['{name}']" for name in names).join(["$", ""]))

    assert place.set(place.set(document, first), second) == place.set(document, second)


def test_setting_shares_what_is_off_the_way() -> None:
    document = {"a": {"b": 1, "big": [1, 2]}, "other": {"x": 1}}

    changed: Any = compile_reference_path("$.a.b").set(document, 2)

    assert changed == {"a": {"b": 2, "big": [1, 2]}, "other": {"x": 1}}
    assert changed["other"] is document["other"]
    assert changed["a"]["big"] is document["a"]["big"]  # type: ignore[index]


def test_setting_the_root_replaces_the_document() -> None:
    assert compile_reference_path("$").set({"a": 1}, 5) == 5


def test_setting_a_position_that_is_there() -> None:
    assert compile_reference_path("$[1].payload").set([1, {"id": 7}], 2) == [1, {"id": 7, "payload": 2}]


@pytest.mark.parametrize(
    ("path", "document", "step"),
    [
        ("$.x", [1], "x"),
        ("$.x", "text", "x"),
        ("$.x", None, "x"),
        ("$.a.b", {"a": 1}, "b"),
        ("$.a[0]", {"a": {}}, "0"),
        ("$.a[1]", {"a": [1]}, "1"),
        ("$.a[0]", {}, "0"),
    ],
)
def test_a_place_that_does_not_fit_is_told(path: str, document: Any, step: str) -> None:
    place = compile_reference_path(path)

    with pytest.raises(EvaluationError) as caught:
        place.set(document, 1)

    assert caught.value.error == "States.ReferencePathConflict"
    assert caught.value.cause.startswith(f'Unable to apply step "{step}" to input ')


def test_reading_a_place_that_is_not_there_names_the_step_and_the_whole_input() -> None:
    with pytest.raises(EvaluationError) as caught:
        compile_reference_path("$.discovery.objects").get({"discovery": {"status": 500}})

    assert caught.value.cause == 'Unable to apply step "objects" to input {"discovery":{"status":500}}'


@pytest.mark.parametrize("path", ["$.a[*]", "$..a", "$.a[0:1]", "$['a','b']", "$.a.length()", "$.a[-1]", "$$.a", "$v"])
def test_a_reference_path_selects_one_value(path: str) -> None:
    with pytest.raises(PathSyntaxError):
        compile_reference_path(path)
