"""In which states an execution failed."""

from collections.abc import Sequence

import pytest

from expeditor.asl import HistoryEvent
from expeditor.console.trail import Visit, failed_visit, trail, visits
from expeditor.testing import TestedMachine


def test_an_error_that_was_caught_is_not_where_a_stopped_execution_ended() -> None:
    caught = Visit("Charge", "Task", 0.0, "{}", exited_at=1.0, error="Card.Declined")

    assert failed_visit([caught, Visit("Wait", "Wait", 1.0, "{}")]) is None
    assert failed_visit([caught, Visit("Ship", "Task", 1.0, "{}", error="Ship.Lost")]) == 2
    assert failed_visit([caught, Visit("GiveUp", "Fail", 1.0, "{}")]) == 2


def history(kind: str, *, caught: bool) -> Sequence[HistoryEvent]:
    """Of an execution whose Parallel or Map *kind* ``Group`` fails by the first of its tasks ``Charge``."""
    charge = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:charge", "End": True}
    inner = {"StartAt": "Charge", "States": {"Charge": charge}}
    nap = {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 10, "End": True}}}
    group = {"Branches": [inner, nap]} if kind == "Parallel" else {"ItemsPath": "$.items", "ItemProcessor": inner}
    catch = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Rescue"}]} if caught else {}
    rescue = {"Rescue": {"Type": "Wait", "Seconds": 1, "Next": "Done"}} if caught else {}
    states = {"Group": {"Type": kind, **group, **catch, "Next": "Done"}, **rescue, "Done": {"Type": "Succeed"}}
    machine = TestedMachine({"StartAt": "Group", "States": states})
    machine.mock("charge", error="Card.Declined", cause="no money")
    return machine.run({"items": [1, 2]}).history


@pytest.mark.parametrize("kind", ["Parallel", "Map"])
def test_the_states_around_the_one_that_failed_failed_with_it(kind: str) -> None:
    events = history(kind, caught=False)

    group, charge, *_ = visits(events)
    marks = trail(events, is_running=False).marks

    assert (group.error, group.cause) == (charge.error, charge.cause) == ("Card.Declined", "no money")
    assert (marks["Group"].state, marks["Charge"].state) == ("failed", "failed")
    assert failed_visit(visits(events)) == 2


@pytest.mark.parametrize("kind", ["Parallel", "Map"])
def test_an_error_inside_that_was_caught_outside_stays_with_both(kind: str) -> None:
    events = history(kind, caught=True)

    group, charge, *_ = visits(events)
    marks = trail(events, is_running=False).marks

    assert group.error == charge.error == "Card.Declined"
    assert (marks["Group"].state, marks["Charge"].state) == ("caught", "failed")
    assert (marks["Rescue"].state, marks["Done"].state) == ("succeeded", "succeeded")


def test_an_error_inside_that_was_caught_outside_is_not_where_a_stopped_execution_ended() -> None:
    events = [event for event in history("Parallel", caught=True) if event.id <= 13]

    assert [visit.name for visit in visits(events)] == ["Group", "Charge", "Nap", "Rescue"]
    assert failed_visit(visits(events)) is None


def test_a_branch_that_is_given_up_is_cancelled() -> None:
    assert trail(history("Parallel", caught=False), is_running=False).marks["Nap"].state == "cancelled"


def test_a_parallel_around_a_fail_state_was_caught_too() -> None:
    refuse = {"StartAt": "Refuse", "States": {"Refuse": {"Type": "Fail", "Error": "Card.Declined"}}}
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]
    group = {"Type": "Parallel", "Branches": [refuse], "Catch": catch, "Next": "Done"}
    events = (
        TestedMachine({"StartAt": "Group", "States": {"Group": group, "Done": {"Type": "Succeed"}}}).run({}).history
    )

    marks = trail(events, is_running=False).marks

    assert {name: mark.state for name, mark in marks.items()} == {
        "Group": "caught",
        "Refuse": "failed",
        "Done": "succeeded",
    }
