"""``/operator/reviews``: the review queue for programs and for people; a session opens the page, a token the API."""

from urllib.parse import urlencode

import msgspec

from order_processing.service.fields import form_texts, json_texts
from order_processing.service.http import JSON, Reply
from order_processing.service.operators import Operators
from order_processing.service.pages import Pages
from order_processing.service.problems import Problem, ProblemError
from order_processing.service.review_desk import ReviewDesk
from order_processing.service.router import Request
from order_processing.service.throttle import Throttle, source_of

HOME = "/operator/reviews"
NAME_LENGTH_MAX = 60
DONE = {"claimed": "Yours for ten minutes.", "approved": "Approved.", "denied": "Denied; nothing was charged."}


class ReviewApi:
    """Handlers for programs; each asks for the operator's token first."""

    def __init__(self, desk: ReviewDesk, operators: Operators, pages: "ReviewPages") -> None:
        self._desk = desk
        self._operators = operators
        self._pages = pages
        self._encode = msgspec.json.Encoder().encode

    async def reviews(self, request: Request) -> Reply:
        """``GET /operator/reviews``: the queue as data, or as a page for browsers."""
        if request.wants_page():
            return self._pages.queue(request)
        self._operators.demand_token(request)
        return Reply(200, self._encode(self._desk.waiting()), JSON)

    async def claim(self, request: Request) -> Reply:
        """``POST /operator/reviews/{order_id}/claim`` with ``actor``."""
        self._operators.demand_token(request)
        fields = await json_texts(request, ("actor",))
        return Reply(200, self._encode(await self._desk.claim(request.parameters["order_id"], fields["actor"])), JSON)

    async def decide(self, request: Request) -> Reply:
        """``POST /operator/reviews/{order_id}/decision`` with ``actor``, ``verdict``, and to deny a ``reason``."""
        self._operators.demand_token(request)
        fields = await json_texts(request, ("actor", "verdict"), ("reason",))
        decided = await self._desk.decide(
            request.parameters["order_id"], fields["verdict"], fields["actor"], fields.get("reason", "")
        )
        return Reply(200, self._encode(decided), JSON)


class ReviewPages:
    """Handlers of the page's forms; whoever is signed in is who acts."""

    def __init__(self, desk: ReviewDesk, operators: Operators, pages: Pages, throttle: Throttle) -> None:
        self._desk = desk
        self._operators = operators
        self._pages = pages
        self._throttle = throttle

    def queue(self, request: Request, problem: ProblemError | None = None) -> Reply:
        """The queue, or the form that signs in."""
        by = self._operators.person(request)
        if by is None:
            return self._sign_in(problem)
        done = DONE.get(request.query(("done",)).get("done", ""), "")
        return self._pages.form("reviews.html", problem, by=by, rows=self._desk.waiting(), done=done)

    async def sign_in(self, request: Request) -> Reply:
        """``POST /operator/session``."""
        form = await form_texts(request, ("name", "token"))
        source = f"token from {source_of(request.scope)}"
        self._throttle.demand(source)
        name = " ".join(form.get("name", "").split())
        if not self._operators.is_token(form.get("token", "")):
            self._throttle.wrong(source)
            return self._sign_in(ProblemError(Problem.UNAUTHORIZED, "this is not the operator's token; look it up"))
        if not 1 <= len(name) <= NAME_LENGTH_MAX or not name.isprintable():
            detail = f"say who you are, in 1 to {NAME_LENGTH_MAX} characters; it is recorded with what you decide"
            return self._sign_in(ProblemError(Problem.INVALID_FIELD, detail))
        return _to_home(cookie=self._operators.opened_session(name))

    async def sign_out(self, request: Request) -> Reply:
        """``POST /operator/session/end``."""
        await form_texts(request, ())
        return _to_home(cookie=self._operators.closed_session())

    async def claim(self, request: Request) -> Reply:
        """``POST /operator/reviews/claim``."""
        form = await form_texts(request, ("order_id",))
        by = self._operators.person(request)
        if by is None:
            return _to_home()
        try:
            await self._desk.claim(form.get("order_id", ""), by)
        except ProblemError as error:
            return self.queue(request, error)
        return _to_home("claimed")

    async def decide(self, request: Request) -> Reply:
        """``POST /operator/reviews/decide``."""
        form = await form_texts(request, ("order_id", "verdict", "reason"))
        by = self._operators.person(request)
        if by is None:
            return _to_home()
        try:
            decided = await self._desk.decide(
                form.get("order_id", ""), form.get("verdict", ""), by, form.get("reason", "")
            )
        except ProblemError as error:
            return self.queue(request, error)
        return _to_home(decided.decision)

    def _sign_in(self, problem: ProblemError | None = None) -> Reply:
        return self._pages.form("sign_in.html", problem, desk="operator", named=True)


def _to_home(done: str = "", cookie: bytes | None = None) -> Reply:
    target = f"{HOME}?{urlencode({'done': done})}" if done else HOME
    headers = ((b"location", target.encode()), *(((b"set-cookie", cookie),) if cookie else ()))
    return Reply(303, b"", headers=headers)
