"""A region in miniature for recorded cases: machines, executions and functions in one process, on a virtual clock."""

import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from expeditor.asl import (
    AnyEvent,
    CancelTask,
    CancelTimer,
    CloseExecution,
    Command,
    DefinitionError,
    Execution,
    ExecutionContext,
    ExecutionStarted,
    ExecutionStatus,
    HistoryEvent,
    Machine,
    ScheduleTask,
    StartTimer,
    TaskFailed,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
    advance,
    compile_definition,
)
from expeditor.ids import SeededIds
from expeditor.payloads import JSONValue, encode
from tests.conformance.handlers import Function, Outcome

ACCOUNT = "000000000000"
PREFIX = f"arn:aws:states:us-east-1:{ACCOUNT}"
TURNS_MAX = 100_000


@dataclass
class Run:
    """One execution with everything around it."""

    machine: Machine
    execution: Execution
    history: list[HistoryEvent] = field(default_factory=list)
    on_close: list[Callable[[], None]] = field(default_factory=list)


@dataclass(frozen=True)
class ActivityTask:
    """A task that waits for a worker."""

    run: Run
    task: ScheduleTask


class Region:
    """Answers the calls of a case."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self._ids = SeededIds(7)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._machines: dict[str, tuple[str, Machine]] = {}
        self._runs: dict[str, Run] = {}
        self._functions: dict[str, Function] = {}
        self._activities: dict[str, list[ActivityTask]] = {}
        self._tokens: dict[str, tuple[Run, ScheduleTask]] = {}

    def create_function(self, name: str, handler: str, files: dict[str, str]) -> str:
        """Answers its ARN."""
        self._functions[name] = Function(name, handler, files)
        return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"

    def create_state_machine(self, params: dict[str, Any]) -> dict[str, Any]:
        """CreateStateMachine."""
        arn = f"{PREFIX}:stateMachine:{params['name']}"
        self._machines[arn] = (
            params["roleArn"],
            compile_definition(params["definition"], express=params.get("type") == "EXPRESS"),
        )
        return {"stateMachineArn": arn, "creationDate": self.now}

    def validate_definition(self, params: dict[str, Any]) -> dict[str, Any]:
        """ValidateStateMachineDefinition."""
        try:
            compile_definition(params["definition"], express=params.get("type") == "EXPRESS")
        except DefinitionError as error:
            diagnostics = [
                {"severity": one.severity, "code": one.code, "message": one.message, "location": one.location}
                for one in error.diagnostics
            ]
            return {"result": "FAIL", "diagnostics": diagnostics, "truncated": False}
        return {"result": "OK", "diagnostics": [], "truncated": False}

    def create_activity(self, params: dict[str, Any]) -> dict[str, Any]:
        """CreateActivity."""
        arn = f"{PREFIX}:activity:{params['name']}"
        self._activities[arn] = []
        return {"activityArn": arn, "creationDate": self.now}

    def start_execution(self, params: dict[str, Any]) -> dict[str, Any]:
        """StartExecution."""
        name = params.get("name") or self._ids.uuid()
        machine_arn = params["stateMachineArn"]
        role, machine = self._machines[machine_arn]
        arn = f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        context = ExecutionContext(
            execution_arn=arn,
            execution_name=name,
            role_arn=role,
            started_at=self.now,
            state_machine_arn=machine_arn,
            state_machine_name=machine_arn.rsplit(":", 1)[1],
            input=params.get("input", "{}").encode(),
            token_prefix=f"{name}/",
        )
        run = self._runs[arn] = Run(machine, Execution.new(context))
        self.handle(run, ExecutionStarted(self.now, self._ids.seed()))
        return {"executionArn": arn, "startDate": self.now}

    def start_sync_execution(self, params: dict[str, Any]) -> dict[str, Any]:
        """StartSyncExecution."""
        started = self.start_execution(params)
        described = self.describe_execution(started)
        name = described["name"]
        machine = params["stateMachineArn"].replace(":stateMachine:", ":express:")
        return {**described, "executionArn": f"{machine}:{name}:{self._ids.uuid()}"}

    def get_execution_history(self, params: dict[str, Any]) -> dict[str, Any]:
        """GetExecutionHistory."""
        self.settle(params["executionArn"])
        events = [
            {
                "timestamp": event.at,
                "type": event.type,
                "id": event.id,
                "previousEventId": event.previous_event_id,
                **event.details,
            }
            for event in self._runs[params["executionArn"]].history
        ]
        return {"events": events[::-1] if params.get("reverseOrder") else events}

    def describe_execution(self, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeExecution."""
        self.settle(params["executionArn"])
        execution = self._runs[params["executionArn"]].execution
        found = {
            "executionArn": params["executionArn"],
            "stateMachineArn": execution.context.state_machine_arn,
            "name": execution.context.execution_name,
            "status": str(execution.status),
            "startDate": self.now,
            "stopDate": self.now,
            "input": execution.context.input.decode(),
            "inputDetails": {"included": True},
            "error": execution.error,
            "cause": execution.cause,
        }
        if execution.output is not None:
            found |= {"output": execution.output.decode(), "outputDetails": {"included": True}}
        return {name: value for name, value in found.items() if value is not None}

    def settle(self, execution_arn: str) -> None:
        """Lets time pass until the execution has ended."""
        run = self._runs[execution_arn]
        for _ in range(TURNS_MAX):
            if run.execution.status is not ExecutionStatus.RUNNING or not self._agenda:
                return
            at, _, action = heapq.heappop(self._agenda)
            self.now = max(self.now, at)
            action()
        raise AssertionError("the execution does not end")

    def handle(self, run: Run, event: AnyEvent) -> None:
        """Advances an execution and sees to what it asks for."""
        for command in advance(run.machine, run.execution, event, run.history):
            PERFORM[type(command)](self, run, command)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Calls *action* when *seconds* have passed."""
        heapq.heappush(self._agenda, (self.now + seconds, next(self._order), action))

    def report(self, run: Run, seconds: float, make: Callable[[float, bytes], AnyEvent]) -> None:
        """Hands the event that *make* gives to the execution when *seconds* have passed."""
        self.later(seconds, lambda: self.handle(run, make(self.now, self._ids.seed())))

    def succeed(self, run: Run, task: ScheduleTask, output: bytes, seconds: float = 0.0) -> None:
        """Reports the success of *task*."""
        self.report(run, seconds, lambda at, seed: TaskSucceeded(at, seed, task.task_id, output))

    def fail(self, run: Run, task: ScheduleTask, failure: tuple[str | None, str | None], seconds: float = 0.0) -> None:
        """Reports the failure, error and cause, of *task*."""
        self.report(run, seconds, lambda at, seed: TaskFailed(at, seed, task.task_id, *failure))

    def start_timer(self, run: Run, timer: StartTimer) -> None:
        """A cancelled timer fires too: the interpreter must ignore it."""
        seconds = timer.due_at - self.now
        self.report(run, seconds, lambda at, seed: TimerFired(at, seed, timer.timer_id))

    def close(self, run: Run, command: CloseExecution) -> None:
        """Tells whoever waits for the execution."""
        for action in run.on_close:
            self.later(0, action)

    def schedule(self, run: Run, task: ScheduleTask) -> None:
        """Performs a task."""
        if task.token is not None:
            self._tokens[task.token] = (run, task)
        if task.resource in self._activities:
            self._activities[task.resource].append(ActivityTask(run, task))
        elif ":function:" in task.resource:
            self._call(run, task, task.resource, task.parameters)
        else:
            SERVICES[task.resource.rpartition(":::")[2]](self, run, task)

    def _call(self, run: Run, task: ScheduleTask, name: str, payload: JSONValue) -> None:
        outcome = self.invoke(name, payload)
        if outcome.error is None:
            self.succeed(run, task, outcome.payload, outcome.seconds)
        else:
            self.fail(run, task, (outcome.error, outcome.payload.decode()), outcome.seconds)

    def invoke(self, name: str, payload: JSONValue) -> Outcome:
        """Calls a function by name or ARN."""
        function = self._functions.get(name.rsplit(":", 1)[1] if ":" in name else name)
        if function is None:
            return Outcome(_no_such_function(name), "Lambda.ResourceNotFoundException")
        return function.invoke(payload)

    def lambda_invoke(self, run: Run, task: ScheduleTask) -> None:
        """lambda:invoke."""
        assert isinstance(task.parameters, dict)
        payload = task.parameters.get("Payload")
        payload = json.loads(payload) if isinstance(payload, str) else payload
        outcome = self.invoke(str(task.parameters["FunctionName"]), payload)
        if outcome.error is not None:
            cause = outcome.payload.decode()
            cause = encode(json.loads(cause)).decode() if cause.startswith("{") else cause
            self.fail(run, task, (outcome.error, cause), outcome.seconds)
            return
        answer = {"ExecutedVersion": "$LATEST", "Payload": "@", **_metadata(len(outcome.payload)), "StatusCode": 200}
        text = json.dumps(answer).encode().replace(b'"@"', outcome.payload)
        self.succeed(run, task, text, outcome.seconds)

    def start_execution_sync(self, run: Run, task: ScheduleTask) -> None:
        """states:startExecution.sync."""
        assert isinstance(task.parameters, dict)
        params = {
            "stateMachineArn": task.parameters["StateMachineArn"],
            "name": task.parameters.get("Name"),
            "input": encode(task.parameters.get("Input") or {}).decode(),
        }
        arn = self.start_execution(params)["executionArn"]
        submitted = json.dumps({"ExecutionArn": arn, **_metadata(161), "StartDate": 1}).encode()
        self.report(run, 0, lambda at, seed: TaskSubmitted(at, seed, task.task_id, submitted))
        inner = self._runs[arn]
        inner.on_close.append(lambda: self._report_execution(run, task, inner))
        if inner.execution.status is not ExecutionStatus.RUNNING:
            self.later(0, inner.on_close[0])

    def _report_execution(self, run: Run, task: ScheduleTask, inner: Run) -> None:
        execution = inner.execution
        body: dict[str, JSONValue] = {
            "ExecutionArn": execution.context.execution_arn,
            "Input": execution.context.input.decode(),
            "InputDetails": {"Included": True},
            "Name": execution.context.execution_name,
            "StartDate": "start-date",
            "StateMachineArn": execution.context.state_machine_arn,
            "Status": str(execution.status),
            "StopDate": "stop-date",
        }
        if execution.output is not None:
            body |= {"Output": execution.output.decode(), "OutputDetails": {"Included": True}}
            self.succeed(run, task, json.dumps(body).encode())
        else:
            body |= {"Error": execution.error, "Cause": execution.cause}
            self.fail(run, task, ("States.TaskFailed", json.dumps(body)))

    def get_activity_task(self, run: Run, task: ScheduleTask) -> None:
        """aws-sdk:sfn:getActivityTask."""
        assert isinstance(task.parameters, dict)
        waiting = self._activities[str(task.parameters["ActivityArn"])]
        if not waiting:
            self.later(1, lambda: self.get_activity_task(run, task))
            return
        taken = waiting.pop(0)
        worker = task.parameters.get("WorkerName")
        name = None if worker is None else str(worker)
        self.report(taken.run, 0, lambda at, seed: TaskStarted(at, seed, taken.task.task_id, name))
        answer = {"Input": encode(taken.task.parameters).decode(), "TaskToken": taken.task.token}
        self.succeed(run, task, json.dumps(answer).encode())

    def send_task_success(self, run: Run, task: ScheduleTask) -> None:
        """aws-sdk:sfn:sendTaskSuccess."""
        assert isinstance(task.parameters, dict)
        waiting_run, waiting = self._tokens[str(task.parameters["TaskToken"])]
        self.succeed(waiting_run, waiting, str(task.parameters["Output"]).encode())
        self.succeed(run, task, b"{}")

    def send_task_failure(self, run: Run, task: ScheduleTask) -> None:
        """aws-sdk:sfn:sendTaskFailure, for tokens that do not exist."""
        cause = "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: 1) (SDK Attempt Count: 1)"
        self.fail(run, task, ("Sfn.InvalidTokenException", cause))


def _no_such_function(name: str) -> bytes:
    return (
        f"Function not found: arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}:$LATEST (Service: AWSLambda; "
        "Status Code: 404; Error Code: ResourceNotFoundException; Request ID: 1; Proxy: null)"
    ).encode()


def _metadata(length: int) -> dict[str, JSONValue]:
    """What an optimized integration adds to the service's answer."""
    headers: dict[str, JSONValue] = {"Connection": "keep-alive", "Content-Length": str(length), "x-amzn-RequestId": "1"}
    lists: dict[str, JSONValue] = {name: [value] for name, value in headers.items()}
    http: dict[str, JSONValue] = {"AllHttpHeaders": lists, "HttpHeaders": headers, "HttpStatusCode": 200}
    return {"SdkHttpMetadata": http, "SdkResponseMetadata": {"RequestId": "1"}}


def _nothing(region: Region, run: Run, command: Command) -> None:
    """Cancelled work is reported all the same: the interpreter must ignore it."""


PERFORM: dict[type, Callable[[Region, Run, Any], None]] = {
    ScheduleTask: Region.schedule,
    StartTimer: Region.start_timer,
    CloseExecution: Region.close,
    CancelTimer: _nothing,
    CancelTask: _nothing,
}
SERVICES: dict[str, Callable[[Region, Run, ScheduleTask], None]] = {
    "lambda:invoke": Region.lambda_invoke,
    "states:startExecution.sync": Region.start_execution_sync,
    "aws-sdk:sfn:getActivityTask": Region.get_activity_task,
    "aws-sdk:sfn:sendTaskSuccess": Region.send_task_success,
    "aws-sdk:sfn:sendTaskFailure": Region.send_task_failure,
}
