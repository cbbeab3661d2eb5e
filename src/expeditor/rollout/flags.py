"""The document of flags: weights per rule, written and read in flagd's format.

A flag is a list of rules. The first rule whose condition holds decides, by weights in hundredths of a percent, over the
bucket of ``SALT/ORDER_ID``. Variants are written as ``VALUE@RULE``, so that an evaluation tells which rule it was.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from expeditor.errors import ExpeditorError
from expeditor.payloads import JSONValue

WHOLE = 10_000
"""100 %, in hundredths of a percent; also the number of buckets."""
EVERYONE = "everyone"
SCHEMA = "https://flagd.dev/schema/v0/flags.json"
EMPLOYEES: JSONValue = {"starts_with": [{"var": "user_guid"}, "employee-"]}
"""Internal employees: the prefix stands for the shop's own directory, as ``fraud-`` does for its block list."""

_SEGMENT = re.compile(r"(?P<field>city|category|kind|unit_id|user_guid|amount)(?P<operator>=|<=|>=|<|>)(?P<value>.+)")
_PLAIN = re.compile(r"[A-Za-z0-9 _.<>=-]{1,80}")


class FlagsError(ExpeditorError):
    """A document of flags, or what is asked of it, cannot be used."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Weights for those a condition holds for.

    Attributes:
        segment: name of a segment; ``everyone`` for the last rule.
        weights: variant to hundredths of a percent; they sum up to 10,000.
        from_at, until_at: the rule counts from the first instant until before the second; None: always.
    """

    segment: str
    weights: Mapping[str, int]
    from_at: float | None = None
    until_at: float | None = None

    @property
    def name(self) -> str:
        """What evaluations call it."""
        return self.segment if self.from_at is None and self.until_at is None else f"{self.segment} scheduled"


@dataclass(frozen=True, slots=True)
class Flag:
    """One experiment.

    Attributes:
        salt: what keeps its buckets independent of other experiments'.
        stable: the variant for everyone while it is switched off.
        rules: the last one is for everyone, at all times.
    """

    key: str
    salt: str
    stable: str
    rules: tuple[Rule, ...]
    enabled: bool = True

    @property
    def everyone(self) -> Rule:
        """The rule for those no other rule is for."""
        return self.rules[-1]

    @property
    def variants(self) -> frozenset[str]:
        """Every variant that has a weight, and the stable one."""
        return frozenset({self.stable, *(variant for rule in self.rules for variant in rule.weights)})


@dataclass(frozen=True, slots=True)
class Change:
    """Who made a document, when and why.

    Attributes:
        revision: 1 for the first document, more for each later one.
        follows: the revision it was made from, 0 for the first.
        undoes: the revision whose change it takes back, 0 if it takes nothing back.
        action: such as ``shift order-processing-v1.1.0 to 10 %``.
    """

    revision: int
    follows: int
    at: float
    by: str
    action: str
    reason: str = ""
    undoes: int = 0


@dataclass(frozen=True, slots=True)
class Flags:
    """A whole document."""

    flags: Mapping[str, Flag]
    change: Change
    segments: Mapping[str, JSONValue] = field(default_factory=dict)

    def flag(self, key: str) -> Flag:
        """Raises FlagsError: there is none."""
        if key not in self.flags:
            raise FlagsError(f"there is no experiment {key!r}; there are {', '.join(sorted(self.flags))}")
        return self.flags[key]


def segment_condition(name: str) -> JSONValue:
    """The condition behind a segment's name.

    Args:
        name: ``employees``, or a comparison such as ``city=Chicago``, ``category=dining`` or ``amount>=5000``
            (minor units).

    Raises:
        FlagsError: it is neither.
    """
    if name == "employees":
        return EMPLOYEES
    match = _SEGMENT.fullmatch(name)
    if match is None or not _PLAIN.fullmatch(name):
        raise FlagsError(f"{name!r} is no segment; write employees, city=Chicago, category=dining or amount>=5000")
    if match["field"] == "amount":
        if not match["value"].isdecimal():
            raise FlagsError(f"{name!r} compares an amount; give it in minor units, as in amount>=5000")
        operator = {"=": "=="}.get(match["operator"], match["operator"])
        return {operator: [{"var": "amount_minor"}, int(match["value"])]}
    if match["operator"] != "=":
        raise FlagsError(f"{name!r}: {match['field']} can only be compared with =")
    return {"==": [{"var": match["field"]}, match["value"]]}


def render(flags: Flags) -> dict[str, Any]:
    """The document in flagd's format."""
    change = flags.change
    metadata = {name: getattr(change, name) for name in Change.__slots__}
    return {
        "$schema": SCHEMA,
        "metadata": metadata,
        "flags": {key: _render_flag(flag) for key, flag in flags.flags.items()},
        "$evaluators": dict(flags.segments),
    }


def parse(document: Any) -> Flags:
    """Reads what ``render`` wrote.

    Raises:
        FlagsError: it was written by hand in a way that cannot be changed by commands.
    """
    try:
        change = Change(**document["metadata"])
        flags = {key: _parse_flag(key, each) for key, each in document["flags"].items()}
        return Flags(flags, change, document.get("$evaluators", {}))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise FlagsError(f"the flags were not written by expeditor and are left alone ({error!r})") from error


def first_flags(stable_release: str, at: float, by: str) -> Flags:
    """All orders instant, on one release."""
    pipeline = Flag("pipeline", "pipeline", "legacy", (Rule(EVERYONE, {"legacy": 0, "instant": WHOLE}),))
    release = Flag("release", "release", stable_release, (Rule(EVERYONE, {stable_release: WHOLE}),))
    change = Change(1, 0, at, by, f"all orders instant, on {stable_release}")
    return Flags({"pipeline": pipeline, "release": release}, change)


def _render_flag(flag: Flag) -> dict[str, Any]:
    variants = {f"{variant}@{rule.name}": variant for rule in flag.rules for variant in rule.weights}
    branches: list[Any] = []
    for rule in flag.rules[:-1]:
        branches += [_condition(rule), _fractional(flag.salt, rule)]
    last = _fractional(flag.salt, flag.everyone)
    return {
        "state": "ENABLED" if flag.enabled else "DISABLED",
        "variants": variants,
        "defaultVariant": f"{max(flag.everyone.weights, key=lambda name: flag.everyone.weights[name])}@{EVERYONE}",
        "targeting": {"if": [*branches, last]} if branches else last,
        "metadata": {"salt": flag.salt, "stable": flag.stable},
    }


def _condition(rule: Rule) -> Any:
    parts: list[Any] = [{"$ref": rule.segment}] if rule.segment != EVERYONE else []
    if rule.from_at is not None:
        parts.append({">=": [{"var": "at"}, rule.from_at]})
    if rule.until_at is not None:
        parts.append({"<": [{"var": "at"}, rule.until_at]})
    return {"and": parts}


def _fractional(salt: str, rule: Rule) -> Any:
    shares = [[f"{variant}@{rule.name}", weight] for variant, weight in rule.weights.items()]
    return {"fractional": [{"cat": [salt, "/", {"var": "targetingKey"}]}, *shares]}


def _parse_flag(key: str, document: Any) -> Flag:
    targeting, metadata = document["targeting"], document["metadata"]
    branches = targeting.get("if", [targeting])
    conditions, results = branches[:-1:2], [*branches[1:-1:2], branches[-1]]
    rules = [_parse_rule(condition, result) for condition, result in zip([*conditions, None], results, strict=True)]
    return Flag(key, metadata["salt"], metadata["stable"], tuple(rules), document["state"] == "ENABLED")


def _parse_rule(condition: Any, result: Any) -> Rule:
    segment, from_at, until_at = EVERYONE, None, None
    for part in condition["and"] if condition else ():
        ((operator, operand),) = part.items()
        if operator == "$ref":
            segment = operand
        elif operator == ">=":
            from_at = operand[1]
        elif operator == "<":
            until_at = operand[1]
        else:
            raise ValueError(operator)
    weights = {name.partition("@")[0]: weight for name, weight in result["fractional"][1:]}
    return Rule(segment, weights, from_at, until_at)
