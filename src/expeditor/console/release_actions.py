"""What operators do to releases: shift, promote, undo; each shown first, then done by the code the commands use."""

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from expeditor.clock import Clock
from expeditor.console.forms import Confirmation, FormError, Forms, required
from expeditor.console.release_desk import NodeSilentError, ReleaseDesk, Wish
from expeditor.console.release_pages import ReleasePages
from expeditor.console.rendering import Pages
from expeditor.console.shares import changes, percent, turns
from expeditor.releases import FlagsChangedError, Move, ReleaseError
from expeditor.rollout import EVERYONE, WHOLE, Author, FlagsError, Target

_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,2})?) ?%?")
_UNTOUCHED = (
    "Orders that were assigned a release already keep it.",
    "The releases themselves, and their functions; nothing is deleted.",
)


class ReleaseActions:
    """An address for each act; see ``forms``."""

    def __init__(self, clock: Clock, desk: ReleaseDesk, pages: Pages, listed: ReleasePages, forms: Forms) -> None:
        self._clock = clock
        self._desk = desk
        self._pages = pages
        self._listed = listed
        self._forms = forms

    async def act(self, request: Request) -> Response:
        """GET shows what it would do; POST does it."""
        if request.method != "POST":
            return await self._shown(self._wish(request), 200)
        fields = await self._forms.read(request)
        wish = self._wish(request)
        try:
            reason = required(fields, "reason", "Say why: it is kept in the history of moves.")
            by = required(fields, "actor", "Say who wants it: it is kept in the history of moves.")
            author = Author(by, self._clock.now(), reason)
            move = await run_in_threadpool(self._desk.moved, wish, author, _revision(fields))
        except FlagsChangedError:
            return await self._shown(wish, 409, await run_in_threadpool(self._what_happened), fields)
        except FormError as error:
            return await self._shown(wish, 400, str(error), fields)
        except (ReleaseError, FlagsError, NodeSilentError) as error:
            return await self._shown(wish, 409, f"Nothing was done: {error}", fields)
        return RedirectResponse(f"/console/releases?moved={move.after.change.revision}", 303)

    async def _shown(
        self, wish: Wish, status: int, problem: str = "", filled: dict[str, str] | None = None
    ) -> Response:
        author = Author(self._forms.actor, self._clock.now())
        try:
            move = await run_in_threadpool(self._desk.tried, wish, author)
        except (ReleaseError, FlagsError, NodeSilentError) as error:
            confirmation = _refused(wish, str(error))
            status = 409
        else:
            confirmation = replace(
                _confirmation(wish, move), problem=problem, filled={"actor": self._forms.actor, **(filled or {})}
            )
        page = self._pages.render("confirm.html", page="releases", it=confirmation, token=self._forms.token)
        page.status_code = status
        return page

    def _what_happened(self) -> str:
        change = self._desk.history()[-1].change
        why = f" ({change.reason})" if change.reason else ""
        return (
            f"Nothing was done, as somebody else moved orders meanwhile. Revision {change.revision}, by {change.by}: "
            f"{change.action}{why}. Below is what your move would do now."
        )

    def _wish(self, request: Request) -> Wish:
        """What the address asks for.

        Raises:
            HTTPException: no such release, or no share.
        """
        action = request.path_params.get("action", "undo")
        if action == "undo":
            return Wish(action)
        release = self._listed.named(request.path_params["name"]).name
        if action == "promote":
            return Wish(action, release, WHOLE)
        if action != "shift":
            raise HTTPException(404, f"a release can be shifted and promoted, not {action[:30]!r}")
        segment = request.query_params.get("segment", "").strip() or EVERYONE
        return Wish(action, release, _share(request.query_params.get("to", "")), Target(segment))


def _share(text: str) -> int:
    match = _SHARE.fullmatch(text.strip())
    if match is None or float(match[1]) > 100:
        raise HTTPException(400, f"{text[:20]!r} is no share; write a number from 0 to 100, such as 10 or 2.5")
    return round(float(match[1]) * 100)


def _revision(fields: dict[str, str]) -> int:
    text = fields.get("revision", "")
    if not text.isdecimal():
        raise FormError("the form does not say what it was made from; go back and begin again")
    return int(text[:18])


def _confirmation(wish: Wish, move: Move) -> Confirmation:
    return Confirmation(
        title=_title(wish, move),
        verb=_verb(wish),
        effects=_effects(move),
        untouched=[*_staying(move), *_UNTOUCHED],
        seen={"revision": str(move.before.change.revision)},
        back=_back(wish),
        command=_command(wish),
    )


def _refused(wish: Wish, problem: str) -> Confirmation:
    title = f"{wish.action.capitalize()} {wish.release or ''}".strip()
    return Confirmation(title, "", (), (), {}, _back(wish), _command(wish), problem)


def _title(wish: Wish, move: Move) -> str:
    if wish.action == "shift":
        return f"Shift {wish.release} to {percent(wish.share)} of {wish.target.segment}?"
    if wish.action == "promote":
        return f"Promote {wish.release}?"
    return f"Undo revision {move.after.change.undoes}: {move.after.change.action.removeprefix('undo: ')}?"


def _verb(wish: Wish) -> str:
    return f"Shift to {percent(wish.share)}" if wish.action == "shift" else wish.action.capitalize()


def _effects(move: Move) -> Sequence[str]:
    shares = [
        f"{each.variant}: {percent(each.before)} → {percent(each.after)} of new orders of {each.rule}"
        f"{'' if each.experiment == 'release' else f' ({each.experiment})'}."
        for each in changes(move.before, move.after)
    ]
    return [*shares, *turns(move.before, move.after)] or ["Nothing changes: it is like this already."]


def _staying(move: Move) -> list[str]:
    return [
        f"{count:,} execution{'s' if count != 1 else ''} under way stay{'s' if count == 1 else ''} on {release}."
        for release, count in move.staying.items()
        if count
    ] or ["No execution is under way now."]


def _back(wish: Wish) -> str:
    return f"/console/releases/{quote(str(wish.release))}" if wish.release else "/console/releases"


def _command(wish: Wish) -> str:
    if wish.release is None:
        return "expeditor release undo"
    if wish.action == "promote":
        return f"expeditor release promote {wish.release}"
    segment = "" if wish.target.is_everyone else f" --segment '{wish.target.segment}'"
    return f"expeditor release shift {wish.release} --to {wish.share / 100:g}%{segment}"
