"""Filter policies, case by case as the SNS developer guide describes them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expeditor.payloads import JSONValue
from expeditor.topics import InvalidParameterError, MessageAttribute
from expeditor.topics.filters import FilterPolicyScope, compile_filter_policy
from expeditor.topics.validation import filter_values

BODY = FilterPolicyScope.MESSAGE_BODY
ATTRIBUTES = FilterPolicyScope.MESSAGE_ATTRIBUTES


def wants(policy: Any, value: JSONValue) -> bool:
    return compile_filter_policy(json.dumps(policy), BODY)(value)


@pytest.mark.parametrize(
    ("conditions", "matching", "others"),
    [
        (["rugby", "tennis"], ["rugby", "tennis", ["rugby", "chess"]], ["baseball", ["chess"], "Rugby", 5, None, []]),
        ([{"prefix": "bas"}], ["baseball", "bas", ["x", "basket"]], ["rugby", "Bas", 5]),
        ([{"suffix": "ball"}], ["baseball", "ball"], ["ballet", "Ball", 5]),
        ([{"equals-ignore-case": "tennis"}], ["TENNIS", "Tennis"], ["tennis ", 5]),
        ([{"anything-but": ["rugby", "tennis"]}], ["baseball", ["rugby", "baseball"], 5], ["rugby", ["tennis"]]),
        ([{"anything-but": "rugby"}], ["baseball"], ["rugby"]),
        ([{"anything-but": [100, 500]}], [101, "100"], [100, 500.0]),
        ([{"anything-but": {"prefix": "bas"}}], ["rugby"], ["baseball"]),
        ([{"anything-but": {"suffix": ["ball", "by"]}}], ["tennis"], ["rugby", "baseball"]),
        ([301.5], [301.5, 301.50, 301.500001], ["301.5", 302, True]),
        ([1], [1, 1.0], [True, "1"]),
        ([{"numeric": ["=", 301.5]}], [301.5], [302, "301.5"]),
        ([{"numeric": ["<", 0]}], [-1], [0, 1]),
        ([{"numeric": [">", 0, "<=", 150]}], [1, 150], [0, 151, True]),
        ([{"exists": True}], ["x", 0, None, False], [[]]),
        ([{"cidr": "10.0.0.0/24"}], ["10.0.0.255"], ["10.1.1.0", "ten", 10]),
        ([None, True], [None, True], [False, 1, "null"]),
        (["a", {"numeric": [">", 5]}], ["a", 6], ["b", 5]),
    ],
)
def test_conditions(conditions: list[Any], matching: list[Any], others: list[Any]) -> None:
    for value in matching:
        assert wants({"key": conditions}, {"key": value}), value
    for value in others:
        assert not wants({"key": conditions}, {"key": value}), value


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ([{"exists": False}], True),
        ([{"exists": True}], False),
        ([{"anything-but": ["a"]}], False),
        ([{"anything-but": ["a"]}, {"exists": False}], True),
        (["a"], False),
        ([None], False),
    ],
)
def test_absent_name(conditions: list[Any], wanted: bool) -> None:
    assert wants({"key": conditions}, {"other": 1}) is wanted


def test_every_name_must_match_and_others_do_not_matter() -> None:
    policy = {"city": ["Chicago"], "price": [{"numeric": [">", 100]}]}
    assert wants(policy, {"city": "Chicago", "price": 101, "colour": "red"})
    assert not wants(policy, {"city": "Chicago", "price": 100})


def test_or_needs_one_of_its_branches_and_the_names_beside_it() -> None:
    policy = {
        "source": ["aws"],
        "$or": [{"metric": ["CPU"]}, {"namespace": ["EC2"], "size": [{"numeric": [">", 5]}]}],
    }
    assert wants(policy, {"source": "aws", "metric": "CPU"})
    assert wants(policy, {"source": "aws", "namespace": "EC2", "size": 6})
    assert not wants(policy, {"source": "aws", "namespace": "EC2", "size": 5})
    assert not wants(policy, {"source": "x", "metric": "CPU"})


def test_ors_nest() -> None:
    policy = {"$or": [{"a": [1]}, {"$or": [{"b": [2]}, {"c": [3]}]}]}
    assert [wants(policy, value) for value in ({"a": 1}, {"b": 2}, {"c": 3}, {"c": 4})] == [True, True, True, False]


@pytest.mark.parametrize("rule", [["a"], ["a", "b"]])
def test_or_that_is_not_one_is_a_name(rule: list[Any]) -> None:
    assert wants({"$or": rule}, {"$or": "a"})


def test_nested_policy_looks_into_the_body() -> None:
    policy = {"order": {"items": {"city": ["Austin"]}}}
    assert wants(policy, {"order": {"items": {"city": "Austin"}}})
    assert wants(policy, {"order": {"items": [{"city": "Chicago"}, {"city": "Austin"}]}})
    assert not wants(policy, {"order": {"items": []}})
    assert not wants(policy, {"order": "items"})
    assert wants({"order": {"note": [{"exists": False}]}}, {})


@pytest.mark.parametrize("body", [None, 5, "text", ["a"], True])
def test_body_that_is_no_object_has_no_names(body: JSONValue) -> None:
    assert not wants({"a": ["a"]}, body)


def test_attributes_are_seen_by_their_types() -> None:
    seen = filter_values(
        {
            "text": MessageAttribute("String", "5"),
            "number": MessageAttribute("Number", "5"),
            "own": MessageAttribute("Number.int", "7"),
            "array": MessageAttribute("String.Array", '["a", 5, true, null]'),
            "no array": MessageAttribute("String.Array", "a"),
            "bytes": MessageAttribute("Binary", b"x"),
        }
    )
    assert seen == {"text": "5", "number": 5.0, "own": 7.0, "array": ["a", 5, True, None], "no array": "a"}


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("[]", "must be a JSON object"),
        ("{", "failed to parse JSON"),
        ('{"a": []}', "Empty arrays are not allowed"),
        ('{"a": "b"}', '"a" must be an object or an array'),
        ('{"a": [["b"]]}', "Match value must be String, number, true, false, or null"),
        ('{"a": [{"starts": "b"}]}', "Unrecognized match type starts"),
        ('{"a": [{"prefix": "b", "suffix": "c"}]}', "Only one key allowed in match expression"),
        ('{"a": [{"prefix": 5}]}', "prefix match pattern must be a string"),
        ('{"a": [{"exists": "yes"}]}', "exists match pattern must be either true or false"),
        ('{"a": [{"numeric": ["<"]}]}', "numeric must be an array"),
        ('{"a": [{"numeric": ["~", 5]}]}', "Unrecognized numeric range operator: ~"),
        ('{"a": [{"numeric": ["<", "5"]}]}', "must be numeric"),
        ('{"a": [{"numeric": ["<", 1e10]}]}', "must be numeric"),
        ('{"a": [{"numeric": [">", 5, "<", 1]}]}', "Bottom must be less than top"),
        ('{"a": [{"numeric": ["<", 5, ">", 1]}]}', "Bad numeric range operator"),
        ('{"a": [{"anything-but": {"numeric": 5}}]}', "Unsupported anything-but pattern: numeric"),
        ('{"a": [{"anything-but": [null]}]}', "only numbers and strings are supported"),
        ('{"a": [{"anything-but": []}]}', "Empty arrays are not allowed"),
        ('{"a": [{"cidr": "300.0.0.0/8"}]}', "Malformed CIDR"),
        (json.dumps({str(n): ["x"] for n in range(6)}), "can not have more than 5 keys"),
        (json.dumps({"a": list("abcdefghijklm"), "b": list("abcdefghijkl")}), "too complex: 156 combinations"),
        (json.dumps({"a": {"b": {}}}), "Empty objects are not allowed"),
        ('{"a": ["%s"]}' % ("x" * 262_144), "larger than 262144 bytes"),
        ("[" * 100_000, "failed to parse JSON"),
        ('{"a":' * 600 + "{}" + "}" * 600, "nested too deeply"),
    ],
)
def test_policies_that_break_a_rule(policy: str, reason: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        compile_filter_policy(policy, BODY)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("Invalid parameter: FilterPolicy: ")


def test_nested_policy_is_for_the_body_only() -> None:
    with pytest.raises(InvalidParameterError, match="does not support nested filter policy"):
        compile_filter_policy('{"a": {"b": ["c"]}}', ATTRIBUTES)


def test_values_of_nested_names_count_once_per_level() -> None:
    compile_filter_policy(json.dumps({"a": {"b": {"c": list(range(50))}}}), BODY)
    with pytest.raises(InvalidParameterError, match="153 combinations"):
        compile_filter_policy(json.dumps({"a": {"b": {"c": list(range(51))}}}), BODY)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_OPERATOR = st.sampled_from(
    ["prefix", "suffix", "numeric", "exists", "anything-but", "cidr", "$or", "equals-ignore-case"]
)
_POLICY = st.dictionaries(
    st.text(max_size=4) | st.just("$or"),
    st.lists(_JSON | st.dictionaries(_OPERATOR, _JSON, max_size=2), max_size=4) | _JSON,
    max_size=4,
)


@given(_POLICY, _JSON)
def test_any_policy_is_refused_or_answers(policy: dict[str, Any], value: Any) -> None:
    try:
        accepts = compile_filter_policy(json.dumps(policy), BODY)
    except InvalidParameterError:
        return
    assert accepts(value) in {True, False}
