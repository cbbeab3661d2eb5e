"""Vouchers: a code that is shown to its owner and stored by nobody."""

import hashlib
import hmac
from datetime import datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 16
SECRET_BYTES_MIN = 32
LAST_SHOWN = 4
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})


class VoucherState(Enum):
    """PREPARED until the payment is captured; only an ISSUED voucher is shown, and redeemed at most once."""

    PREPARED = "prepared"
    ISSUED = "issued"
    REDEEMED = "redeemed"
    REVOKED = "revoked"


class Standing(Enum):
    """What a voucher is worth at an instant, to whoever holds it."""

    VALID = "valid"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Voucher(msgspec.Struct, frozen=True, kw_only=True):
    """One voucher, for one unit bought.

    Attributes:
        number: 1 for the first unit of the order.
        code_hash: keyed hash of the code, hex; the code itself is derived again when its owner asks.
        code_last4: what consoles show.
        expires_at: last whole second of the last valid day in ``time_zone``; the voucher is good to the end of it.
        time_zone: IANA name of the city's time zone.
        redeemed_by: merchant and user, as ``Lumen Studio/till``.
        revoked_by: who revoked it by hand; "" when its refund or the end of its order did.
        redemption: what the merchant called this redemption, so that the same request again is the same redemption.
    """

    number: int
    code_hash: str
    code_last4: str
    expires_at: float
    time_zone: str
    state: VoucherState = VoucherState.PREPARED
    issued_at: float | None = None
    redeemed_at: float | None = None
    redeemed_by: str = ""
    redemption: str = ""
    revoked_by: str = ""


def voucher_code(secret: bytes, order_id: str, number: int) -> str:
    """The code of one unit: 16 Crockford base32 characters, 80 bits of a keyed pseudo-random function.

    Args:
        secret: at least 32 random bytes; who has it can compute every code.
    """
    assert len(secret) >= SECRET_BYTES_MIN
    bits = int.from_bytes(keyed_hash(secret, f"code/{order_id}/{number}")[:10], "big")
    return "".join(CROCKFORD[bits >> shift & 31] for shift in range(5 * CODE_LENGTH - 5, -1, -5))


def code_hash(secret: bytes, code: str) -> str:
    """What is stored of a code: a keyed hash, 64 hex characters; the same however a person types the code."""
    return keyed_hash(secret, f"hash/{normalized(code)}").hex()


def normalized(code: str) -> str:
    """The code as issued, whatever a person typed."""
    return code.upper().translate(_READ_AS)


def grouped(code: str) -> str:
    """The code as people read it: ``ABCD-EFGH-JKMN-PQRS``."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def expiry_at(purchased_at: float, valid_days: int, time_zone: str) -> float:
    """Last whole second of the *valid_days*-th day after the purchase, as clocks in *time_zone* show it."""
    zone = ZoneInfo(time_zone)
    day = datetime.fromtimestamp(purchased_at, zone).date() + timedelta(days=valid_days)
    midnight_after = datetime.combine(day + timedelta(days=1), time(), zone)
    return midnight_after.timestamp() - 1


def standing(voucher: Voucher, at: float) -> Standing | None:
    """What *voucher* is worth at an instant; None: it was never issued, so nobody can hold it."""
    if voucher.state is VoucherState.ISSUED and at >= voucher.expires_at + 1:
        return Standing.EXPIRED
    return _STANDINGS.get(voucher.state)


_STANDINGS = {
    VoucherState.ISSUED: Standing.VALID,
    VoucherState.REDEEMED: Standing.USED,
    VoucherState.REVOKED: Standing.REVOKED,
}


def prepared(secret: bytes, order_id: str, number: int, *, expires_at: float, time_zone: str) -> Voucher:
    """A voucher that waits for its payment."""
    code = voucher_code(secret, order_id, number)
    return Voucher(
        number=number,
        code_hash=code_hash(secret, code),
        code_last4=code[-LAST_SHOWN:],
        expires_at=expires_at,
        time_zone=time_zone,
    )


def keyed_hash(secret: bytes, message: str) -> bytes:
    """HMAC-SHA256, 32 bytes."""
    mac = _keyed(secret).copy()
    mac.update(message.encode())
    return mac.digest()


@lru_cache(maxsize=4)
def _keyed(secret: bytes) -> hmac.HMAC:
    """To be copied, as OpenSSL looks its algorithms up anew for each one that is made of a key."""
    return hmac.new(secret, digestmod=hashlib.sha256)
