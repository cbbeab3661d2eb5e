"""What our stand-in for Stripe remembers: payments, refunds, events, and the answer given to each idempotency key."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import msgspec

from order_processing.clock import Clock
from order_processing.ids import Ids

Form = Mapping[str, Any]
"""Parameters of a request, nested as Stripe's brackets nest them."""

AUTHORIZATION_SECONDS = 7 * 86_400.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS payment (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, reference TEXT NOT NULL, created REAL NOT NULL,
    document BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS payment_by_reference ON payment (reference);
CREATE TABLE IF NOT EXISTS refund (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, payment_id TEXT NOT NULL, document BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS answer (
    key TEXT PRIMARY KEY, fingerprint BLOB NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lost (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unresolved (reference TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document BLOB NOT NULL, delivered INTEGER NOT NULL DEFAULT 0
);
"""

GOOD = frozenset({"pm_card_visa", "pm_card_timeoutAfterCommit", "pm_card_timeoutBeforeCommit", "pm_card_undoRefused"})
DECLINED: Mapping[str, str] = {
    "pm_card_visa_chargeDeclined": "generic_decline",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
}
"""Payment methods that are declined, with the decline code."""

_QUERY = re.compile(r"metadata\['reference'\]:'([^']{1,255})'")


class Answer(NamedTuple):
    """What goes back; ``late`` answers are held until the client has given up."""

    status: int
    body: bytes
    late: bool = False
    replayed: bool = False


class StripeFaultError(Exception):
    """The request is refused.

    Attributes:
        code: Stripe's error code.
        param: the parameter it is about.
        payment: the PaymentIntent it is about.
    """

    def __init__(self, status: int, code: str, message: str, *, param: str = "", payment: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.payment = payment


class _LostError(Exception):
    """Nothing was done and nothing will be answered."""


class StripeLedger:
    """One account in test mode, in one SQLite file.

    Args:
        search_lag_seconds: payments are found by searching only when they are so old.
    """

    def __init__(self, path: Path, clock: Clock, ids: Ids, search_lag_seconds: float = 0.0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(5_000)
        self._connection.pragma("journal_mode", "wal")
        self._connection.pragma("synchronous", 1)
        self._connection.execute(_SCHEMA)
        self._clock = clock
        self._ids = ids
        self._search_lag_seconds = search_lag_seconds

    def change(self, key: str, path: str, form: Form, act: Callable[[], Any]) -> Answer:
        """The stored answer of *key*, or that of *act*, stored with what it did, be it a success or an error."""
        fingerprint = hashlib.sha256(msgspec.json.encode([path, form], order="deterministic")).digest()
        stored = self._one("SELECT fingerprint, status, body FROM answer WHERE key = ?", key)
        if stored is not None:
            return _replay(key, fingerprint, *stored)
        with self._connection:
            try:
                answer = Answer(200, msgspec.json.encode(act()))
            except StripeFaultError as fault:
                answer = refusal(fault)
            except _LostError:
                return _SILENCE
            if key:
                self._connection.execute(
                    "INSERT INTO answer VALUES (?, ?, ?, ?)", (key, fingerprint, answer.status, answer.body)
                )
        return answer._replace(late=form.get("payment_method") == "pm_card_timeoutAfterCommit")

    def create(self, key: str, form: Form) -> Any:
        """A confirmed PaymentIntent of manual capture."""
        card, reference = str(form["payment_method"]), str(form.get("metadata", {}).get("reference", ""))
        _demand_answer(self._connection, key, card, reference)
        if card not in GOOD and card not in DECLINED:
            raise StripeFaultError(400, "resource_missing", f"No such PaymentMethod: '{card}'", param="payment_method")
        payment = _new_payment(self._ids, self._clock.now(), form, card)
        self._save(payment, reference)
        if card in DECLINED:
            self._note("payment_intent.payment_failed", payment["intent"])
            fault = {"code": "card_declined", "decline_code": DECLINED[card], "message": "Your card was declined."}
            payment["intent"]["last_payment_error"] = fault
            self._save(payment, reference)
            raise StripeFaultError(402, "card_declined", "Your card was declined.", payment=payment["intent"])
        self._note("payment_intent.amount_capturable_updated", payment["intent"])
        return shown(payment, form)

    def capture(self, payment_id: str, form: Form) -> Any:
        """Takes the money, all or a part, once."""
        payment = self._demand(payment_id, "captured", "requires_capture")
        intent, charge = payment["intent"], payment["charge"]
        amount = int(form.get("amount_to_capture", intent["amount"]))
        if not 1 <= amount <= intent["amount"]:
            raise StripeFaultError(400, "amount_too_large", "more than was authorized", param="amount_to_capture")
        intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
        charge.update(captured=True, amount_captured=amount)
        self._save(payment)
        self._note("payment_intent.succeeded", intent)
        return shown(payment, form)

    def cancel(self, payment_id: str, form: Form, why: str | None = None) -> Any:
        """Gives the reservation back."""
        payment = self._demand(payment_id, "canceled", "requires_capture", "requires_payment_method")
        intent = payment["intent"]
        if intent["payment_method"] == "pm_card_undoRefused" and why is None:
            raise StripeFaultError(400, "undo_refused", "this card takes nothing back", payment=intent)
        intent.update(status="canceled", cancellation_reason=why, canceled_at=int(self._clock.now()))
        intent["amount_capturable"] = 0
        self._save(payment)
        if why == "automatic":
            self._note("charge.expired", payment["charge"])
        self._note("payment_intent.canceled", intent)
        return shown(payment, form)

    def refund(self, form: Form) -> Any:
        """Pays back a part or all of what was captured."""
        payment = self._demand(str(form["payment_intent"]), "refunded", "succeeded")
        intent, charge = payment["intent"], payment["charge"]
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = int(form.get("amount", left))
        if left == 0:
            raise StripeFaultError(400, "charge_already_refunded", "the charge has already been refunded")
        if not 1 <= amount <= left:
            raise StripeFaultError(400, "amount_too_large", f"only {left} is left of the charge", param="amount")
        if intent["payment_method"] == "pm_card_undoRefused":
            raise StripeFaultError(400, "undo_refused", "this card takes nothing back")
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        self._save(payment)
        made = _new_refund(self._ids, self._clock.now(), form, amount)
        values = (made["id"], intent["id"], msgspec.json.encode(made))
        self._connection.execute("INSERT INTO refund (id, payment_id, document) VALUES (?, ?, ?)", values)
        self._note("charge.refunded", charge)
        return made

    def payment(self, payment_id: str) -> Any:
        """The intent and its charge.

        Raises:
            StripeFaultError: there is none.
        """
        row = self._one("SELECT document FROM payment WHERE id = ?", payment_id)
        if row is None:
            raise StripeFaultError(404, "resource_missing", f"No such payment_intent: '{payment_id}'", param="intent")
        return self._as_of_now(msgspec.json.decode(row[0]))

    def search(self, query: str) -> list[Any] | None:
        """Payments with a reference; None: the question is never answered."""
        found = _QUERY.fullmatch(query)
        if found is None:
            raise StripeFaultError(400, "parameter_invalid", "only metadata['reference']:'...' can be searched for")
        until = self._clock.now() - self._search_lag_seconds
        rows = self._all(
            "SELECT document FROM payment WHERE reference = ? AND created <= ? ORDER BY number DESC", found[1], until
        )
        if not rows and self._one("SELECT 1 FROM unresolved WHERE reference = ?", found[1]) is not None:
            return None
        return [self._as_of_now(msgspec.json.decode(document)) for (document,) in rows]

    def recent(self, since: float, after: str, limit: int) -> list[Any]:
        """Payments made since an instant, the newest first, from the one after *after* on."""
        rows = self._all(
            "SELECT document FROM payment WHERE created >= ?1 AND (?2 = '' OR number <"
            " (SELECT number FROM payment WHERE id = ?2)) ORDER BY number DESC LIMIT ?3",
            since,
            after,
            limit,
        )
        return [self._as_of_now(msgspec.json.decode(document)) for (document,) in rows]

    def refunds(self, payment_id: str) -> list[Any]:
        """Refunds of a payment, the newest first."""
        rows = self._all("SELECT document FROM refund WHERE payment_id = ? ORDER BY number DESC", payment_id)
        return [msgspec.json.decode(document) for (document,) in rows]

    def events(self, limit: int = 100) -> list[Any]:
        """What happened, the newest first."""
        rows = self._all("SELECT document FROM event ORDER BY number DESC LIMIT ?", limit)
        return [msgspec.json.decode(document) for (document,) in rows]

    def undelivered(self) -> list[tuple[str, bytes]]:
        """Id and body of events that nobody has acknowledged, the oldest first."""
        return [(str(each), body) for each, body in self._all("SELECT id, document FROM event WHERE delivered = 0")]

    def delivered(self, event_id: str) -> None:
        """Marks an event as acknowledged."""
        self._connection.execute("UPDATE event SET delivered = 1 WHERE id = ?", (event_id,))

    def close(self) -> None:
        """Closes the file; what was answered is in it."""
        self._connection.close()

    def _demand(self, payment_id: str, done: str, *statuses: str) -> Any:
        payment = self.payment(payment_id)
        intent = payment["intent"]
        if intent["status"] not in statuses:
            message = f"This PaymentIntent could not be {done} because it has a status of {intent['status']}."
            raise StripeFaultError(400, "payment_intent_unexpected_state", message, payment=intent)
        return payment

    def _as_of_now(self, payment: Any) -> Any:
        """The payment, canceled if its authorisation has run out."""
        intent = payment["intent"]
        before = payment["charge"]["payment_method_details"]["card"]["capture_before"]
        if intent["status"] == "requires_capture" and self._clock.now() >= before:
            intent.update(status="canceled", cancellation_reason="automatic", amount_capturable=0)
            self._save(payment)
            self._note("charge.expired", payment["charge"])
            self._note("payment_intent.canceled", intent)
        return payment

    def _save(self, payment: Any, reference: str = "") -> None:
        intent = payment["intent"]
        self._connection.execute(
            "INSERT INTO payment (id, reference, created, document) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            (intent["id"], reference, payment["created"], msgspec.json.encode(payment)),
        )

    def _note(self, kind: str, about: Any) -> None:
        event = {
            "id": f"evt_{self._ids.order_id()}",
            "object": "event",
            "created": int(self._clock.now()),
            "data": {"object": about},
            "livemode": False,
            "type": kind,
        }
        values = (event["id"], msgspec.json.encode(event))
        self._connection.execute("INSERT INTO event (id, document) VALUES (?, ?)", values)

    def _one(self, query: str, *values: Any) -> Any:
        return self._connection.execute(query, values).fetchone()

    def _all(self, query: str, *values: Any) -> list[Any]:
        return self._connection.execute(query, values).fetchall()


def _demand_answer(connection: apsw.Connection, key: str, card: str, reference: str) -> None:
    """Ends here with a card that makes the provider fail or fall silent."""
    if card == "pm_card_apiError":
        raise StripeFaultError(500, "api_error", "An unknown error occurred")
    if card == "pm_card_timeoutNever":
        connection.execute("INSERT OR IGNORE INTO unresolved VALUES (?)", (reference,))
        raise _LostError
    if card == "pm_card_timeoutBeforeCommit":
        connection.execute("INSERT OR IGNORE INTO lost VALUES (?)", (key,))
        if connection.changes():
            raise _LostError


def _new_payment(ids: Ids, created: float, form: Form, card: str) -> Any:
    good = card in GOOD
    payment_id, charge_id = f"pi_{ids.order_id()}", f"ch_{ids.order_id()}"
    amount = int(form["amount"])
    intent = {
        "id": payment_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": amount if good else 0,
        "amount_received": 0,
        "cancellation_reason": None,
        "capture_method": "manual",
        "created": int(created),
        "currency": form["currency"],
        "last_payment_error": None,
        "latest_charge": charge_id,
        "livemode": False,
        "metadata": form.get("metadata", {}),
        "payment_method": card,
        "status": "requires_capture" if good else "requires_payment_method",
    }
    charge = {
        "id": charge_id,
        "object": "charge",
        "amount": amount,
        "amount_captured": 0,
        "amount_refunded": 0,
        "captured": False,
        "metadata": form.get("metadata", {}),
        "payment_intent": payment_id,
        "payment_method_details": {"card": {"capture_before": int(created + AUTHORIZATION_SECONDS)}},
        "refunded": False,
    }
    return {"intent": intent, "charge": charge, "created": created}


def _new_refund(ids: Ids, created: float, form: Form, amount: int) -> Any:
    return {
        "id": f"re_{ids.order_id()}",
        "object": "refund",
        "amount": amount,
        "created": int(created),
        "metadata": form.get("metadata", {}),
        "payment_intent": form["payment_intent"],
        "status": "succeeded",
    }


def shown(payment: Any, form: Form) -> Any:
    """The intent, with its charge in full where the request wants that."""
    wanted = form.get("expand", {})
    names = set(wanted.values()) if isinstance(wanted, Mapping) else set()
    is_expanded = bool(names & {"latest_charge", "data.latest_charge"})
    return {**payment["intent"], "latest_charge": payment["charge"]} if is_expanded else payment["intent"]


def refusal(fault: StripeFaultError) -> Answer:
    """Stripe's error body."""
    kinds = {402: "card_error", 500: "api_error", 504: "api_error"}
    error: dict[str, Any] = {"type": kinds.get(fault.status, "invalid_request_error"), "message": str(fault)}
    optional = {"code": fault.code, "param": fault.param, "payment_intent": fault.payment}
    if fault.code == "idempotency_error":
        error, optional = {**error, "type": "idempotency_error"}, {}
    body = {"error": {**error, **{name: value for name, value in optional.items() if value}}}
    return Answer(fault.status, msgspec.json.encode(body))


_SILENCE = refusal(StripeFaultError(504, "", "the request timed out"))._replace(late=True)


def _replay(key: str, fingerprint: bytes, stored_fingerprint: bytes, status: int, body: bytes) -> Answer:
    if fingerprint == stored_fingerprint:
        return Answer(status, body, replayed=True)
    message = f"Keys for idempotent requests can only be used with the same parameters; {key!r} was used with others"
    return refusal(StripeFaultError(400, "idempotency_error", message))
