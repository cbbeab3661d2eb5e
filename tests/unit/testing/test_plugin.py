"""The plugin in a pytest of its own: what passes, and what a person reads when something fails."""

import json

import pytest

import expeditor.node
import expeditor.testing  # noqa: F401 - what is imported here is not imported anew by each pytest inside

pytest_plugins = ["pytester"]

ARGUMENTS = ("-p", "expeditor.pytest_plugin", "-p", "no:hypothesispytest", "-W", "default")

DEFINITION = {
    "StartAt": "Charge",
    "States": {
        "Charge": {
            "Type": "Task",
            "Resource": "${ChargeCardFunctionArn}",
            "TimeoutSeconds": 60,
            "Retry": [{"ErrorEquals": ["Gateway.Busy"], "IntervalSeconds": 2, "MaxAttempts": 2}],
            "Catch": [{"ErrorEquals": ["Card.Declined"], "Next": "Refused"}],
            "Next": "Ship",
        },
        "Ship": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "ship", "Payload": {"token.$": "$$.Task.Token"}},
            "Next": "Cool",
        },
        "Cool": {"Type": "Wait", "Seconds": 604800, "Next": "Done"},
        "Done": {"Type": "Succeed"},
        "Refused": {"Type": "Fail", "Error": "Refused", "Cause": "the card was declined"},
    },
}


@pytest.fixture
def run(pytester: pytest.Pytester) -> "Run":
    pytester.path.joinpath("orders.asl.json").write_text(json.dumps(DEFINITION))
    return Run(pytester)


class Run:
    """Runs one test in a pytest of its own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester

    def __call__(self, *lines: str, mark: str = '"orders.asl.json"') -> pytest.RunResult:
        body = "\n".join(f"    {line}" for line in lines)
        self._pytester.makepyfile(
            f"import pytest\nfrom expeditor.testing import *\n\n"
            f"@pytest.mark.machine({mark})\ndef test_orders(machine):\n{body}\n"
        )
        return self._pytester.runpytest_inprocess(*ARGUMENTS, "--strict-markers")


def test_seven_days_take_no_time(run: Run) -> None:
    result = run(
        'machine.mock("charge-card", fails("Gateway.Busy"), returns({"id": 1}, seconds=5))',
        'machine.mock("ship", result={})',
        'machine.succeed_task("Ship", {"parcel": 7}, after_seconds=60)',
        'execution = machine.run({"order_id": "o-1"})',
        'execution.assert_succeeded({"parcel": 7})',
        'execution.assert_path(["Charge", ..., "Done"])',
        'assert execution.attempts("Charge") == 2',
        'assert execution.input_of("Charge") == {"order_id": "o-1"}',
        'assert execution.output_of("Charge") == {"id": 1}',
        "assert execution.elapsed_seconds == 2 + 5 + 60 + 604800",
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "name", ["charge-card", "ChargeCard", "Charge", "arn:aws:lambda:us-east-1:000000000000:function:charge-card"]
)
def test_task_is_mocked_by_any_of_its_names(run: Run, name: str) -> None:
    run(
        f'machine.mock("{name}", error="Card.Declined", cause="no funds")', 'machine.run().assert_failed("Refused")'
    ).assert_outcomes(passed=1)


def test_mocks_of_teststate_are_taken_as_they_are(run: Run) -> None:
    result = run(
        'machine.mock("Charge", {"result": "{\\"id\\": 1}"})',
        'machine.mock("Ship", {"errorOutput": {"error": "Lost", "cause": "at sea"}})',
        "execution = machine.run()",
        'execution.assert_failed("Lost", "at sea")',
        'assert execution.output_of("Charge") == {"id": 1}',
    )

    result.assert_outcomes(passed=1)


def test_time_out_is_seen_on_the_virtual_clock(run: Run) -> None:
    run(
        'machine.mock("charge-card", never())',
        "execution = machine.run()",
        'execution.assert_failed("States.Timeout")',
        "assert execution.elapsed_seconds == 60",
    ).assert_outcomes(passed=1)


def test_function_computes_its_result_from_the_event(run: Run) -> None:
    run(
        'machine.mock("charge-card", lambda event: fails("Card.Declined") if event["total"] > 9 else {})',
        'machine.run({"total": 10}).assert_failed("Refused")',
    ).assert_outcomes(passed=1)


def test_task_without_mock_shows_the_line_to_add(run: Run) -> None:
    result = run("machine.run()")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*the state Charge calls the function ChargeCard, which has no mock. Add this line to the test:",
            'E*machine.mock("ChargeCard", result={...})',
        ]
    )
    result.stdout.no_fnmatch_line("*simulation.py*")


def test_other_path_is_shown_line_by_line_with_how_it_went(run: Run) -> None:
    result = run(
        'machine.mock("charge-card", error="Card.Declined", cause="no funds")',
        'machine.run().assert_path(["Charge", "Ship", "Done"])',
    )

    result.stdout.fnmatch_lines(
        [
            "E*the execution took another path (- expected, + taken):",
            "E*  Charge",
            "E*+ Refused",
            "E*- Ship",
            "E*- Done",
            "E*status: FAILED after 0 s of virtual time",
            "E*error:  Refused: the card was declined",
            "E*0 s  Charge",
            "E*failed: Card.Declined",
            "E*0 s  Refused",
        ]
    )


def test_other_output_is_shown_line_by_line(run: Run) -> None:
    result = run(
        'machine.mock("Charge", result={})',
        'machine.mock("Ship", result={"parcel": 7})',
        'machine.run().assert_succeeded({"parcel": 8})',
    )

    result.stdout.fnmatch_lines(["E*the execution has another output*", 'E*-*"parcel": 8', 'E*+*"parcel": 7'])


def test_other_error_is_named_beside_the_expected_one(run: Run) -> None:
    result = run('machine.mock("charge-card", error="Boom")', 'machine.run().assert_failed("Refused")')

    result.stdout.fnmatch_lines(["E*the execution failed with Boom, expected Refused"])


def test_execution_that_waits_for_a_token_says_what_to_add(run: Run) -> None:
    result = run('machine.mock("Charge", result={})', 'machine.mock("ship", result={})', "machine.run()")

    result.stdout.fnmatch_lines(["E*Ship waits for its task token", 'E*add: machine.succeed_task("Ship", {...}*'])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('machine.mock("charge-crd", result={})', '*no task of the machine is called "charge-crd"*did you mean*'),
        ('machine.mock("Charge")', '*say what "Charge" answers*'),
        ('machine.mock("Charge", 7)', "*7 is no mock*"),
        ('machine.mock("Charge", {"result": "{"})', "*must be JSON text*"),
        ('machine.succeed_task("Shp", {})', '*the machine has no task "Shp"*'),
    ],
)
def test_test_that_names_what_is_not_there_is_told_what_is(run: Run, line: str, message: str) -> None:
    result = run(line)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E{message}"])


def test_unknown_state_is_told_with_the_nearest_one(run: Run) -> None:
    result = run('machine.mock("Charge", error="Boom")', 'machine.run().attempts("Chrge")')

    result.stdout.fnmatch_lines(['E*the machine has no state "Chrge"; did you mean "Charge"?'])


def test_mock_that_nothing_called_is_reported(run: Run) -> None:
    lines = ['machine.mock("charge-card", error="Boom")', "machine.run()"]

    result = run('machine.mock("ship", result={})', *lines)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(['*nothing called the mock of "ship"; take it away, or pass optional=True'])
    run('machine.mock("ship", result={}, optional=True)', *lines).assert_outcomes(passed=1, warnings=0)


def test_test_without_machine_is_told_to_name_one(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_orders(machine):\n    pass\n")

    result = pytester.runpytest_inprocess(*ARGUMENTS)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*say which machine: @pytest.mark.machine*"])


def test_missing_file_and_wrong_definition_are_named(run: Run, pytester: pytest.Pytester) -> None:
    run("pass", mark='"nowhere.asl.json"').stdout.fnmatch_lines(["E*there is no file nowhere.asl.json in any of*"])
    pytester.path.joinpath("bad.asl.json").write_text(
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}'
    )
    run("pass", mark='"bad.asl.json"').stdout.fnmatch_lines(["E*Missing 'Next' target: B*"])


def test_machine_of_a_template_calls_functions_by_their_names(run: Run, pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("template.yaml").write_text(
        """
Resources:
  Charge:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: pay-by-card}
  Orders:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: orders.asl.json
      DefinitionSubstitutions: {ChargeCardFunctionArn: !GetAtt Charge.Arn}
"""
    )

    lines = ('machine.mock("pay-by-card", error="Boom")', 'machine.run().assert_failed("Boom")')

    run(*lines, mark='"template.yaml#Orders"').assert_outcomes(passed=1)
    run(*lines, mark='"template.yaml"').assert_outcomes(passed=1)
    run(*lines, mark='"template.yaml#Order"').stdout.fnmatch_lines(["E*it has: template.yaml#Orders"])
