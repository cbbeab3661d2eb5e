"""Who gets what, read off the flags: shares by rule, since when, and what a move changes. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import chain

from expeditor.rollout import EVERYONE, WHOLE, Change, Flag, Flags, Rule

BAR_WIDTH, BAR_HEIGHT = 600, 24
LABELLED_MIN, NAMED_MIN = 900, 2_000
"""Shares below are too narrow for a number inside the bar, or for a name; the words below the bar have both."""
COLOURS = 6
_FIRST_COLOURS = {"pipeline": 4}


@dataclass(frozen=True, slots=True)
class Slice:
    """A variant's part of a bar.

    Attributes:
        share: hundredths of a percent.
        colour: 0 to 5; the same for a variant in all bars of a flag.
    """

    variant: str
    share: int
    colour: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One rule of a flag."""

    rule: str
    from_at: float | None
    until_at: float | None
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class ShareChange:
    """What a move does to one variant in one rule; shares in hundredths of a percent."""

    experiment: str
    rule: str
    variant: str
    before: int
    after: int


def percent(share: int) -> str:
    """A share for people, such as ``12.5 %``."""
    return f"{share / 100:g} %"


def bars(flag: Flag, colours: Mapping[str, int]) -> list[Bar]:
    """A bar for each rule in the order in which they are asked; while the flag is off, what everyone gets instead."""
    rules = flag.rules if flag.enabled else (_switched_off(flag),)
    return [
        Bar(
            rule.name,
            rule.from_at,
            rule.until_at,
            tuple(Slice(name, share, colours[name]) for name, share in rule.weights.items() if share),
        )
        for rule in rules
    ]


def colours_of(history: Sequence[Flags], key: str) -> dict[str, int]:
    """A colour for each variant that a flag ever had, in the order in which they came: no move changes one.

    The experiments begin at different ones, so that they do not look like one.
    """
    ever = (sorted(flags.flags[key].variants) for flags in history if key in flags.flags)
    first = _FIRST_COLOURS.get(key, 0)
    return {name: (first + number) % COLOURS for number, name in enumerate(dict.fromkeys(chain.from_iterable(ever)))}


def drawn(bar: Bar) -> str:
    """A bar as SVG; each slice is told by word where it is wide enough, and by its title."""
    words = ", ".join(f"{each.variant} {percent(each.share)}" for each in bar.slices)
    label = f"{escape(bar.rule)}: {escape(words)}"
    parts = [f'<svg class="shares" viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" role="img" aria-label="{label}">']
    at = 0.0
    for each in bar.slices:
        width = each.share * BAR_WIDTH / WHOLE
        parts.append(
            f'<g class="share-{each.colour}"><title>{escape(each.variant)} {percent(each.share)}</title>'
            f'<rect x="{at:.1f}" y="0" width="{max(width - 1, 1):.1f}" height="{BAR_HEIGHT}" rx="3"/>'
        )
        if each.share >= LABELLED_MIN:
            label = percent(each.share) if each.share < NAMED_MIN else f"{short(each.variant)} {percent(each.share)}"
            parts.append(f'<text x="{at + width / 2:.1f}" y="{BAR_HEIGHT / 2 + 1}">{escape(label)}</text>')
        parts.append("</g>")
        at += width
    return "".join([*parts, "</svg>"])


def short(variant: str) -> str:
    """A release's version alone; any other variant as it is."""
    _, marker, version = variant.rpartition("-v")
    return f"v{version}" if marker and version[:1].isdecimal() else variant


def given(flag: Flag, variant: str) -> str:
    """Whom *variant* is given to, in words; "" for nobody."""
    if not flag.enabled:
        return "everyone, as the experiment is off" if variant == flag.stable else ""
    parts = ((rule.name, rule.weights.get(variant, 0)) for rule in reversed(flag.rules))
    return ", ".join(f"{percent(share)} of {name}" for name, share in parts if share)


def since(history: Sequence[Flags], key: str, variant: str) -> Change | None:
    """The change that gave *variant* the shares it has now; None if it never had another, or there is no history.

    Args:
        history: documents that were in force, oldest first; the last one is in force now.
    """
    newer: Flags | None = None
    for flags in reversed(history):
        if newer is not None and _standing(flags, key, variant) != _standing(newer, key, variant):
            return newer.change
        newer = flags
    return newer.change if newer is not None and any(_standing(newer, key, variant)[1:]) else None


def changes(before: Flags, after: Flags) -> list[ShareChange]:
    """What differs in who gets what; a new rule is compared with what its people got by the rule for everyone."""
    found: list[ShareChange] = []
    for key in after.flags:
        if key in before.flags:
            found += _flag_changes(before.flags[key], after.flags[key])
    return found


def turns(before: Flags, after: Flags) -> list[str]:
    """Sentences for what a move does beside shares: the stable variant, rules that come or go, the kill switch."""
    return [
        sentence
        for key, flag in after.flags.items()
        if key in before.flags
        for sentence in _flag_turns(before.flags[key], flag)
    ]


def _flag_turns(old: Flag, new: Flag) -> Iterator[str]:
    if old.stable != new.stable:
        yield f"{new.stable} becomes the stable {_noun(new.key)}: others are compared with it, instead of {old.stable}."
    for name in (rule.name for rule in old.rules if rule.name not in {each.name for each in new.rules}):
        yield f"The rule for {name} ends; they get what everyone gets."
    for name in (rule.name for rule in new.rules if rule.name not in {each.name for each in old.rules}):
        yield f"A rule for {name} begins; it is asked before the one for everyone."
    if old.enabled != new.enabled:
        switched = "is switched on again" if new.enabled else f"is switched off: everyone gets {new.stable}"
        yield f"The experiment {new.key} {switched}."


def _flag_changes(old: Flag, new: Flag) -> Iterator[ShareChange]:
    for rule in reversed(new.rules):
        same = [each for each in old.rules if _people(each) == _people(rule)]
        before = (same[0] if same else old.everyone).weights
        for variant in dict.fromkeys((*before, *rule.weights)):
            was, now = before.get(variant, 0), rule.weights.get(variant, 0)
            if was != now:
                yield ShareChange(new.key, rule.name, variant, was, now)


def _standing(flags: Flags, key: str, variant: str) -> tuple[object, ...]:
    flag = flags.flags.get(key)
    if flag is None:
        return True, False, ()
    rules = tuple((_people(rule), rule.weights[variant]) for rule in flag.rules if rule.weights.get(variant))
    return flag.enabled, flag.stable == variant, rules


def _people(rule: Rule) -> tuple[object, ...]:
    return rule.segment, rule.from_at, rule.until_at


def _switched_off(flag: Flag) -> Rule:
    return Rule(EVERYONE, {flag.stable: WHOLE})


def _noun(key: str) -> str:
    return "release" if key == "release" else f"variant of {key}"
