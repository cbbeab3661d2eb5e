"""Regular expressions of users, matched by an engine that gives up after a while instead of hanging."""

from dataclasses import dataclass

import jlens

MATCH_SECONDS_MAX = 0.2
"""Longest time for one match."""

PATTERN_LENGTH_MAX = 1_000
"""Longest pattern, in characters."""


class RegexTimeoutError(Exception):
    """A match took longer than ``MATCH_SECONDS_MAX``."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f"the regular expression /{pattern}/ took too long")


@dataclass(frozen=True, slots=True)
class SafeRegex:
    """A compiled pattern that must match the whole of a string."""

    pattern: str
    _expression: jlens.Expression

    def matches(self, text: str) -> bool:
        """Raises RegexTimeoutError."""
        try:
            return self._expression.evaluate({"text": text}, timeout=MATCH_SECONDS_MAX) is True
        except jlens.JlensError as error:
            raise RegexTimeoutError(self.pattern) from error


def compile_whole(pattern: str, flags: str) -> SafeRegex:
    """*flags*: any of ``i`` and ``m``; Java's others are refused.

    Raises:
        ValueError: not a regular expression, or longer than ``PATTERN_LENGTH_MAX``.
    """
    if len(pattern) > PATTERN_LENGTH_MAX:
        raise ValueError(f"a regular expression is longer than {PATTERN_LENGTH_MAX} characters")
    if unknown := set(flags) - set("im"):
        raise ValueError(f"a regular expression has the flag {min(unknown)}, only i and m are supported")
    try:
        expression = jlens.Expression(f"$contains(text, /^(?:{pattern})$/{flags})")
    except jlens.JlensError as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return SafeRegex(pattern, expression)
