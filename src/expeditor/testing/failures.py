"""What is wrong with a test of a state machine, rather than with the machine."""


class MachineTestError(AssertionError):
    """The test asks for something the machine does not have; the message says what it has."""


class UnmockedTaskError(MachineTestError):
    """A task was called that has no mock; the message ends with the line to add.

    Attributes:
        state: name of the Task state.
        line: Python, such as ``machine.mock("authorize-payments", result={})``.
    """

    def __init__(self, state: str, called: str, line: str) -> None:
        super().__init__(
            f"the state {state} calls {called}, which has no mock. Add this line to the test:\n\n    {line}\n"
        )
        self.state = state
        self.line = line


class StuckExecutionError(MachineTestError):
    """Nothing is left that could happen, and the execution has not ended."""
