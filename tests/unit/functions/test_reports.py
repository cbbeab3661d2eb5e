"""Texts that name what happened: errors of the sandbox, lines of the log, variables of the environment."""

import json
import signal

import pytest

from expeditor.functions import FunctionConfiguration, FunctionVersion, environments, failures, reports


def test_log_of_an_invocation_has_lambdas_lines() -> None:
    report = reports.Report("r-1", "2", "printed", 1.234, 128, 20)

    assert report.text() == (
        "START RequestId: r-1 Version: 2\n"
        "printed\n"
        "END RequestId: r-1\n"
        "REPORT RequestId: r-1\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 20 MB\n"
    )


def test_log_tells_when_the_sandbox_ended_the_invocation() -> None:
    report = reports.Report("r-1", "2", "", 3000, 128, 20, "timeout")

    assert report.text().endswith("\tMax Memory Used: 20 MB\tStatus: timeout\n")
    assert reports.timeout_line("r-1", 3, 0.5) == b"1970-01-01T00:00:00.500Z r-1 Task timed out after 3.00 seconds\n"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "Runtime exited without providing a reason"),
        (1 << 8, "Runtime exited with error: exit status 1"),
        (int(signal.SIGKILL), "Runtime exited with error: signal: killed"),
        (int(signal.SIGSEGV) | 0x80, "Runtime exited with error: signal: segmentation fault"),
        (int(signal.SIGUSR1), "Runtime exited with error: signal: SIGUSR1"),
    ],
)
def test_end_of_a_process_is_worded_as_by_lambda(status: int, text: str) -> None:
    assert failures.exit_text(status) == text
    assert json.loads(failures.exited("r-1", status)) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: r-1 Error: {text}",
    }


def test_init_error_is_given_under_each_request_id() -> None:
    error = b'{"errorMessage": "no", "errorType": "E", "requestId": "", "stackTrace": ["a"]}'

    assert json.loads(failures.with_request_id(error, "r-2")) == {
        "errorMessage": "no",
        "errorType": "E",
        "requestId": "r-2",
        "stackTrace": ["a"],
    }


def test_function_overrides_the_node_but_not_lambda() -> None:
    configuration = FunctionConfiguration("app.handler", environment={"AWS_ENDPOINT_URL": "mine", "A": "1"})
    version = FunctionVersion("fn", "3", configuration, "d", "c", 1, "a", "r", 0.0)
    given = {"AWS_ENDPOINT_URL": "node", "AWS_LAMBDA_FUNCTION_NAME": "forged"}

    made = environments.environment(version, given, artifact="/a", log_stream="stream")

    assert (made["AWS_ENDPOINT_URL"], made["AWS_LAMBDA_FUNCTION_NAME"], made["A"]) == ("mine", "fn", "1")
    assert environments.log_stream(version, 86_400.0, "ab-cd") == "1970/01/02/[3]abcd"
