"""The only place of this package that draws randomness."""

import random
import secrets
from typing import Protocol

ORDER_ID_BYTES = 16


class Ids(Protocol):
    """A source of identifiers and draws."""

    def order_id(self) -> str:
        """An order id nobody can guess: 128 random bits as 32 hex digits, safe in URLs and execution names."""
        ...

    def draw(self) -> float:
        """A number in (0, 1]."""
        ...


class SystemIds:
    """Randomness of the operating system."""

    def order_id(self) -> str:
        return secrets.token_hex(ORDER_ID_BYTES)

    def draw(self) -> float:
        return 1.0 - random.random()  # noqa: S311 - spreads retries, protects nothing


class SeededIds:
    """The same ids for the same *seed*, in the same order; for simulations and tests."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatability is the point

    def order_id(self) -> str:
        return f"{self._random.getrandbits(8 * ORDER_ID_BYTES):032x}"

    def draw(self) -> float:
        return 1.0 - self._random.random()


def new_secret() -> bytes:
    """256 random bits to be kept, as 64 hexadecimal digits so that headers can carry them."""
    return secrets.token_hex(32).encode()
