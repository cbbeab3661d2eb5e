"""Payload templates in both query languages."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.asl.expressions import failure, scope

from expeditor.asl.payload import TemplateError, compile_jsonata_template, compile_template

ORDER: dict[str, Any] = {"id": "o-1", "items": [{"price": 5}, {"price": 15}], "note": None}


def test_a_template_is_filled_in() -> None:
    template = {
        "order.$": "$.id",
        "fixed": {"a": [1, "$.id"]},
        "nested": [{"prices.$": "$.items[*].price"}, "text"],
        "execution.$": "$$.Execution.Id",
        "limit.$": "$limit",
        "label.$": "States.Format('order {}', $.id)",
        "note.$": "$.note",
    }

    built = compile_template(template)(scope(ORDER, variables={"limit": 3}))

    assert built == {
        "order": "o-1",
        "fixed": {"a": [1, "$.id"]},
        "nested": [{"prices": [5, 15]}, "text"],
        "execution": "e-1",
        "limit": 3,
        "label": "order o-1",
        "note": None,
    }
    assert list(built) == ["order", "fixed", "nested", "execution", "limit", "label", "note"]  # type: ignore[arg-type]


def test_static_parts_and_selected_values_are_shared_not_copied() -> None:
    template: Any = {"a.$": "$.items", "fixed": {"b": [1]}}

    built: Any = compile_template(template)(scope(ORDER))

    assert built["fixed"] is template["fixed"]
    assert built["a"] is ORDER["items"]


def test_each_evaluation_builds_anew() -> None:
    expression = compile_template({"a.$": "$.id", "b": [{"c.$": "$.id"}]})

    first, second = expression(scope({"id": 1})), expression(scope({"id": 2}))

    assert (first, second) == ({"a": 1, "b": [{"c": 1}]}, {"a": 2, "b": [{"c": 2}]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.text(max_size=3).filter(lambda key: not key.endswith(".$")), children, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
def test_a_template_without_dynamic_keys_is_itself(template: Any) -> None:
    before = copy.deepcopy(template)

    assert compile_template(template)(scope()) is template
    assert compile_jsonata_template(template)(scope()) is template
    assert template == before


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4), JSON)
def test_a_dynamic_key_adds_exactly_its_value(static: dict[str, Any], value: Any) -> None:
    template = {key: item for key, item in static.items() if not key.endswith(".$") and key != "picked"}

    built = compile_template({**template, "picked.$": "$.value"})(scope({"value": value}))

    assert built == {**template, "picked": value}


def test_a_missing_path_names_the_key() -> None:
    error = failure(compile_template({"deep": {"address.$": "$.application.address"}}), scope({"flagged": False}))

    assert error.error == "States.Runtime"
    assert error.cause == (
        "The JSONPath '$.application.address' specified for the field 'address.$' could not be found in the input "
        "'{\"flagged\":false}'"
    )


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("template", "pointer"),
    [
        ({"a.$": 1}, "/a.$"),
        ({"a": [{"b.$": "no path"}]}, "/a/0/b.$"),
        ({"a.$": "$.a["}, "/a.$"),
        ({"a.$": "States.Nope()"}, "/a.$"),
        (deep(150), "/a" * 101),
    ],
)
def test_a_wrong_template_is_refused_at_its_place(template: Any, pointer: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(template)

    assert caught.value.pointer == pointer


def test_a_jsonata_template_is_filled_in() -> None:
    template = {
        "order": "{% $states.input.id %}",
        "fixed": {"a": [1, "$states.input.id", "a {% 1 %}"]},
        "nested": [{"total": "{% $sum($states.input.items.price) %}"}, None],
        "limit": "{% $limit %}",
        "key.$": "$.id",
    }

    built = compile_jsonata_template(template)(scope(ORDER, variables={"limit": 3}))

    assert built == {
        "order": "o-1",
        "fixed": {"a": [1, "$states.input.id", "a {% 1 %}"]},
        "nested": [{"total": 20}, None],
        "limit": 3,
        "key.$": "$.id",
    }


def test_a_whole_jsonata_template_may_be_one_expression() -> None:
    assert compile_jsonata_template("{% $states.input.items[0] %}")(scope(ORDER)) == {"price": 5}


@pytest.mark.parametrize(
    ("template", "location"),
    [
        ("{% $nope %}", "Output"),
        ({"v": "{% $nope %}"}, "Output/v"),
        ({"a": {"b": [[1, "{% $nope %}"]]}}, "Output/a/b[0][1]"),
    ],
)
def test_a_failing_member_is_named(template: Any, location: str) -> None:
    error = failure(compile_jsonata_template(template, field="Output"), scope(ORDER))

    assert error.error == "States.QueryEvaluationError"
    assert error.location == location
    assert error.cause == (
        f"The JSONata expression '$nope' specified for the field '{location}' returned nothing (undefined)."
    )


@pytest.mark.parametrize(("template", "pointer"), [({"a": ["{% 1 + %}"]}, "/a/0"), (deep(150), "/a" * 101)])
def test_a_wrong_jsonata_template_is_refused_at_its_place(template: Any, pointer: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_jsonata_template(template)

    assert caught.value.pointer == pointer
