"""A state machine as a picture: each scope laid out on its own, Parallel and Map as big nodes around theirs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import Any, NamedTuple

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
TRANSITIONS_MAX = 150
"""The layout takes the more time the more transitions there are, and nothing else runs meanwhile: with so many up to
half a second, with three hundred up to five."""
LAYOUTS_KEPT = 256

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


class _Box(NamedTuple):
    name: str
    width: float
    height: float


class _Edge(NamedTuple):
    source: str
    target: str
    label: str


class _Layout(NamedTuple):
    """Corners of the boxes, and the points of each edge, from (0, 0) to (width, height)."""

    width: float
    height: float
    corners: Mapping[str, tuple[float, float]]
    paths: tuple[tuple[tuple[float, float], ...], ...]


def draw(definition: Mapping[str, Any], trail: Trail | None = None) -> str:
    """The machine as one SVG element that scales with its container; of one that is too large, words that say so.

    Args:
        definition: a parsed ASL document; it must be valid.
    """
    count = _count(definition, 0)
    picture = _scope(definition, trail or Trail(), 0) if count <= TRANSITIONS_MAX else _words(count)
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


def _count(scope: Mapping[str, Any], depth: int) -> int:
    """Transitions of a scope and of all inside it."""
    inside = (inner for state in scope["States"].values() for inner in _inner(state, depth))
    return sum(1 for _ in _edges(scope)) + sum(_count(inner, depth + 1) for inner in inside)


def _words(count: int) -> _Picture:
    said = f"Not drawn: the machine has {count} transitions, more than {TRANSITIONS_MAX}."
    width = len(said) * CHARACTER_WIDTH
    return _Picture(width, BOX_HEIGHT, f'<text x="{width / 2:.1f}" y="{BOX_HEIGHT / 2:.1f}">{said}</text>')


def _scope(scope: Mapping[str, Any], trail: Trail, depth: int) -> _Picture:
    states: Mapping[str, Mapping[str, Any]] = scope["States"]
    inside = {name: [_scope(each, trail, depth + 1) for each in _inner(state, depth)] for name, state in states.items()}
    boxes = [_Box(name, *_size(name, inside[name])) for name in states]
    edges = tuple(_edges(scope))
    layout = _laid_out((_terminal(_START), *boxes, _terminal(_END)), edges)
    body = [_edge_svg(edge, path, trail) for edge, path in zip(edges, layout.paths, strict=True)]
    body += [_terminal_svg(*layout.corners[name], name == _END) for name in (_START, _END)]
    body += [_state_svg(box, layout.corners[box.name], states[box.name], inside[box.name], trail) for box in boxes]
    return _Picture(layout.width, layout.height, "".join(body))


def _terminal(name: str) -> _Box:
    return _Box(name, TERMINAL_SIZE, TERMINAL_SIZE)


@lru_cache(LAYOUTS_KEPT)
def _laid_out(boxes: tuple[_Box, ...], edges: tuple[_Edge, ...]) -> _Layout:
    """Where all is; kept, as only colours differ from one picture of a machine to the next."""
    graph = graphlay.Graph()
    for box in boxes:
        shape = "ellipse" if box.name in (_START, _END) else "box"
        graph.node(box.name, width=box.width, height=box.height, shape=shape)
    for edge in edges:
        graph.edge(edge.source, edge.target, weight=1.0 if edge.label == "catch" else 4.0)
    layout = graphlay.layout(graph, preset="process_map", options=_OPTIONS)
    left, top = layout.bounds["min"]["x"], layout.bounds["min"]["y"]
    return _Layout(
        layout.bounds["max"]["x"] - left,
        layout.bounds["max"]["y"] - top,
        {
            name: (
                placed["center"]["x"] - placed["size"]["width"] / 2 - left,
                placed["center"]["y"] - placed["size"]["height"] / 2 - top,
            )
            for name, placed in zip(layout.ids, layout.nodes, strict=True)
        },
        tuple(tuple((point["x"] - left, point["y"] - top) for point in edge["points"]) for edge in layout.edges),
    )


def _edges(scope: Mapping[str, Any]) -> Iterator[_Edge]:
    yield _Edge(_START, scope["StartAt"], "")
    for name, state in scope["States"].items():
        for target, label in dict.fromkeys(transitions(state)):
            yield _Edge(name, target if target is not None else _END, label)


def _inner(state: Mapping[str, Any], depth: int) -> list[Mapping[str, Any]]:
    return machine_scopes(state) if depth < DEPTH_MAX else []


def _size(name: str, inside: list[_Picture]) -> tuple[float, float]:
    width = min(max(len(name) * CHARACTER_WIDTH + 28, BOX_WIDTH_MIN), BOX_WIDTH_MAX)
    if not inside:
        return width, BOX_HEIGHT
    inner_width = sum(picture.width for picture in inside) + PADDING * (len(inside) + 1)
    return max(width, inner_width), max(picture.height for picture in inside) + TITLE_HEIGHT + 2 * PADDING


def _state_svg(
    box: _Box, corner: tuple[float, float], state: Mapping[str, Any], inside: list[_Picture], trail: Trail
) -> str:
    (name, width, height), (x, y) = box, corner
    mark = trail.marks.get(name)
    kind = state["Type"]
    classes = f"state {kind.lower()} {mark.state if mark else 'untouched'}{' scope' if inside else ''}"
    text_y = y + (TITLE_HEIGHT - 6 if inside else height / 2) + (5 if mark and mark.note else 0)
    parts = [
        f'<g class="{classes}" data-state="{escape(name)}" tabindex="0"><title>{escape(name)} ({kind})</title>',
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="8"/>',
        f'<text x="{x + width / 2:.1f}" y="{text_y:.1f}">{escape(_shortened(name))}</text>',
    ]
    note = "" if mark is None else mark.note or (f"{mark.visits}x" if mark.visits > 1 else "")
    if note:
        parts.append(f'<text class="visits" x="{x + width - 8:.1f}" y="{y + 10:.1f}">{escape(note)}</text>')
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


def _edge_svg(edge: _Edge, path: tuple[tuple[float, float], ...], trail: Trail) -> str:
    source, target, label = edge
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
