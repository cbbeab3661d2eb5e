"""The pages of releases: all of them, one, two beside each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from expeditor.console.comparing import changed_rows, grouped
from expeditor.console.health import Health, health
from expeditor.console.release_desk import Known, NodeSilentError, ReleaseDesk, Standing
from expeditor.console.rendering import Pages
from expeditor.console.rooms import Rooms
from expeditor.console.shares import Bar, bars, colours_of, drawn, given, since
from expeditor.console.shop import ShopSilentError
from expeditor.console.tally import Recent, Tally
from expeditor.releases import RELEASE, arm_of
from expeditor.rollout import (
    WHOLE,
    Change,
    Flag,
    Flags,
    FlagsError,
    Observed,
    Plan,
    ReleaseName,
    ReleaseNameError,
    Rollout,
    last_undoable,
)

MOVES_SHOWN = 20
MACHINES_LISTED = 1_000
PERIODS: Mapping[str, float] = {"hour": 3_600.0, "day": 86_400.0}
"""Periods to judge a release over, beside the one since the latest move."""


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A release in the list.

    Attributes:
        gets: whom it is given to; "" for nobody.
        share: of everyone, hundredths of a percent.
        since: the change that gave it what it gets.
        problem: why it cannot be read; *known* is None then.
    """

    name: ReleaseName
    known: Known | None
    recent: Recent
    is_stable: bool
    gets: str
    share: int
    since: Change | None
    problem: str = ""


class ReleasePages:
    """Pages about releases; what takes time happens in a thread, what the engine knows on its own loop."""

    def __init__(self, rooms: Rooms, desk: ReleaseDesk, pages: Pages) -> None:
        self._engine = rooms.engine
        self._clock = rooms.clock
        self._desk = desk
        self._pages = pages
        self._tally = Tally(rooms.engine, rooms.clock)

    async def releases(self, request: Request) -> Response:
        """Every release, who gets it, and the latest moves."""
        standings = self.standings()
        history, problem = await run_in_threadpool(self._history)
        found = await run_in_threadpool(self._read_all, standings)
        flag = _flag_of(history, RELEASE)
        rows = [self._row(standing, found[standing], history) for standing in standings]
        moved = request.query_params.get("moved", "")
        return self._pages.render(
            "releases.html",
            page="releases",
            rows=list(reversed(rows)),
            problem=problem,
            broken=[row for row in rows if row.problem or (row.known and not row.known.is_intact)],
            experiments=[_experiment(each, history) for each in history[-1].flags.values()] if history else [],
            stable=flag.stable if flag else "",
            moves=[flags.change for flags in reversed(history)][:MOVES_SHOWN],
            undone=_undone(history),
            latest=_latest(history),
            done=next((flags.change for flags in history if str(flags.change.revision) == moved), None),
        )

    async def release(self, request: Request) -> Response:
        """One release: what it is, who gets it, how it does beside its control."""
        standing = self.named(request.path_params["name"])
        if str(standing.name) != request.path_params["name"]:
            return RedirectResponse(f"/console/releases/{quote(str(standing.name))}", 302)
        side = await run_in_threadpool(self._desk.side, standing)
        history, problem = await run_in_threadpool(self._history)
        row = self._row(standing, side.known, history)
        control = _control_of(row, history, [str(each.name) for each in self.standings()])
        chosen = request.query_params.get("period", "")
        period = chosen if chosen in PERIODS else "move"
        judged, silence = None, ""
        if history:
            judged, silence = await run_in_threadpool(self._judged, row, control, history[-1], period)
        return self._pages.render(
            "release.html",
            page="releases",
            row=row,
            known=side.known,
            picture=side.picture,
            problem=problem,
            control=control,
            judged=judged,
            silence=silence,
            period=period,
            others=[str(each.name) for each in self.standings() if each.name != standing.name],
            why_no_promote=_why_no_promote(row, _flag_of(history, RELEASE)),
            segments=_segments(history),
            latest=_latest(history),
        )

    async def compare(self, request: Request) -> Response:
        """Two releases beside each other."""
        standings = self.standings()
        chosen = [request.query_params.get(name, "") for name in ("before", "after")]
        if len(standings) < 2:
            raise HTTPException(404, "There are no two releases to compare. `expeditor release create` makes another.")
        if not all(chosen):
            before, after = standings[-2:]
            return RedirectResponse(_compare_link(str(before.name), str(after.name)), 302)
        before, after = (self.named(text) for text in chosen)
        sides = await run_in_threadpool(self._desk.side_by_side, before, after)
        return self._pages.render(
            "compare.html",
            page="releases",
            sides=sides,
            states=changed_rows(sides.comparison.states),
            functions=grouped(sides.comparison.functions),
            names=[str(each.name) for each in standings],
            swapped=_compare_link(str(after.name), str(before.name)),
        )

    def standings(self) -> list[Standing]:
        """Every release as it stands, oldest version first."""
        found = []
        for summary in self._engine.machines.list(limit=MACHINES_LISTED):
            try:
                name = ReleaseName.parse(summary.name)
            except ReleaseNameError:
                continue
            machine = self._engine.machines.describe(summary.arn)
            found.append(Standing(name, machine.arn, machine.revision_id, machine.created_at))
        return sorted(found, key=lambda each: (each.name.machine, each.name.order))

    def named(self, text: str) -> Standing:
        """The release that *text* names, whole or by its version alone.

        Raises:
            HTTPException: none does, or several.
        """
        known = self.standings()
        found = [each for each in known if text in (str(each.name), f"v{each.name.version}", each.name.version)]
        if len(found) != 1:
            listed = ", ".join(str(each.name) for each in known) or "none"
            raise HTTPException(404, f"There is no release {text[:80]!r}; there are {listed}.")
        return found[0]

    def _row(self, standing: Standing, found: Known | str, history: Sequence[Flags]) -> ReleaseRow:
        flag, name = _flag_of(history, RELEASE), str(standing.name)
        return ReleaseRow(
            name=standing.name,
            known=None if isinstance(found, str) else found,
            recent=self._tally.recent(standing.arn),
            is_stable=flag is not None and flag.stable == name,
            gets=given(flag, name) if flag else "",
            share=_share(flag, name),
            since=since(history, RELEASE, name),
            problem=found if isinstance(found, str) else "",
        )

    def _history(self) -> tuple[tuple[Flags, ...], str]:
        """The documents of flags; none and a reason where they cannot be read."""
        try:
            return self._desk.history(), ""
        except FlagsError as error:
            return (), str(error)

    def _read_all(self, standings: Sequence[Standing]) -> Mapping[Standing, Known | str]:
        return {standing: self._read(standing) for standing in standings}

    def _read(self, standing: Standing) -> Known | str:
        try:
            return self._desk.known(standing)
        except NodeSilentError as error:
            return str(error)

    def _judged(self, row: ReleaseRow, control: str, flags: Flags, period: str) -> tuple[Health | None, str]:
        """The measures over a period; none and a reason where nobody tells of orders."""
        now = self._clock.now()
        begin = now - PERIODS[period] if period in PERIODS else flags.change.at
        try:
            orders = self._desk.orders(begin if period == "move" else begin // 10 * 10)
        except ShopSilentError as error:
            return None, str(error)
        observed = Observed(*(arm_of(orders, release, now) for release in (str(row.name), control)))
        is_weighed = period == "move" and flags.flag(RELEASE).stable == control and len(flags.flag(RELEASE).rules) == 1
        rollout = Rollout(Plan(str(row.name), control, (), 0.0), row.share, begin, is_weighed)
        return health(rollout, observed, now), ""


def _flag_of(history: Sequence[Flags], key: str) -> Flag | None:
    return history[-1].flags.get(key) if history else None


def _share(flag: Flag | None, name: str) -> int:
    if flag is None:
        return 0
    if not flag.enabled:
        return WHOLE if flag.stable == name else 0
    return flag.everyone.weights.get(name, 0)


def _control_of(row: ReleaseRow, history: Sequence[Flags], known: Sequence[str]) -> str:
    """What a release is held against: the stable one; the stable one itself against the one it followed."""
    flag = _flag_of(history, RELEASE)
    if flag is None:
        return ""
    if not row.is_stable:
        return flag.stable
    before = [flags.flags[RELEASE].stable for flags in reversed(history) if RELEASE in flags.flags]
    parent = row.known.release.manifest.parent if row.known else ""
    return next((each for each in (*before, parent) if each != str(row.name) and each in known), "")


def _experiment(flag: Flag, history: Sequence[Flags]) -> dict[str, Any]:
    colours = colours_of(history, flag.key)
    shown: list[tuple[Bar, str]] = [(bar, drawn(bar)) for bar in bars(flag, colours)]
    return {"flag": flag, "bars": shown}


def _undone(history: Sequence[Flags]) -> dict[int, int]:
    """Revision to the one that took it back."""
    return {flags.change.undoes: flags.change.revision for flags in history if flags.change.undoes}


def _latest(history: tuple[Flags, ...]) -> Change | None:
    """The move that undo would take back."""
    found = last_undoable(history)
    return found[0].change if found else None


def _why_no_promote(row: ReleaseRow, flag: Flag | None) -> str:
    if flag is None:
        return "there are no flags"
    if row.known is not None and not row.known.is_intact:
        return "it is not what was released"
    if row.is_stable and row.share == WHOLE and len(flag.rules) == 1:
        return "it is the stable release and has all orders already"
    return ""


def _segments(history: Sequence[Flags]) -> list[str]:
    """Segments to choose from: those that rules are for already, and the ones that every shop has."""
    used: Iterator[str] = (rule.segment for flags in history[-1:] for rule in flags.flag(RELEASE).rules[:-1])
    return list(dict.fromkeys((*used, "employees")))


def _compare_link(before: str, after: str) -> str:
    return f"/console/releases/compare?{urlencode({'before': before, 'after': after})}"
