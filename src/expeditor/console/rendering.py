"""Templates and the few forms that values take in them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from starlette.responses import HTMLResponse

from expeditor.clock import Clock
from expeditor.console.shares import percent, short
from expeditor.console.trail import Event

TEXT_SHOWN_MAX = 65_536


class Pages:
    """Renders the templates of this room."""

    def __init__(self, clock: Clock, shop_url: str) -> None:
        self._clock = clock
        self._shop_url = shop_url
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            utc=utc, ago=self._ago, pretty=pretty, seconds=seconds, percent=percent, short=short
        )

    def render(self, template: str, **values: Any) -> HTMLResponse:
        """The page *template* with *values*."""
        return HTMLResponse(self._templates.get_template(template).render(shop_url=self._shop_url, **values))

    @staticmethod
    def refusal(message: str) -> str:
        """A small page that says why there is nothing to see."""
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Not here</title>'
            '<link rel="stylesheet" href="/console/static/console.css"><main><section class="panel">'
            f'<p>{escape(message)}</p><p><a href="/console/executions">Executions</a></p></section></main></html>'
        )

    @staticmethod
    def event_rows(events: Sequence[Event], started_at: float) -> list[dict[str, Any]]:
        """History events as the table shows them."""
        rows = []
        for event in events:
            details: Any = next(iter(event.details.values()), {}) if event.details else {}
            known = details if isinstance(details, dict) else {}
            brief = known.get("error") or known.get("resource") or known.get("name") or ""
            rows.append(
                {
                    "id": event.id,
                    "type": event.type,
                    "state": known.get("name", ""),
                    "after_ms": round((event.at - started_at) * 1000, 1),
                    "brief": brief or "details",
                    "details": msgspec.json.encode(known).decode(),
                }
            )
        return rows

    def _ago(self, at: float) -> str:
        passed = max(0.0, self._clock.now() - at)
        for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
            if passed >= length:
                return f"{int(passed // length)} {unit} ago"
        return f"{int(passed)} s ago"


def utc(at: float) -> str:
    """An instant as RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def took(started_at: float, stopped_at: float | None) -> str | None:
    """A duration for people; None while it lasts."""
    if stopped_at is None:
        return None
    passed = stopped_at - started_at
    return f"{passed * 1000:.0f} ms" if passed < 10 else f"{passed:.1f} s"


def seconds(value: float | None) -> str:
    """An age for people."""
    return "-" if value is None else f"{value:.1f} s"


def pretty(text: str | bytes) -> str:
    """JSON text with indents; other text as it is; very long text cut."""
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    if len(plain) > TEXT_SHOWN_MAX:
        return f"{plain[:TEXT_SHOWN_MAX]}\n… {len(plain)} characters in all"
    try:
        return msgspec.json.format(plain, indent=2)
    except msgspec.DecodeError:
        return plain
