"""In which state an execution failed."""

from expeditor.console.trail import Visit, failed_visit


def test_an_error_that_was_caught_is_not_where_a_stopped_execution_ended() -> None:
    caught = Visit("Charge", "Task", 0.0, "{}", exited_at=1.0, error="Card.Declined")

    assert failed_visit([caught, Visit("Wait", "Wait", 1.0, "{}")]) is None
    assert failed_visit([caught, Visit("Ship", "Task", 1.0, "{}", error="Ship.Lost")]) == 2
    assert failed_visit([caught, Visit("GiveUp", "Fail", 1.0, "{}")]) == 2
