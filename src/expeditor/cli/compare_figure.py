"""The distribution of processing times, as an SVG figure and as lines of text; the axis is logarithmic."""

import math
from collections.abc import Mapping, Sequence

BINS = 60
BINS_TEXT = 20
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 860, 400, 60, 56, 44, 26
TICKS = (
    (0.001, "1 ms"),
    (0.01, "10 ms"),
    (0.1, "100 ms"),
    (1.0, "1 s"),
    (10.0, "10 s"),
    (60.0, "1 min"),
    (900.0, "15 min"),
    (7_200.0, "2 h"),
)
COLOURS = {"instant": "#0b6e4f", "legacy": "#b5541c"}


def quantile(sorted_seconds: Sequence[float], share: float) -> float:
    """The value that *share* of the ascending *sorted_seconds* do not exceed."""
    return sorted_seconds[min(len(sorted_seconds) - 1, max(0, math.ceil(share * len(sorted_seconds)) - 1))]


def shown(seconds: float) -> str:
    """*seconds* as people say it: ``42 ms``, ``3.1 s``, ``21.5 min``."""
    if seconds < 1.0:
        return f"{seconds * 1_000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120.0 else f"{seconds / 60:.1f} min"


def text_of(name: str, seconds: Sequence[float]) -> list[str]:
    """A histogram of one pipeline in lines of text, over its own range."""
    low, high = math.log10(min(seconds)), math.log10(max(seconds) * 1.0001)
    counts = _counts(seconds, low, max(high, low + 0.01), BINS_TEXT)
    most = max(counts)
    width = (max(high, low + 0.01) - low) / BINS_TEXT
    lines = [f"{name}: {len(seconds)} orders delivered"]
    for number, found in enumerate(counts):
        if found:
            edge = shown(10 ** (low + number * width))
            lines.append(f"  from {edge:>9}  {'█' * max(1, round(40 * found / most))} {found}")
    return lines


def svg_of(times: Mapping[str, Sequence[float]], title: str) -> str:
    """The figure: one panel per pipeline, one above the other, the same axis under both."""
    flat = [value for seconds in times.values() for value in seconds]
    low, high = math.log10(min(flat)) - 0.15, math.log10(max(flat)) + 0.15
    panel = (HEIGHT - TOP - BOTTOM - GAP * (len(times) - 1)) / len(times)
    view, font = f"0 0 {WIDTH} {HEIGHT}", "system-ui, sans-serif"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}" font-family="{font}" font-size="13" role="img">',
        f"<title>{title}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" font-weight="600" fill="#1d1d1f">{title}</text>',
    ]
    parts += _ticks(low, high)
    for number, (name, seconds) in enumerate(times.items()):
        parts += _panel(name, seconds, (low, high), (TOP + number * (panel + GAP), panel))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(name: str, seconds: Sequence[float], span: tuple[float, float], place: tuple[float, float]) -> list[str]:
    """Bars of one pipeline and its median; *place* is top and height."""
    top, height = place
    counts = _counts(seconds, *span, BINS)
    bar = (WIDTH - 2 * LEFT) / BINS
    colour, floor, most = COLOURS.get(name, "#444444"), top + height, max(counts)
    parts = [f'<line x1="{LEFT}" y1="{floor:.1f}" x2="{WIDTH - LEFT}" y2="{floor:.1f}" stroke="#9a9a9a"/>']
    for number, found in enumerate(counts):
        if found:
            tall = max(1.5, (height - 22) * found / most)
            parts.append(
                f'<rect x="{LEFT + number * bar + 0.5:.1f}" y="{floor - tall:.1f}" width="{bar - 1:.1f}"'
                f' height="{tall:.1f}" fill="{colour}"/>'
            )
    ordered = sorted(seconds)
    middle = quantile(ordered, 0.5)
    said = f"{name}: half within {shown(middle)}, 95 % within {shown(quantile(ordered, 0.95))}"
    at_right = math.log10(middle) > sum(span) / 2
    x, anchor = (WIDTH - LEFT, "end") if at_right else (LEFT, "start")
    parts.append(
        f'<text x="{x}" y="{top + 14:.1f}" text-anchor="{anchor}" font-weight="600" fill="{colour}">{said}</text>'
    )
    return parts


def _ticks(low: float, high: float) -> list[str]:
    parts = []
    for seconds, label in TICKS:
        place = (math.log10(seconds) - low) / (high - low)
        if 0 <= place <= 1:
            x = LEFT + place * (WIDTH - 2 * LEFT)
            parts.append(
                f'<line x1="{x:.1f}" y1="{TOP - 14}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#e3e3e3"/>'
                f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle" fill="#555555">{label}</text>'
            )
    return parts


def _counts(seconds: Sequence[float], low: float, high: float, bins: int) -> list[int]:
    counts = [0] * bins
    for value in seconds:
        place = (math.log10(value) - low) / (high - low)
        counts[min(bins - 1, max(0, int(place * bins)))] += 1
    return counts
