"""A state machine as a picture: each scope laid out on its own, Parallel and Map as big nodes around theirs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import graphlay

CHARACTER_WIDTH = 7.2
BOX_HEIGHT = 40.0
BOX_WIDTH_MIN = 110.0
BOX_WIDTH_MAX = 260.0
TERMINAL_SIZE = 14.0
PADDING = 18.0
TITLE_HEIGHT = 26.0
MARGIN = 16.0
DEPTH_MAX = 12

_OPTIONS = {"direction": "topbottom"}
_START, _END = "\0start", "\0end"


@dataclass(frozen=True, slots=True)
class Mark:
    """How a state fared, or how it differs from another release's: for colours and words on it.

    Attributes:
        state: ``succeeded``, ``failed``, ``caught``, ``running`` or ``cancelled``; between releases ``added``,
            ``removed``, ``changed`` or ``calls-other``.
        visits: how often it was entered.
        note: words in its corner.
    """

    state: str
    visits: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class Trail:
    """What to highlight: marks by state name, and the transitions taken as (from, to) names.

    The name None stands for the start of a scope as source and for its end as target.
    """

    marks: Mapping[str, Mark] = field(default_factory=dict)
    taken: frozenset[tuple[str | None, str | None]] = frozenset()


@dataclass(slots=True)
class _Picture:
    width: float
    height: float
    body: str


def draw(definition: Mapping[str, Any], trail: Trail | None = None) -> str:
    """The machine as one SVG element that scales with its container.

    Args:
        definition: a parsed ASL document; it must be valid.
    """
    picture = _scope(definition, trail or Trail(), 0)
    width, height = picture.width + 2 * MARGIN, picture.height + 2 * MARGIN
    return (
        f'<svg class="machine" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="State machine">'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>'
        f'<g transform="translate({MARGIN} {MARGIN})">{picture.body}</g></svg>'
    )


def transitions(state: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
    """Where a state may go next and on what: ``(target, label)``; target None is the end of the scope."""
    kind = state["Type"]
    if kind == "Choice":
        for rule in state["Choices"]:
            yield rule["Next"], _rule_label(rule)
        if "Default" in state:
            yield state["Default"], "otherwise"
    elif "Next" in state:
        yield state["Next"], ""
    else:
        yield None, ""
    for catcher in state.get("Catch", ()):
        yield catcher["Next"], "catch"


def machine_scopes(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a state has inside: the branches of a Parallel, the processor of a Map; each with its own StartAt."""
    if state["Type"] == "Parallel":
        return list(state["Branches"])
    return [state.get("ItemProcessor") or state["Iterator"]] if state["Type"] == "Map" else []


def _scope(scope: Mapping[str, Any], trail: Trail, depth: int) -> _Picture:
    states: Mapping[str, Mapping[str, Any]] = scope["States"]
    inner = {name: _inside(state, trail, depth) for name, state in states.items()}
    graph = graphlay.Graph()
    graph.node(_START, width=TERMINAL_SIZE, height=TERMINAL_SIZE, shape="ellipse")
    for name in states:
        width, height = _size(name, inner[name])
        graph.node(name, width=width, height=height)
    graph.node(_END, width=TERMINAL_SIZE, height=TERMINAL_SIZE, shape="ellipse")
    edges = list(_edges(scope))
    for source, target, label in edges:
        graph.edge(source, target, weight=1.0 if label == "catch" else 4.0)
    layout = graphlay.layout(graph, preset="process_map", options=_OPTIONS)
    left, top = layout.bounds["min"]["x"], layout.bounds["min"]["y"]
    body = [
        _edge_svg(edge, placed["points"], (left, top), trail) for edge, placed in zip(edges, layout.edges, strict=True)
    ]
    for name, placed in zip(layout.ids, layout.nodes, strict=True):
        x = placed["center"]["x"] - placed["size"]["width"] / 2 - left
        y = placed["center"]["y"] - placed["size"]["height"] / 2 - top
        if name in (_START, _END):
            body.append(_terminal_svg(x, y, name == _END))
        else:
            body.append(_state_svg(name, states[name], (x, y, placed["size"]), inner[name], trail))
    return _Picture(layout.bounds["max"]["x"] - left, layout.bounds["max"]["y"] - top, "".join(body))


def _edges(scope: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    yield _START, scope["StartAt"], ""
    for name, state in scope["States"].items():
        seen = set()
        for target, label in transitions(state):
            if (target, label) not in seen:
                seen.add((target, label))
                yield name, target if target is not None else _END, label


def _inside(state: Mapping[str, Any], trail: Trail, depth: int) -> list[_Picture]:
    return [_scope(inner, trail, depth + 1) for inner in machine_scopes(state)] if depth < DEPTH_MAX else []


def _size(name: str, inside: list[_Picture]) -> tuple[float, float]:
    width = min(max(len(name) * CHARACTER_WIDTH + 28, BOX_WIDTH_MIN), BOX_WIDTH_MAX)
    if not inside:
        return width, BOX_HEIGHT
    inner_width = sum(picture.width for picture in inside) + PADDING * (len(inside) + 1)
    return max(width, inner_width), max(picture.height for picture in inside) + TITLE_HEIGHT + 2 * PADDING


def _state_svg(
    name: str,
    state: Mapping[str, Any],
    box: tuple[float, float, Mapping[str, float]],
    inside: list[_Picture],
    trail: Trail,
) -> str:
    x, y, size = box
    mark = trail.marks.get(name)
    kind = state["Type"]
    classes = f"state {kind.lower()} {mark.state if mark else 'untouched'}{' scope' if inside else ''}"
    text_y = y + (TITLE_HEIGHT - 6 if inside else size["height"] / 2) + (5 if mark and mark.note else 0)
    parts = [
        f'<g class="{classes}" data-state="{escape(name)}" tabindex="0"><title>{escape(name)} ({kind})</title>',
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{size["width"]:.1f}" height="{size["height"]:.1f}" rx="8"/>',
        f'<text x="{x + size["width"] / 2:.1f}" y="{text_y:.1f}">{escape(_shortened(name))}</text>',
    ]
    note = "" if mark is None else mark.note or (f"{mark.visits}x" if mark.visits > 1 else "")
    if note:
        parts.append(f'<text class="visits" x="{x + size["width"] - 8:.1f}" y="{y + 10:.1f}">{escape(note)}</text>')
    offset = x + PADDING
    for picture in inside:
        parts.append(f'<g transform="translate({offset:.1f} {y + TITLE_HEIGHT + PADDING:.1f})">{picture.body}</g>')
        offset += picture.width + PADDING
    return "".join([*parts, "</g>"])


def _terminal_svg(x: float, y: float, is_end: bool) -> str:
    radius = TERMINAL_SIZE / 2
    ring = f'<circle class="terminal ring" cx="{x + radius:.1f}" cy="{y + radius:.1f}" r="{radius:.1f}"/>'
    return ring + (
        f'<circle class="terminal" cx="{x + radius:.1f}" cy="{y + radius:.1f}" r="{radius - 3:.1f}"/>' if is_end else ""
    )


def _edge_svg(
    edge: tuple[str, str, str], points: list[Mapping[str, float]], origin: tuple[float, float], trail: Trail
) -> str:
    source, target, label = edge
    path = [(point["x"] - origin[0], point["y"] - origin[1]) for point in points]
    taken = (None if source == _START else source, None if target == _END else target) in trail.taken
    classes = f"edge{' catch' if label == 'catch' else ''}{' taken' if taken else ''}"
    steps = " ".join(f"{'M' if index == 0 else 'L'}{x:.1f} {y:.1f}" for index, (x, y) in enumerate(path))
    title = f"<title>{escape(label)}</title>" if label else ""
    return f'<g class="{classes}">{title}<path d="{steps}" marker-end="url(#arrow)"/></g>'


def _rule_label(rule: Mapping[str, Any]) -> str:
    if "Condition" in rule:
        return str(rule["Condition"])
    for operator in ("And", "Or"):
        if operator in rule:
            return f" {operator.lower()} ".join(_rule_label(each) for each in rule[operator])
    if "Not" in rule:
        return f"not {_rule_label(rule['Not'])}"
    comparison = next((key for key in rule if key not in {"Variable", "Next", "Comment", "Assign", "Output"}), "")
    return f"{rule.get('Variable', '')} {comparison} {rule.get(comparison)}"


def _shortened(name: str) -> str:
    most = int((BOX_WIDTH_MAX - 28) / CHARACTER_WIDTH)
    return name if len(name) <= most else name[: most - 1] + "…"
