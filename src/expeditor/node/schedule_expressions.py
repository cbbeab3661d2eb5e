"""EventBridge's schedule expressions: ``rate(5 minutes)`` and ``cron(0 12 * * ? *)``, in any IANA time zone.

Source: EventBridge user guide, "Cron expressions reference" and "Rate expressions reference"; EventBridge Scheduler
user guide, "Daylight savings time": a local time that does not exist is skipped, one that comes twice counts once.
"""

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from expeditor.errors import ExpeditorError

YEARS = range(1970, 2200)

_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400}
_RATE = re.compile(r"rate\(([1-9]\d{0,8}) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_NUMBER = re.compile(r"\d+")
_YEAR_TERM = re.compile(r"(\d{4})(?:-(\d{4}))?(?:/(\d{1,3}))?")

_Next: TypeAlias = Callable[[float], float]


class ScheduleExpressionError(ExpeditorError):
    """The expression, or its time zone, is none of EventBridge's, or one this node cannot run."""

    def __init__(self, expression: str, reason: str) -> None:
        super().__init__(
            f"{expression}: {reason}; write rate(5 minutes), or cron(minutes hours day month weekday year)"
        )
        self.expression = expression


def next_at(expression: str, after: float, timezone: str = "UTC") -> float:
    """The first instant later than *after* that the expression names; infinite when there is none left.

    Raises:
        ScheduleExpressionError: the expression cannot be read, or the time zone is unknown.
    """
    return _compile(expression, timezone)(after)


@lru_cache(maxsize=1_024)
def _compile(expression: str, timezone: str) -> _Next:
    rate = _RATE.fullmatch(expression)
    if rate is not None:
        seconds = int(rate[1]) * _SECONDS[rate[2]]
        return lambda after: after + seconds
    cron = _CRON.fullmatch(expression)
    if cron is None:
        raise ScheduleExpressionError(expression, "it is neither a rate nor a cron with six fields")
    return _compile_cron(expression, list(cron.groups()), _zone(expression, timezone))


def _zone(expression: str, timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (LookupError, ValueError, OSError) as error:
        raise ScheduleExpressionError(expression, f"there is no time zone {timezone!r}") from error


def _compile_cron(expression: str, fields: list[str], zone: ZoneInfo) -> _Next:
    minutes, hours, days, months, weekdays, years = fields
    if (days == "?") is (weekdays == "?"):
        raise ScheduleExpressionError(expression, "exactly one of day-of-month and day-of-week must be ?")
    if "W" in days:
        raise ScheduleExpressionError(expression, "the weekday nearest to a day (W) is not supported")
    pattern = " ".join((minutes, hours, days.replace("?", "*"), months, _weekdays(weekdays)))
    allowed = _years(expression, years)
    try:
        CronSim(pattern, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ScheduleExpressionError(expression, str(error)) from error

    def following(after: float) -> float:
        start = datetime.fromtimestamp(after, zone).replace(tzinfo=None)
        instants = (_instant(local, zone) for local in _local_times(pattern, start, allowed))
        return next((instant for instant in instants if instant is not None and instant > after), math.inf)

    return following


def _weekdays(field: str) -> str:
    """EventBridge counts the days of the week from 1 for Sunday, cronsim from 0."""
    if field in {"?", "L"}:
        return {"?": "*", "L": "6"}[field]
    if re.search(r"[089]", field.partition("/")[0].partition("#")[0]):
        return field + "?"  # no day of the week: left to be refused with the field's name
    days, *rest = re.split(r"([#/].*)", field, maxsplit=1)
    return "".join((_NUMBER.sub(lambda number: str(int(number[0]) - 1), days), *rest))


def _years(expression: str, field: str) -> frozenset[int]:
    if field == "*":
        return frozenset(YEARS)
    found: set[int] = set()
    for term in field.split(","):
        matched = _YEAR_TERM.fullmatch(term)
        if matched is None or int(matched[3] or 1) == 0:
            raise ScheduleExpressionError(expression, f"{term!r} is no year, range of years or step")
        first = int(matched[1])
        last = int(matched[2]) if matched[2] else (YEARS[-1] if matched[3] else first)
        found.update(range(first, last + 1, int(matched[3] or 1)))
    if not found <= set(YEARS):
        raise ScheduleExpressionError(expression, "years are 1970 to 2199")
    return frozenset(found)


def _local_times(pattern: str, start: datetime, years: frozenset[int]) -> Iterator[datetime]:
    """Wall-clock times after *start* that match, year by year."""
    for year in sorted(year for year in years if year >= start.year):
        new_year = datetime(year, 1, 1)  # noqa: DTZ001 - a wall clock, which has its zone later
        for local in CronSim(pattern, max(start, new_year - timedelta(seconds=1))):
            if local.year != year:
                break
            yield local


def _instant(local: datetime, zone: ZoneInfo) -> float | None:
    """The instant of a wall-clock time, its first when there are two; None when clocks jumped over it."""
    instant = local.replace(tzinfo=zone).timestamp()
    shown = datetime.fromtimestamp(instant, zone).replace(tzinfo=None)
    return instant if shown == local else None
