"""Subscription filter policies, compiled once into a function.

Source: Amazon SNS developer guide, "Amazon SNS subscription filter policies", its pages on operators and constraints.
A policy is an object; every name in it must match (AND), and for each name one of the listed conditions (OR).
"""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec

from expeditor.payloads import JSONValue, decode
from expeditor.topics.errors import InvalidParameterError

COMBINATIONS_MAX = 150
KEYS_MAX = 5
POLICY_BYTES_MAX = 262_144

Filter: TypeAlias = Callable[[JSONValue], bool]
"""Whether a message is wanted; gets an object: its attributes' values by name, or its body."""

_Condition: TypeAlias = Callable[[JSONValue], bool]

_ABSENT: list[JSONValue] = []


class FilterPolicyScope(StrEnum):
    """What a policy looks at."""

    MESSAGE_ATTRIBUTES = "MessageAttributes"
    MESSAGE_BODY = "MessageBody"


def compile_filter_policy(text: str, scope: FilterPolicyScope) -> Filter:
    """A function for the policy in *text*.

    Raises:
        InvalidParameterError: the policy breaks a rule; the message names it.
    """
    policy = _parse(text)
    try:
        _check_size(policy, scope)
        return _all_of(policy)
    except RecursionError as error:
        raise _refused("Filter policy is nested too deeply") from error


def _refused(reason: str) -> InvalidParameterError:
    return InvalidParameterError(f"Invalid parameter: FilterPolicy: {reason}")


def _parse(text: str) -> dict[str, JSONValue]:
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise _refused(f"Filter policy is larger than {POLICY_BYTES_MAX} bytes")
    try:
        policy = decode(text)
    except msgspec.DecodeError as error:
        raise _refused(f"failed to parse JSON. {error}") from error
    if not isinstance(policy, dict):
        raise _refused("Filter policy must be a JSON object")
    return policy


def _check_size(policy: dict[str, JSONValue], scope: FilterPolicyScope) -> None:
    keys, depth, combinations = _measure(policy, 1)
    if scope is FilterPolicyScope.MESSAGE_ATTRIBUTES and depth > 1:
        raise _refused("Filter policy scope MessageAttributes does not support nested filter policy")
    if keys > KEYS_MAX:
        raise _refused(f"Filter policy can not have more than {KEYS_MAX} keys")
    if combinations > COMBINATIONS_MAX:
        raise _refused(f"Filter policy is too complex: {combinations} combinations, {COMBINATIONS_MAX} are allowed")


def _measure(policy: dict[str, JSONValue], level: int) -> tuple[int, int, int]:
    """Leaf keys, deepest level and combinations; a list's values count once per level it stands at."""
    keys, depth, combinations = 0, level, 1
    for name, rule in policy.items():
        branches = _branches(name, rule)
        if branches is not None:
            parts = [_measure(branch, level) for branch in branches]
            measured = (sum(p[0] for p in parts), max(p[1] for p in parts), sum(p[2] for p in parts))
        elif isinstance(rule, dict):
            measured = _measure(rule, level + 1)
        else:
            measured = (1, level, max(len(rule), 1) * level if isinstance(rule, list) else 1)
        keys, depth, combinations = keys + measured[0], max(depth, measured[1]), combinations * measured[2]
    return keys, depth, combinations


def _branches(name: str, rule: JSONValue) -> list[dict[str, JSONValue]] | None:
    """The alternatives of a ``$or``; None when the name is one like any other.

    Source: "OR operator": a list of at least two objects, none of which has an operator's name as a field.
    """
    if name != "$or" or not isinstance(rule, list) or len(rule) < 2:
        return None
    found = [branch for branch in rule if isinstance(branch, dict) and branch and not branch.keys() & _OPERATORS.keys()]
    return found if len(found) == len(rule) else None


def _all_of(policy: dict[str, JSONValue]) -> Filter:
    parts = [_rule(name, rule) for name, rule in policy.items()]

    def matches(value: JSONValue) -> bool:
        return all(part(value) for part in parts)

    return matches


def _rule(name: str, rule: JSONValue) -> Filter:
    branches = _branches(name, rule)
    if branches is not None:
        return _any_branch([_all_of(branch) for branch in branches])
    if isinstance(rule, dict):
        if not rule:
            raise _refused("Empty objects are not allowed")
        return _nested(name, _all_of(rule))
    if not isinstance(rule, list):
        raise _refused(f'"{name}" must be an object or an array')
    if not rule:
        raise _refused("Empty arrays are not allowed")
    return _any_condition(name, rule)


def _any_branch(branches: Sequence[Filter]) -> Filter:
    return lambda value: any(branch(value) for branch in branches)


def _nested(name: str, inner: Filter) -> Filter:
    def matches(value: JSONValue) -> bool:
        found = _values(value, name) or [{}]
        return any(inner(each) for each in found if isinstance(each, dict))

    return matches


def _any_condition(name: str, conditions: list[JSONValue]) -> Filter:
    tests = [_condition(each) for each in conditions if not _is_exists(each, wanted=False)]
    accepts_absence = len(tests) < len(conditions)

    def matches(value: JSONValue) -> bool:
        found = _values(value, name)
        if not found:
            return accepts_absence
        return any(test(each) for each in found for test in tests)

    return matches


def _is_exists(condition: JSONValue, *, wanted: bool) -> bool:
    return isinstance(condition, dict) and len(condition) == 1 and condition.get("exists") is wanted


def _values(value: JSONValue, name: str) -> list[JSONValue]:
    """The values under *name*: one, those of an array, or none when it is absent."""
    if not isinstance(value, dict) or name not in value:
        return _ABSENT
    found = value[name]
    return found if isinstance(found, list) else [found]


def _condition(condition: JSONValue) -> _Condition:
    if isinstance(condition, dict):
        return _operator(condition)
    if isinstance(condition, list):
        raise _refused("Match value must be String, number, true, false, or null")
    return _equals(condition)


def _operator(condition: dict[str, JSONValue]) -> _Condition:
    if len(condition) != 1:
        raise _refused("Only one key allowed in match expression")
    ((name, operand),) = condition.items()
    build = _OPERATORS.get(name)
    if build is None:
        raise _refused(f"Unrecognized match type {name}")
    return build(operand)


def _number(value: JSONValue) -> float | None:
    """A number with five digits after the point, which is as exact as policies are; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(value, 5)


def _equals(wanted: JSONValue) -> _Condition:
    number = _number(wanted)
    if number is not None:
        return lambda value: _number(value) == number
    if isinstance(wanted, bool) or wanted is None:
        return lambda value: value is wanted
    return lambda value: value == wanted


def _text(operator: str, operand: JSONValue) -> str:
    if not isinstance(operand, str) or not operand:
        raise _refused(f"{operator} match pattern must be a string")
    return operand


def _prefix(operand: JSONValue) -> _Condition:
    wanted = _text("prefix", operand)
    return lambda value: isinstance(value, str) and value.startswith(wanted)


def _suffix(operand: JSONValue) -> _Condition:
    wanted = _text("suffix", operand)
    return lambda value: isinstance(value, str) and value.endswith(wanted)


def _equals_ignore_case(operand: JSONValue) -> _Condition:
    wanted = _text("equals-ignore-case", operand).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == wanted


def _cidr(operand: JSONValue) -> _Condition:
    try:
        network = ipaddress.ip_network(_text("cidr", operand), strict=False)
    except ValueError as error:
        raise _refused(f"Malformed CIDR, one '/' required: {operand}") from error

    def matches(value: JSONValue) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return matches


def _exists(operand: JSONValue) -> _Condition:
    """Presence; absence is answered before any condition is asked."""
    if not isinstance(operand, bool):
        raise _refused("exists match pattern must be either true or false.")
    return lambda _: operand


def _anything_but(operand: JSONValue) -> _Condition:
    if isinstance(operand, dict):
        if len(operand) != 1 or not operand.keys() <= _NEGATABLE:
            raise _refused(f"Unsupported anything-but pattern: {', '.join(operand) or 'empty'}")
        ((name, inner),) = operand.items()
        forbidden = [_OPERATORS[name](each) for each in (inner if isinstance(inner, list) else [inner])]
    else:
        forbidden = [_forbidden(each) for each in (operand if isinstance(operand, list) else [operand])]
    if not forbidden:
        raise _refused("Empty arrays are not allowed")
    return lambda value: not any(test(value) for test in forbidden)


def _forbidden(operand: JSONValue) -> _Condition:
    if not isinstance(operand, str) and _number(operand) is None:
        raise _refused("Inside anything but list, only numbers and strings are supported")
    return _equals(operand)


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, limit: value == limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}


def _numeric(operand: JSONValue) -> _Condition:
    if not isinstance(operand, list) or len(operand) not in {2, 4}:
        raise _refused("Value of numeric must be an array of one or two comparisons")
    limits = [_limit(*operand[at : at + 2]) for at in range(0, len(operand), 2)]
    if len(limits) == 2 and not (limits[0][0].startswith(">") and limits[1][0].startswith("<")):
        raise _refused("Bad numeric range operator")
    if len(limits) == 2 and limits[0][1] >= limits[1][1]:
        raise _refused("Bottom must be less than top")
    tests = [(_COMPARISONS[name], limit) for name, limit in limits]

    def matches(value: JSONValue) -> bool:
        number = _number(value)
        return number is not None and all(test(number, limit) for test, limit in tests)

    return matches


def _limit(operator: JSONValue, operand: JSONValue) -> tuple[str, float]:
    number = _number(operand)
    if not isinstance(operator, str) or operator not in _COMPARISONS:
        raise _refused(f"Unrecognized numeric range operator: {operator}")
    if number is None or abs(number) > 1e9:
        raise _refused(f"Value of {operator} must be numeric and between -1,000,000,000 and 1,000,000,000")
    return operator, number


_NEGATABLE = frozenset({"prefix", "suffix", "equals-ignore-case"})

_OPERATORS: Mapping[str, Callable[[JSONValue], _Condition]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "cidr": _cidr,
    "exists": _exists,
    "anything-but": _anything_but,
    "numeric": _numeric,
}
