"""What differs between two releases, state by state and function by function."""

import copy
from dataclasses import replace
from typing import Any

from expeditor.console.comparing import MACHINE, Kind, changed_rows, compared, grouped, marks
from expeditor.console.graph import draw
from expeditor.rollout import FunctionPin, Manifest

DEFINITION: dict[str, Any] = {
    "StartAt": "Scan",
    "States": {
        "Scan": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:1:function:scan:1", "Next": "Each"},
        "Each": {
            "Type": "Map",
            "ItemProcessor": {
                "StartAt": "Pay",
                "States": {
                    "Pay": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:1:function:pay:1", "End": True}
                },
            },
            "Next": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}


def pin(name: str, version: str = "1", **changed: Any) -> FunctionPin:
    return replace(FunctionPin(name, version, "code-1", "shop.handler", "python3.11", 10, 128, {}), **changed)


BEFORE = Manifest("shop-v1.0.0", "STANDARD", DEFINITION, {"scan": pin("scan"), "pay": pin("pay")})


def after(definition: dict[str, Any] | None = None, **functions: FunctionPin) -> Manifest:
    return replace(BEFORE, definition=definition or DEFINITION, functions={**BEFORE.functions, **functions})


def changed_definition() -> dict[str, Any]:
    definition = copy.deepcopy(DEFINITION)
    definition["States"]["Wait"] = {"Type": "Wait", "Seconds": 1, "Next": "Scan"}
    definition["StartAt"] = "Wait"
    definition["States"]["Each"]["ItemProcessor"]["States"]["Pay"]["TimeoutSeconds"] = 5
    definition["States"]["Scan"]["Next"] = "Each"
    del definition["States"]["Done"]
    del definition["States"]["Each"]["Next"]
    definition["States"]["Each"]["End"] = True
    return definition


def test_the_same_content_under_other_version_numbers_does_not_differ() -> None:
    definition = copy.deepcopy(DEFINITION)
    definition["States"]["Scan"]["Resource"] = "arn:aws:lambda:us-east-1:1:function:scan:7"

    assert compared(BEFORE, after(definition, scan=pin("scan", "7"))).is_same


def test_states_that_come_go_and_change_are_told_apart_also_inside_others() -> None:
    found = {each.name: each for each in compared(BEFORE, after(changed_definition())).states}

    assert {name: each.kind for name, each in found.items()} == {
        MACHINE: Kind.CHANGED,
        "Wait": Kind.ADDED,
        "Done": Kind.REMOVED,
        "Each": Kind.CHANGED,
        "Pay": Kind.CHANGED,
    }
    assert [(each.field, each.before, each.after) for each in found["Pay"].fields] == [
        ("TimeoutSeconds", "(absent)", "5")
    ]
    assert [each.field for each in found["Each"].fields] == ["Next", "End"]


def test_a_state_that_calls_another_version_is_marked_and_not_listed() -> None:
    found = compared(BEFORE, after(pay=pin("pay", "2", code="code-2")))

    assert [(each.name, each.kind) for each in found.states] == [("Pay", Kind.CALLS_OTHER)]
    assert changed_rows(found.states) == []


def test_functions_differ_by_code_configuration_and_names_of_variables() -> None:
    changed = pin("pay", "2", code="code-2", memory_mb=256, environment={"SECRET": "hunter2"})
    (found,) = compared(BEFORE, after(pay=changed)).functions

    assert (found.kind, found.code_differs) == (Kind.CHANGED, True)
    assert any("memory_mb 128 -> 256" in note for note in found.notes)
    assert any("SECRET is new" in note for note in found.notes)
    assert not any("hunter2" in note or note.startswith("code") for note in found.notes)


def test_functions_that_differ_alike_share_a_row() -> None:
    both = {name: pin(name, "2", code="code-2") for name in ("scan", "pay")}
    found = compared(BEFORE, after(**both, mail=pin("mail")))

    assert [(names, each.kind) for names, each in grouped(found.functions)] == [
        (["mail"], Kind.ADDED),
        (["pay", "scan"], Kind.CHANGED),
    ]


def test_each_picture_marks_what_it_has_by_word_and_by_shape() -> None:
    other = after(changed_definition())
    comparison = compared(BEFORE, other)

    old = draw(DEFINITION, marks(comparison, of_before=True))
    new = draw(changed_definition(), marks(comparison, of_before=False))

    assert 'class="state succeed removed"' in old
    assert "✕ gone" in old
    assert "+ new" not in old
    assert 'class="state wait added"' in new
    assert "+ new" in new
    assert "✕ gone" not in new
    assert "≠ changed" in old
    assert "≠ changed" in new
