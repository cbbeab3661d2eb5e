"""The only place of this package that draws randomness."""

import hashlib
import random
import secrets
import uuid
from collections import deque
from typing import Protocol

_DRAWS_AT_ONCE = 256
_VARIANT = {digit: "89ab"[value & 3] for value, digit in enumerate("0123456789abcdef")}


class Ids(Protocol):
    """A source of identifiers and draws."""

    def uuid(self) -> str:
        """A random UUID, 36 characters."""
        ...

    def seed(self) -> bytes:
        """16 random bytes; an event carries them so that whatever it draws can be replayed."""
        ...

    def draw(self) -> float:
        """A number in (0, 1]."""
        ...


class SystemIds:
    """Randomness of the operating system, fetched 256 draws at a time; for any thread, but not across a fork."""

    def __init__(self) -> None:
        self._ready: deque[bytes] = deque()

    def uuid(self) -> str:
        # Version 4, variant 1 (RFC 9562), formatted by hand: uuid.uuid4 takes eight times as long.
        digits = self.seed().hex()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"

    def seed(self) -> bytes:
        try:
            return self._ready.popleft()
        except IndexError:
            fresh = secrets.token_bytes(16 * _DRAWS_AT_ONCE)
            self._ready.extend(fresh[start : start + 16] for start in range(16, len(fresh), 16))
            return fresh[:16]

    def draw(self) -> float:
        return 1.0 - random.random()  # noqa: S311 - spreads retries, protects nothing


class SeededIds:
    """The same ids for the same *seed*, in the same order; for simulations and tests."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatability is the point

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def seed(self) -> bytes:
        return self._random.randbytes(16)

    def draw(self) -> float:
        return 1.0 - self._random.random()


class Draws:
    """The randomness of one event: the same *seed* gives the same draws in the same order."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._lazy: random.Random | None = None

    def random(self) -> random.Random:
        """The generator behind all draws of this event."""
        if self._lazy is None:
            self._lazy = random.Random(self._seed)  # noqa: S311 - replayable on purpose; tokens use digest()
        return self._lazy

    def uuid(self) -> str:
        """A version 4 UUID."""
        return str(uuid.UUID(int=self.random().getrandbits(128), version=4))

    def digest(self, label: str) -> str:
        """64 hexadecimal digits that nobody without the seed can guess, the same for the same *label*."""
        return hashlib.sha256(self._seed + label.encode()).hexdigest()
