"""Whatever the machine and wherever the node dies: the execution ends as if nothing had happened."""

import asyncio
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.executions.conftest import World
from tests.integration.executions.machines import CALLBACK, FUNCTION, ITEMS, State, machines
from tests.integration.executions.test_nested import WithNested

from expeditor.errors import ServiceError
from expeditor.executions import ExecutionDescription
from expeditor.integrations import Failed, Outcome, Submitted, Succeeded, TaskRequest
from expeditor.payloads import encode
from expeditor.store import CommitUnknownError

KID = {"StartAt": "Kid", "States": {"Kid": {"Type": "Task", "Resource": f"{FUNCTION}:kid", "End": True}}}
ARN = "arn:aws:states:us-east-1:000000000000:execution:m:e"
ENDINGS = {"SUCCEEDED": "ExecutionSucceeded", "FAILED": "ExecutionFailed"}


def fate(asked: Any) -> Outcome:
    """A task fails as often as its parameters say; not any more once its execution was redriven."""
    is_struck = asked["only"] in (None, asked["i"]) and not asked["redriven"]
    return Failed("Unlucky", "") if is_struck and asked["try"] < asked["fails"] else Succeeded(b"{}")


def script(request: TaskRequest) -> Outcome | None:
    """Workers that get a token answer later, as do children; functions at once."""
    if request.resource == CALLBACK:
        return Submitted(b"{}")
    return None if request.resource.endswith(":kid") else fate(request.parameters)


class Story:
    """One execution, driven to its end through whatever happens to the node."""

    def __init__(self, folder: Path, definition: State) -> None:
        self.definition = definition
        self.world = World(folder / "node.db")
        self.world.wrap = WithNested  # type: ignore[assignment]
        self.world.tasks.script = script

    async def begin(self) -> None:
        await self.world.open()
        await self.world.machine(KID, "kid")
        self.machine = await self.world.machine(self.definition)

    async def run(self) -> ExecutionDescription:
        """Starts the execution, again if that came to nothing, and answers how it ended."""
        for _ in range(400):
            try:
                described = self.world.engine.describe_execution(ARN)
                if described.status != "RUNNING":
                    return described
            except ServiceError:
                self._start()
            await self._work()
        raise AssertionError("the execution never ended")

    async def redrive(self) -> ExecutionDescription:
        """Redrives the execution, again if that came to nothing, and answers how it ended."""
        while self.world.engine.describe_execution(ARN).redrive_count == 0:
            with suppress(ServiceError):
                self.world.engine.redrive_execution(ARN, "token").add_done_callback(_heard)
            await self._work()
        return await self.run()

    def _start(self) -> None:
        value = encode({"i": 0, "items": ITEMS})
        self.world.engine.start_execution(self.machine, "e", value).add_done_callback(_heard)

    async def _work(self) -> None:
        """Answers what waits for an answer, and lets a second pass where nothing does."""
        world = self.world
        for _ in range(6):
            await world.elapse(0)
        if world.database.has_crashed:
            await world.crash()
            return
        answered = list(world.tasks.open)
        for request, report in answered:
            world.tasks.open.remove((request, report))
            report(fate(request.parameters))
        tokens = [request for request in world.tasks.requests if request.token is not None]
        world.tasks.requests.clear()
        for request in tokens:
            self._answer(request)
        if not answered and not tokens:
            await world.elapse(1)

    def _answer(self, request: TaskRequest) -> None:
        """Sends what came of a token's task, as often as the node asks for another try."""
        engine, outcome = self.world.engine, fate(request.parameters["Payload"])
        try:
            if isinstance(outcome, Failed):
                sent = engine.send_task_failure(request.token, outcome.error, outcome.cause)
            else:
                sent = engine.send_task_success(request.token, b"{}")
        except ServiceError as error:
            self._ask_again(request, error)
        else:
            sent.add_done_callback(lambda future: self._ask_again(request, future.exception()))

    def _ask_again(self, request: TaskRequest, error: BaseException | None) -> None:
        if isinstance(error, CommitUnknownError) or getattr(error, "code", None) == "ServiceUnavailable":
            self.world.tasks.requests.append(request)

    def check_history(self, status: str) -> None:
        history = self.world.engine.history(ARN)
        assert [event.id for event in history] == list(range(1, len(history) + 1))
        redrives = [event.type for event in history].count("ExecutionRedriven")
        ends = [event.type for event in history if event.type in ENDINGS.values()]
        assert len(ends) == redrives + 1
        assert history[-1].type == ENDINGS[status]


def _heard(future: "asyncio.Future[Any]") -> None:
    """The caller of StartExecution may never hear of it, or hear that nobody knows; it asks again."""
    if not future.cancelled():
        future.exception()


async def told(definition: State, crash_at: int, how: str) -> list[tuple[str, bytes | None, str | None]]:
    """How an execution of *definition* ended, and how it ended after a redrive, if there was one."""
    with TemporaryDirectory() as folder:
        story = Story(Path(folder), definition)
        await story.begin()
        world = story.world
        if how:
            world.database.fail_at, world.database.how = world.database.commits + crash_at, how
        ended = [await story.run()]
        story.check_history(ended[-1].status)
        if ended[-1].status == "FAILED":
            ended.append(await story.redrive())
            story.check_history(ended[-1].status)
        await world.close()
    return [(one.status, one.output, one.error) for one in ended]


@settings(max_examples=20, deadline=None)
@given(machines(), st.integers(1, 25), st.sampled_from(["before", "after", "unknown", "unknown_written"]))
def test_a_fault_at_any_commit_changes_nothing_of_how_it_ends(definition: State, crash_at: int, how: str) -> None:
    undisturbed = asyncio.run(told(definition, 0, ""))

    assert asyncio.run(told(definition, crash_at, how)) == undisturbed
