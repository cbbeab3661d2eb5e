"""Variables that states refer to."""

import json

from expeditor.asl import variable_references


def references(**states: object) -> dict[str, tuple[str, ...]]:
    return dict(variable_references(json.dumps({"StartAt": "A", "States": states})))


def test_states_that_refer_to_variables_are_listed_with_them() -> None:
    found = references(
        A={"Type": "Pass", "Assign": {"total": 1, "city.$": "$.city"}, "Next": "B"},
        B={"Type": "Pass", "Parameters": {"n.$": "$total", "text": "$city"}, "Next": "C"},
        C={"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $city & $sum([$total, $total]) %}", "End": True},
        D={"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input %}", "End": True},
    )

    assert found == {"B": ("total",), "C": ("city", "total")}


def test_what_an_expression_names_itself_is_no_variable() -> None:
    found = references(
        A={"Type": "Pass", "Assign": {"x": 1}, "Next": "B"},
        B={"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% ($y := 1; $y & '$x') %}", "End": True},
    )

    assert found == {}


def test_states_inside_maps_and_parallels_are_listed_by_their_own_names() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "Parameters": {"x.$": "$x"}, "End": True}}}
    other = {"StartAt": "J", "States": {"J": {"Type": "Wait", "SecondsPath": "$x", "End": True}}}
    found = references(
        A={"Type": "Pass", "Assign": {"x": 1}, "Next": "B"},
        B={"Type": "Parallel", "Branches": [inner], "Next": "C"},
        C={"Type": "Map", "ItemsPath": "$x", "ItemProcessor": other, "End": True},
    )

    assert found == {"C": ("x",), "I": ("x",), "J": ("x",)}


def test_choices_and_catchers_are_looked_into() -> None:
    found = references(
        A={
            "Type": "Choice",
            "Choices": [{"Variable": "$y", "StringEquals": "$x", "Next": "B", "Assign": {"y": 1}}],
            "Default": "B",
        },
        B={"Type": "Task", "Catch": [{"ErrorEquals": ["E"], "Next": "A", "Assign": {"z.$": "$y"}}], "End": True},
    )

    assert found == {"A": ("y",), "B": ("y",)}
