"""The operations console: pages rendered on the server, complete without script, live with it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from expeditor.asl import ExecutionStatus, HistoryPage
from expeditor.console.forms import ForeignFormError, FormError, Forms
from expeditor.console.graph import draw
from expeditor.console.live import Live, Stamp, TooManyListenersError
from expeditor.console.operator import operator_routes
from expeditor.console.release_actions import ReleaseActions
from expeditor.console.release_desk import NodeSilentError, ReleaseDesk
from expeditor.console.release_pages import ReleasePages
from expeditor.console.rendering import Pages, took
from expeditor.console.rooms import Rooms
from expeditor.console.trail import failed_visit, open_visit, trail, visits
from expeditor.errors import ServiceError
from expeditor.executions import Engine, ExecutionDescription, ExecutionFilter
from expeditor.ids import Ids
from expeditor.payloads import decode
from expeditor.topics import Topics

HOSTS = ["127.0.0.1", "localhost"]
"""Names this console answers to; others are refused so that no web page can reach it by another name."""
CONTENT_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

PAGE_ROWS = 50
EVENTS_SHOWN_MAX = 1_000
VISITS_SHOWN_MAX = 500
ENDED_BADLY = {
    ExecutionStatus.FAILED: "It failed",
    ExecutionStatus.TIMED_OUT: "It took longer than its TimeoutSeconds",
    ExecutionStatus.ABORTED: "It was stopped",
}
"""What stands above an execution that ended so, unless it has an error."""

STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")

View = Callable[[Request], Awaitable[Response]]


class ConsoleApplication(Starlette):
    """The pages under ``/console`` and the operator's JSON under ``/operator``."""

    def __init__(self, live: Live, routes: list[BaseRoute]) -> None:
        super().__init__(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)])
        self._live = live

    def close(self) -> None:
        """Ends what would otherwise go on for as long as a page is open."""
        self._live.close()


def create_console(rooms: Rooms, ids: Ids, actor: str) -> ConsoleApplication:
    """The console of a node.

    Args:
        actor: who acts, where a form does not say otherwise.
    """
    live, desk = Live(rooms.engine), ReleaseDesk(rooms.settings, rooms.clock)
    rendering, forms = Pages(rooms.clock, rooms.settings.shop_url), Forms(ids.seed(), actor)
    console = Console(rooms.engine, rooms.topics, live, rendering, desk.flags_stamp)
    releases = ReleasePages(rooms, desk, rendering)
    actions = ReleaseActions(rooms.clock, desk, rendering, releases, forms)
    pages: dict[str, View] = {
        "/": console.home,
        "/console": console.home,
        "/console/executions": console.executions,
        "/console/executions/{arn:path}": console.execution,
        "/console/machines": console.machines,
        "/console/queues": console.queues,
        "/console/find": console.find,
        "/console/events": console.events,
        "/console/releases": releases.releases,
        "/console/releases/compare": releases.compare,
        "/console/releases/{name}": releases.release,
    }
    acts: dict[str, View] = {"/console/releases/undo": actions.act, "/console/releases/{name}/{action}": actions.act}
    routes = [
        *(Route(path, _safely(view), methods=["GET", "POST"]) for path, view in acts.items()),
        *(Route(path, _safely(view)) for path, view in pages.items()),
    ]
    static = Mount("/console/static", StaticFiles(directory=Path(__file__).parent / "static"))
    return ConsoleApplication(live, [*routes, static, *operator_routes(rooms.topics, rooms.functions)])


class Console:
    """The pages."""

    def __init__(self, engine: Engine, topics: Topics, live: Live, pages: Pages, flags_stamp: Stamp) -> None:
        self._engine = engine
        self._topics = topics
        self._live = live
        self._pages = pages
        self._flags_stamp = flags_stamp

    async def home(self, _request: Request) -> Response:
        """The list of executions is where work begins."""
        return RedirectResponse("/console/executions", 302)

    async def executions(self, request: Request) -> Response:
        """Executions, newest first."""
        chosen = {key: request.query_params.get(key) for key in ("status", "machine")}
        if chosen["status"] not in (None, *STATUSES):
            raise HTTPException(400, f"there is no status {chosen['status'][:30]!r}")
        after = request.query_params.get("after", "")
        wanted = ExecutionFilter(
            self._machine_arn(chosen["machine"]) if chosen["machine"] else None,
            ExecutionStatus(chosen["status"]) if chosen["status"] else None,
            int(after[:18]) if after.isdecimal() else None,
            PAGE_ROWS,
        )
        page = self._engine.list_executions(wanted)
        rows = [self._engine.describe_execution(row.arn) for row in page.executions]

        def link(**changed: str | None) -> str:
            return _list_link({**chosen, **changed})

        return self._pages.render(
            "executions.html",
            page="executions",
            rows=[self._row(row) for row in rows],
            statuses=STATUSES,
            link=link,
            next_link=_list_link({**chosen, "after": str(page.next_page)}) if page.next_page else None,
            **chosen,
        )

    async def execution(self, request: Request) -> Response:
        """One execution: error on top, picture with the path taken, states with input and output, events."""
        found = self._engine.describe_execution(request.path_params["arn"])
        history = await self._history(found.arn)
        machine = self._engine.machines.describe_for_execution(found.arn)
        definition = decode(machine.definition)
        assert isinstance(definition, dict)
        stays = visits(history)
        ended_badly = ENDED_BADLY.get(found.status)
        failed = (failed_visit(stays) or open_visit(stays)) if ended_badly else None
        return self._pages.render(
            "execution.html",
            page="executions",
            execution=self._row(found),
            picture=draw(definition, trail(history, found.status == ExecutionStatus.RUNNING)),
            visits=stays[-VISITS_SHOWN_MAX:],
            earlier_visits=max(0, len(stays) - VISITS_SHOWN_MAX),
            ended_badly=ended_badly,
            failed=failed,
            failed_state=stays[failed - 1].name if failed else None,
            events=self._pages.event_rows(history.page, found.started_at),
            earlier_events=history.first_id - 1,
        )

    async def _history(self, arn: str) -> HistoryPage:
        """The history with the data of its latest events: what a long execution does now, or why it ended."""
        history = await self._engine.history_page(arn, 0, EVENTS_SHOWN_MAX)
        if len(history.page) == len(history):
            return history
        return await self._engine.history_page(arn, len(history) + 1, EVENTS_SHOWN_MAX, newest_first=True)

    async def machines(self, _request: Request) -> Response:
        """State machines with their pictures."""
        rows = []
        for summary in self._engine.machines.list():
            machine = self._engine.machines.describe(summary.arn)
            definition = decode(machine.definition)
            assert isinstance(definition, dict)
            rows.append({"summary": machine, "picture": draw(definition)})
        return self._pages.render("machines.html", page="machines", machines=rows)

    async def queues(self, _request: Request) -> Response:
        """Subscriptions and dead-letter queues."""
        stats = self._topics.stats()
        queues = []
        for queue in stats.queues:
            newest = self._topics.queues.letters(queue.queue, limit=1)
            reason = (newest[0].last_error or newest[0].reason.value) if newest else None
            queues.append({"stats": queue, "reason": reason})
        return self._pages.render("queues.html", page="queues", subscriptions=stats.subscriptions, queues=queues)

    async def find(self, request: Request) -> Response:
        """Goes to the execution that an ARN or a name, such as an order's id, means."""
        wanted = request.query_params.get("q", "").strip()[:300]
        if wanted.startswith("arn:"):
            return RedirectResponse(f"/console/executions/{quote(wanted)}", 302)
        for machine in self._engine.machines.list():
            arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{wanted}"
            try:
                self._engine.describe_execution(arn)
            except ServiceError:
                continue
            return RedirectResponse(f"/console/executions/{quote(arn)}", 302)
        raise HTTPException(
            404, f"No execution is called {wanted!r}. An order has one once its notification was delivered."
        )

    async def events(self, request: Request) -> Response:
        """Server-sent events: one message when something on the page may have changed."""
        stamp = self._flags_stamp if request.query_params.get("flags") else None
        try:
            stream = self._live.stream(request.query_params.get("execution"), stamp)
        except TooManyListenersError as error:
            raise HTTPException(503, str(error)) from error
        return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    def _machine_arn(self, name: str) -> str:
        for machine in self._engine.machines.list():
            if machine.name == name:
                return machine.arn
        raise HTTPException(404, f"there is no state machine {name[:80]!r}")

    def _row(self, found: ExecutionDescription) -> dict[str, Any]:
        machine = found.state_machine_arn.rpartition(":")[2]
        return {"found": found, "machine": machine, "took": took(found.started_at, found.stopped_at)}


def _list_link(chosen: dict[str, str | None]) -> str:
    query = urlencode({key: value for key, value in chosen.items() if value})
    return f"/console/executions?{query}" if query else "/console/executions"


def _safely(view: View) -> View:
    """*view* with refusals as pages and headers that keep other sites out."""

    async def answer(request: Request) -> Response:
        try:
            response = await view(request)
        except ServiceError as error:
            response = HTMLResponse(Pages.refusal(str(error)), 404)
        except HTTPException as error:
            response = HTMLResponse(Pages.refusal(error.detail), error.status_code)
        except ForeignFormError as error:
            response = HTMLResponse(Pages.refusal(str(error)), 403)
        except FormError as error:
            response = HTMLResponse(Pages.refusal(str(error)), 400)
        except NodeSilentError as error:
            response = HTMLResponse(Pages.refusal(str(error)), 503)
        response.headers["Content-Security-Policy"] = CONTENT_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        # With "no-referrer" browsers would send their own forms with the origin "null".
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    return answer
