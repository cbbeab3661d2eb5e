"""Money in whole minor units; nothing is ever a float."""

from collections.abc import Sequence

import msgspec

from order_processing.errors import RefusedError

EXPONENTS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 3}
"""Decimal places of a currency's minor unit, as ISO 4217 lists them."""


class MoneyError(RefusedError):
    """Two amounts do not fit together, or a currency is unknown."""


class Money(msgspec.Struct, frozen=True, order=True):
    """An amount.

    Attributes:
        amount_minor: whole minor units, such as cents; negative for what is owed.
        currency: ISO 4217 code, one of ``EXPONENTS``.
    """

    amount_minor: int
    currency: str = "USD"

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount_minor + self._same(other).amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount_minor - self._same(other).amount_minor, self.currency)

    def __mul__(self, factor: int) -> "Money":
        return Money(self.amount_minor * factor, self.currency)

    def __str__(self) -> str:
        """As people read it: ``USD 12.50``."""
        exponent = EXPONENTS[self.currency]
        sign = "-" if self.amount_minor < 0 else ""
        digits = str(abs(self.amount_minor)).rjust(exponent + 1, "0")
        if exponent == 0:
            return f"{self.currency} {sign}{digits}"
        return f"{self.currency} {sign}{digits[:-exponent]}.{digits[-exponent:]}"

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise MoneyError(f"{self.currency} and {other.currency} cannot be added; convert one of them first")
        return other


def money(amount_minor: int, currency: str) -> Money:
    """An amount in a known currency.

    Raises:
        MoneyError: the currency is not one of ``EXPONENTS``.
    """
    if currency not in EXPONENTS:
        raise MoneyError(f"currency {currency!r} is unknown; use one of {', '.join(EXPONENTS)}")
    return Money(amount_minor, currency)


def allocate(total: Money, weights: Sequence[int]) -> tuple[Money, ...]:
    """Shares of *total* in proportion to *weights* that sum to it exactly.

    Each share is within one minor unit of its exact value. What is left over after rounding down goes to the largest
    remainders, the first of equals first.

    Args:
        weights: at least one, none negative, not all zero.
    """
    assert weights
    assert all(weight >= 0 for weight in weights)
    whole = sum(weights)
    assert whole > 0
    amount = abs(total.amount_minor)
    shares = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: -(amount * weights[at] % whole))
    for at in by_remainder[: amount - sum(shares)]:
        shares[at] += 1
    sign = -1 if total.amount_minor < 0 else 1
    return tuple(Money(sign * share, total.currency) for share in shares)
