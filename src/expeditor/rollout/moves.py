"""What can be done to a document of flags; each move gives the flags of the next one, and changes no assigned order."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from expeditor.rollout.flags import EVERYONE, WHOLE, Change, Flag, Flags, FlagsError, Rule, segment_condition


@dataclass(frozen=True, slots=True)
class Author:
    """Who moves something, when and why."""

    by: str
    at: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """For whom, and when.

    Attributes:
        segment: a segment's name, or ``everyone``.
        from_at, until_at: instants; None: at all times.
    """

    segment: str = EVERYONE
    from_at: float | None = None
    until_at: float | None = None

    @property
    def is_everyone(self) -> bool:
        """Whether it is the rule that is always there."""
        return self == Target()


def shifted(flags: Flags, key: str, variant: str, share: int, target: Target) -> Flag:
    """The flag with *share* of *target* on *variant*; the others keep their proportions in what is left.

    Args:
        share: hundredths of a percent, 0 to 10,000.

    Raises:
        FlagsError: no such flag, or a share that nobody could take the rest of.
    """
    flag = flags.flag(key)
    if not 0 <= share <= WHOLE:
        raise FlagsError(f"{share / 100:g} % is no share; give 0 % to 100 %")
    existing = next((rule for rule in flag.rules if _is_for(rule, target)), None)
    base = existing or Rule(target.segment, flag.everyone.weights, target.from_at, target.until_at)
    return _with_rule(flag, replace(base, weights=_weights(base.weights, variant, share, flag.stable)))


def weighted(flags: Flags, key: str, weights: Mapping[str, int], target: Target) -> Flag:
    """The flag with exactly these *weights*, in percent or any other scale, for *target*.

    Raises:
        FlagsError: no such flag, a variant twice below 0, or all of them 0.
    """
    flag = flags.flag(key)
    total = sum(weights.values())
    if total <= 0 or min(weights.values()) < 0:
        raise FlagsError("weights must be 0 or more, and one of them above 0")
    missing = {variant: 0 for variant in flag.everyone.weights if variant not in weights} if target.is_everyone else {}
    scaled = _apportioned({**missing, **weights}, WHOLE)
    ordered = {name: scaled[name] for name in (*flag.everyone.weights, *weights) if name in scaled}
    return _with_rule(flag, Rule(target.segment, ordered, target.from_at, target.until_at))


def promoted(flags: Flags, key: str, variant: str) -> Flag:
    """The flag with everyone on *variant*, which is the stable one from now on; no other rules."""
    flag = flags.flag(key)
    return replace(flag, stable=variant, rules=(Rule(EVERYONE, {variant: WHOLE}),))


def withdrawn(flags: Flags, key: str, variant: str) -> Flag:
    """The flag with nobody on *variant* any more: its share goes to the others, or to the stable one.

    Raises:
        FlagsError: it is the stable one.
    """
    flag = flags.flag(key)
    if variant == flag.stable:
        raise FlagsError(f"{variant} is the stable one; promote another first, or `release undo`")
    kept = [replace(rule, weights=_weights(rule.weights, variant, 0, flag.stable)) for rule in flag.rules]
    rules = [replace(rule, weights={k: w for k, w in rule.weights.items() if k != variant}) for rule in kept]
    return replace(flag, rules=tuple(rule for rule in rules if rule.segment == EVERYONE or _differs(rule, rules[-1])))


def untargeted(flags: Flags, key: str, target: Target) -> Flag:
    """The flag without the rule for *target*.

    Raises:
        FlagsError: there is no such rule, or it is the last one.
    """
    flag = flags.flag(key)
    if target.is_everyone:
        raise FlagsError("the rule for everyone stays; shift its weights instead")
    rules = tuple(rule for rule in flag.rules if not _is_for(rule, target))
    if rules == flag.rules:
        raise FlagsError(f"{key} has no rule for {target.segment}; `expeditor experiment get {key}` lists them")
    return replace(flag, rules=rules)


def switched(flags: Flags, key: str, *, enabled: bool) -> Flag:
    """The flag switched on, or off: everyone gets the stable variant then, whatever the rules say."""
    return replace(flags.flag(key), enabled=enabled)


def moved(flags: Flags, flag: Flag, author: Author, action: str) -> Flags:
    """The next document, with *flag* in place of the one of the same key."""
    used = {**flags.flags, flag.key: flag}
    segments = {rule.segment for each in used.values() for rule in each.rules} - {EVERYONE}
    known = {name: flags.segments.get(name) or segment_condition(name) for name in sorted(segments)}
    return Flags(used, _change(flags, author, action), known)


def undone(flags: Flags, before: Flags, author: Author, undoes: Change) -> Flags:
    """The next document, with everything as it was in *before*."""
    change = replace(_change(flags, author, f"undo: {undoes.action}"), undoes=undoes.revision)
    return Flags(before.flags, change, before.segments)


def last_undoable(history: tuple[Flags, ...]) -> tuple[Flags, Flags] | None:
    """The newest document whose change can be taken back, and the one it was made from.

    Args:
        history: all documents that were in force, oldest first.
    """
    by_revision = {flags.change.revision: flags for flags in history}
    taken_back = {flags.change.undoes for flags in history}
    for flags in reversed(history):
        change = flags.change
        if change.undoes == 0 and change.revision not in taken_back and change.follows in by_revision:
            return flags, by_revision[change.follows]
    return None


def _change(flags: Flags, author: Author, action: str) -> Change:
    revision = flags.change.revision
    return Change(revision + 1, revision, author.at, author.by, action, author.reason)


def _is_for(rule: Rule, target: Target) -> bool:
    return (rule.segment, rule.from_at, rule.until_at) == (target.segment, target.from_at, target.until_at)


def _with_rule(flag: Flag, rule: Rule) -> Flag:
    """*rule* in place of the one for the same people; a new one comes first, as it is the most particular wish."""
    target = Target(rule.segment, rule.from_at, rule.until_at)
    if any(_is_for(each, target) for each in flag.rules):
        return replace(flag, rules=tuple(rule if _is_for(each, target) else each for each in flag.rules))
    return replace(flag, rules=(rule, *flag.rules))


def _weights(before: Mapping[str, int], variant: str, share: int, stable: str) -> dict[str, int]:
    """The order of variants stays, so that a growing share eats into its neighbour only."""
    others = {name: weight for name, weight in before.items() if name != variant}
    if sum(others.values()) == 0 and share < WHOLE:
        if variant == stable and not others:
            raise FlagsError(f"{variant} is the only one; nobody could take the rest of the orders")
        others = {**others, (stable if variant != stable else next(iter(others))): 1}
    scaled = {**_apportioned(others, WHOLE - share), variant: share}
    return {name: scaled[name] for name in dict.fromkeys((*before, *scaled))}


def _apportioned(weights: Mapping[str, int], total: int) -> dict[str, int]:
    """*weights* scaled to sum up to *total*; what rounding leaves goes to the largest."""
    whole = sum(weights.values())
    if whole == 0:
        return dict.fromkeys(weights, 0)
    scaled = {name: weight * total // whole for name, weight in weights.items()}
    scaled[max(scaled, key=lambda name: scaled[name])] += total - sum(scaled.values())
    return scaled


def _differs(rule: Rule, everyone: Rule) -> bool:
    left, right = ({name: weight for name, weight in each.weights.items() if weight} for each in (rule, everyone))
    return left != right
