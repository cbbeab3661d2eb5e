"""What the sandbox payment provider remembers: payments, and the answer given to each idempotency key."""

import enum
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import msgspec

_SCHEMA = """
CREATE TABLE IF NOT EXISTS payment (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, reference TEXT NOT NULL, document BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS payment_by_reference ON payment (reference);
CREATE TABLE IF NOT EXISTS answer (
    key TEXT PRIMARY KEY, fingerprint BLOB NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unresolved (reference TEXT PRIMARY KEY) WITHOUT ROWID;
"""


EXPIRED = "authorization_expired"


class PaymentStatus(enum.Enum):
    """Where a payment stands; ``declined``, ``voided`` and ``refunded`` are ends."""

    AUTHORIZED = "authorized"
    DECLINED = "declined"
    CAPTURED = "captured"
    VOIDED = "voided"
    REFUNDED = "refunded"


class Token(enum.Enum):
    """The sandbox's cards: each makes the provider behave in one way."""

    OK = "tok_ok"
    DECLINED = "tok_declined"
    TIMEOUT_THEN_OK = "tok_timeout_then_ok"
    TIMEOUT = "tok_timeout"
    ERROR = "tok_error"
    UNDO_REFUSED = "tok_undo_refused"
    """Is charged like a good one, and takes nothing back: voids and refunds are refused."""


class Payment(msgspec.Struct, frozen=True):
    """One payment, as the provider shows it; amounts in minor units of ``currency``.

    Attributes:
        decline_code: why it was declined, or ``authorization_expired`` for one voided because its time was up.
        expires_at: when an authorisation that is not captured is given back.
        refund_keys: idempotency keys of the refunds made.
        takes_back: False for a card whose voids and refunds are refused.
    """

    id: str
    status: PaymentStatus
    amount_minor: int
    currency: str
    captured_minor: int
    refunded_minor: int
    reference: str
    decline_code: str | None = None
    expires_at: float | None = None
    refund_keys: tuple[str, ...] = ()
    takes_back: bool = True


class Create(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /v1/payments``."""

    amount_minor: int
    currency: str
    token: str
    reference: str
    capture: bool = False


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of capture, void and refund; no amount means all that is left."""

    amount_minor: int | None = None


class Answer(NamedTuple):
    """What goes back; ``late`` answers are held until the client has given up."""

    status: int
    body: bytes
    late: bool = False
    replayed: bool = False


class Lifetime(NamedTuple):
    """How long an authorisation lasts.

    Attributes:
        now: the instant now.
    """

    now: Callable[[], float]
    seconds: float


FOR_EVER = Lifetime(lambda: 0.0, float("inf"))


class RefusedError(Exception):
    """The provider does not do this; ``code`` is for programs, the message for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def refusal(status: int, code: str, message: str) -> Answer:
    """The provider's error body: ``{"error": {"code", "message"}}``."""
    return Answer(status, msgspec.json.encode({"error": {"code": code, "message": message}}))


_SILENCE = refusal(504, "timeout", "the card network does not answer; look the payment up again")._replace(late=True)


class SandboxLedger:
    """The provider's memory, in one SQLite file.

    ``synchronous=NORMAL``: a restart or ``kill -9`` loses nothing; only a power cut could take the last moments, and
    it would take the whole sandbox with it. A real provider does not run on this disk at all, so the order system
    should not pay for its fsyncs.
    """

    def __init__(self, path: Path, new_id: Callable[[], str], lifetime: Lifetime = FOR_EVER) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(5_000)
        self._connection.pragma("journal_mode", "wal")
        self._connection.pragma("synchronous", 1)
        self._connection.pragma("wal_autocheckpoint", 4_000)
        self._connection.execute(_SCHEMA)
        self._new_id = new_id
        self._lifetime = lifetime

    def create(self, key: str, request: Create) -> Answer:
        """Authorises (or captures) a payment once per *key*."""
        return self._once(key, ("create", request), lambda: self._create(request))

    def change(self, key: str, payment_id: str, action: str, request: Change) -> Answer:
        """Captures, voids or refunds once per *key*; *action* is a key of ``ACTIONS``."""
        return self._once(key, (action, payment_id, request), lambda: self._change(key, payment_id, action, request))

    def get(self, payment_id: str) -> Answer:
        """One payment, or 404."""
        try:
            return Answer(200, msgspec.json.encode(self._load(payment_id)))
        except RefusedError as error:
            return refusal(error.status, error.code, str(error))

    def find(self, reference: str) -> Answer:
        """All payments made for *reference*, oldest first; never resolves for one whose creation timed out for good."""
        rows = self._connection.execute(
            "SELECT document FROM payment WHERE reference = ? ORDER BY number", (reference,)
        )
        payments = [self._as_of_now(document) for (document,) in rows]
        if not payments and self._is_unresolved(reference):
            return _SILENCE
        return Answer(200, msgspec.json.encode({"payments": payments}))

    def close(self) -> None:
        """Closes the file; what was answered is in it."""
        self._connection.close()

    def _once(self, key: str, request: Any, act: Callable[[], Answer]) -> Answer:
        """The stored answer of *key*, or that of *act*, written together with what it did."""
        fingerprint = hashlib.sha256(msgspec.json.encode(request)).digest()
        query = "SELECT fingerprint, status, body FROM answer WHERE key = ?"
        stored = self._connection.execute(query, (key,)).fetchone()
        return self._first(key, fingerprint, act) if stored is None else _replay(key, fingerprint, *stored)

    def _first(self, key: str, fingerprint: bytes, act: Callable[[], Answer]) -> Answer:
        with self._connection:
            try:
                answer = act()
            except RefusedError as error:
                answer = refusal(error.status, error.code, str(error))
            if answer.status != 504:
                values = (key, fingerprint, answer.status, answer.body)
                self._connection.execute("INSERT INTO answer VALUES (?, ?, ?, ?)", values)
        return answer

    def _create(self, request: Create) -> Answer:
        if request.token == Token.ERROR.value:
            raise RefusedError(500, "provider_error", "the provider failed; nothing was charged")
        if request.token == Token.TIMEOUT.value:
            self._connection.execute("INSERT OR IGNORE INTO unresolved VALUES (?)", (request.reference,))
            return _SILENCE
        payment = self._decide(request)
        late = request.token == Token.TIMEOUT_THEN_OK.value
        return Answer(402 if payment.decline_code else 201, self._saved(payment), late=late)

    def _decide(self, request: Create) -> Payment:
        """The payment that *request*'s card leads to; an unknown card is declined."""
        good = request.token in _GOOD
        reason = "card_declined" if request.token == Token.DECLINED.value else "token_unknown"
        accepted = PaymentStatus.CAPTURED if request.capture else PaymentStatus.AUTHORIZED
        expires_at = self._lifetime.now() + self._lifetime.seconds
        return Payment(
            id=self._new_id(),
            status=accepted if good else PaymentStatus.DECLINED,
            amount_minor=request.amount_minor,
            currency=request.currency,
            captured_minor=request.amount_minor if good and request.capture else 0,
            refunded_minor=0,
            reference=request.reference,
            decline_code=None if good else reason,
            expires_at=expires_at if good and not request.capture and expires_at < float("inf") else None,
            takes_back=request.token != Token.UNDO_REFUSED.value,
        )

    def _change(self, key: str, payment_id: str, action: str, request: Change) -> Answer:
        payment = ACTIONS[action](self._load(payment_id), request.amount_minor)
        if action == "refund":
            payment = msgspec.structs.replace(payment, refund_keys=(*payment.refund_keys, key))
        return Answer(200, self._saved(payment))

    def _load(self, payment_id: str) -> Payment:
        row = self._connection.execute("SELECT document FROM payment WHERE id = ?", (payment_id,)).fetchone()
        if row is None:
            raise RefusedError(404, "payment_unknown", f"there is no payment {payment_id!r}")
        return self._as_of_now(row[0])

    def _as_of_now(self, document: bytes) -> Payment:
        """The payment as stored, its authorisation given back if its time is up."""
        payment = msgspec.json.decode(document, type=Payment)
        if payment.status is not PaymentStatus.AUTHORIZED or payment.expires_at is None:
            return payment
        if self._lifetime.now() < payment.expires_at:
            return payment
        return msgspec.structs.replace(payment, status=PaymentStatus.VOIDED, decline_code=EXPIRED)

    def _saved(self, payment: Payment) -> bytes:
        """The payment's document, as it is written now."""
        document = msgspec.json.encode(payment)
        self._connection.execute(
            "INSERT INTO payment (id, reference, document) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            (payment.id, payment.reference, document),
        )
        return document

    def _is_unresolved(self, reference: str) -> bool:
        query = "SELECT 1 FROM unresolved WHERE reference = ?"
        return self._connection.execute(query, (reference,)).fetchone() is not None


def _capture(payment: Payment, amount_minor: int | None) -> Payment:
    """Takes the money, all or a part once; what is not taken is given back to the card."""
    _demand(payment, "captured", PaymentStatus.AUTHORIZED)
    amount = _amount(payment.amount_minor, amount_minor, "captured")
    return msgspec.structs.replace(payment, status=PaymentStatus.CAPTURED, captured_minor=amount)


def _void(payment: Payment, amount_minor: int | None) -> Payment:
    """Gives the whole authorisation back."""
    _demand(payment, "voided", PaymentStatus.AUTHORIZED)
    _demand_taking_back(payment)
    if amount_minor is not None:
        raise RefusedError(400, "amount_not_allowed", "a void gives everything back; send no amount_minor")
    return msgspec.structs.replace(payment, status=PaymentStatus.VOIDED)


def _refund(payment: Payment, amount_minor: int | None) -> Payment:
    """Pays back a part or all of what was captured; parts never add up to more."""
    _demand(payment, "refunded", PaymentStatus.CAPTURED)
    _demand_taking_back(payment)
    refunded = payment.refunded_minor + _amount(
        payment.captured_minor - payment.refunded_minor, amount_minor, "refunded"
    )
    status = PaymentStatus.REFUNDED if refunded == payment.captured_minor else PaymentStatus.CAPTURED
    return msgspec.structs.replace(payment, status=status, refunded_minor=refunded)


ACTIONS: Mapping[str, Callable[[Payment, int | None], Payment]] = {
    "capture": _capture,
    "void": _void,
    "refund": _refund,
}


_GOOD = frozenset({Token.OK.value, Token.TIMEOUT_THEN_OK.value, Token.UNDO_REFUSED.value})
"""Cards that are charged."""


def _replay(key: str, fingerprint: bytes, stored_fingerprint: bytes, status: int, body: bytes) -> Answer:
    if fingerprint != stored_fingerprint:
        return refusal(409, "idempotency_key_reused", f"key {key!r} was used with other parameters; use a new one")
    return Answer(status, body, replayed=True)


def _demand(payment: Payment, done: str, status: PaymentStatus) -> None:
    if payment.status is PaymentStatus.VOIDED and payment.decline_code == EXPIRED:
        raise RefusedError(409, EXPIRED, f"the authorisation of payment {payment.id} has run out; authorise again")
    if payment.status is not status:
        raise RefusedError(409, "illegal_state", f"payment {payment.id} is {payment.status.value} and cannot be {done}")


def _demand_taking_back(payment: Payment) -> None:
    if not payment.takes_back:
        raise RefusedError(409, "undo_refused", f"the card of payment {payment.id} takes nothing back")


def _amount(left: int, asked: int | None, done: str) -> int:
    amount = left if asked is None else asked
    if not 1 <= amount <= left:
        raise RefusedError(400, "amount_out_of_range", f"{amount} cannot be {done}; between 1 and {left} can")
    return amount
