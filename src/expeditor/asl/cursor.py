"""A cursor over the text of a path or an intrinsic function call: what the parsers of both share."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager

TEXT_LENGTH_MAX = 20_000
"""Longest expression, in characters."""

NESTING_MAX = 50
"""Deepest nesting of brackets, filters and calls."""


class PathSyntaxError(ValueError):
    """Not a path or intrinsic function call, or not one that is allowed in this place; says where and why.

    Attributes:
        text: the whole expression.
        position: characters before the fault.
    """

    def __init__(self, text: str, position: int, reason: str) -> None:
        super().__init__(f"'{text[:200]}' is not valid: {reason} at position {position}")
        self.text = text
        self.position = position


class Cursor:
    """A place in *text*; what moves it says so.

    Raises:
        PathSyntaxError: from the constructor, when the text is longer than ``TEXT_LENGTH_MAX``.
    """

    def __init__(self, text: str) -> None:
        if len(text) > TEXT_LENGTH_MAX:
            raise PathSyntaxError(text, TEXT_LENGTH_MAX, f"more than {TEXT_LENGTH_MAX} characters")
        self.text = text
        self.at = 0
        self.depth = 0

    def peek(self) -> str:
        """The next character, or nothing at the end."""
        return self.text[self.at : self.at + 1]

    def next_is(self, characters: str) -> bool:
        """Whether the next character is one of *characters*."""
        character = self.peek()
        return bool(character) and character in characters

    def take(self, token: str) -> bool:
        """Moves past *token* if it comes next."""
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def expect(self, token: str) -> None:
        """Moves past *token*, which must come next after blanks. Raises PathSyntaxError."""
        self.blanks()
        if not self.take(token):
            raise self.fault(f"expected {token}")

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Moves past what *pattern* matches here."""
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def blanks(self) -> None:
        """Moves past white space."""
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def end(self) -> None:
        """Nothing but blanks may follow. Raises PathSyntaxError."""
        self.blanks()
        if self.at < len(self.text):
            raise self.fault(f"unexpected {self.peek()}")

    def quoted(self, quotes: str) -> str:
        """Moves past a string in one of *quotes*, in which a backslash keeps the next character as it is."""
        if not self.next_is(quotes):
            raise self.fault("expected a quoted string")
        quote = self.peek()
        self.at += 1
        start, parts = self.at, []
        while not self.next_is(quote):
            if not self.peek():
                raise self.fault("a string is not closed")
            if self.take("\\"):
                parts.append(self.text[start : self.at - 1])
                start = self.at
            self.at += 1
        parts.append(self.text[start : self.at])
        self.at += 1
        return "".join(parts)

    @contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper. Raises PathSyntaxError beyond ``NESTING_MAX``."""
        self.depth += 1
        if self.depth > NESTING_MAX:
            raise self.fault(f"nested more than {NESTING_MAX} deep")
        yield
        self.depth -= 1

    def number(self, text: str) -> int | float:
        """The number *text*, which stands just before here. Raises PathSyntaxError when it is too large."""
        number = float(text)
        if math.isinf(number):
            raise self.fault("a number is too large")
        return number if set(text) & set(".eE") else int(text)

    def fault(self, reason: str) -> PathSyntaxError:
        """The error for what stands here."""
        return PathSyntaxError(self.text, self.at, reason)
