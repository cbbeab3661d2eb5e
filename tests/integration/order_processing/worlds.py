"""A small world for operations: a real store, the sandbox provider's ledger, a folder for mail, a clock that stands."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from order_processing.clock import ManualClock
from order_processing.domain import NewOrder, Offer, Order
from order_processing.experiments import Experiments
from order_processing.gateways import (
    Absent,
    Authorization,
    BuiltInWarehouse,
    OutboxFolder,
    ProviderPayment,
    Result,
    Succeeded,
    Unknown,
)
from order_processing.gateways.sandbox_client import found_payment, result_of
from order_processing.gateways.sandbox_ledger import FOR_EVER, Answer, Change, Create, Lifetime, SandboxLedger
from order_processing.ids import SeededIds
from order_processing.operations import Services, claim, load, place
from order_processing.stores import OrderStore, PutOffer, SqliteOrderStore, Transaction

from ...order_samples import VOUCHER_SECRET, an_offer

AUTHORIZATION_SECONDS = 7 * 86_400.0


class LedgerPayments:
    """The payment contract on the sandbox's own ledger, without HTTP between.

    Attributes:
        asked: what was asked, in order, such as ``authorize`` or ``lookup``.
        lose: how many of the next answers to changes get lost on their way back.
    """

    def __init__(self, path: Path, clock: ManualClock | None = None) -> None:
        ids = SeededIds(7)
        lifetime = FOR_EVER if clock is None else Lifetime(clock.now, AUTHORIZATION_SECONDS)
        self.ledger = SandboxLedger(path, lambda: "pay_" + ids.order_id(), lifetime)
        self.asked: list[str] = []
        self.lose = 0

    def authorize(self, request: Authorization) -> Result:
        create = Create(request.amount.amount_minor, request.amount.currency, request.token, request.key)
        return self._changed("authorize", lambda: self.ledger.create(request.key, create))

    def capture(self, payment_id: str, amount_minor: int, key: str) -> Result:
        return self._changed("capture", lambda: self.ledger.change(key, payment_id, "capture", Change(amount_minor)))

    def void(self, payment_id: str, key: str) -> Result:
        return self._changed("void", lambda: self.ledger.change(key, payment_id, "void", Change()))

    def refund(self, payment_id: str, amount_minor: int, key: str) -> Result:
        return self._changed("refund", lambda: self.ledger.change(key, payment_id, "refund", Change(amount_minor)))

    def lookup(self, reference: str) -> Succeeded | Unknown | Absent:
        self.asked.append("lookup")
        answer = self.ledger.find(reference)
        return Unknown("no answer") if answer.late else found_payment(answer.status, answer.body)

    def fetch(self, payment_id: str) -> Succeeded | Unknown | Absent:
        self.asked.append("lookup")
        answer = self.ledger.get(payment_id)
        return Succeeded(msgspec.json.decode(answer.body, type=ProviderPayment)) if answer.status == 200 else Absent()

    def payments_of(self, order: Order) -> list[ProviderPayment]:
        """Every payment the provider has for an order."""
        found = (self.ledger.find(attempt.key) for attempt in order.payments)
        results = (found_payment(answer.status, answer.body) for answer in found if not answer.late)
        return [result.payment for result in results if isinstance(result, Succeeded)]

    def _changed(self, what: str, act: Callable[[], Answer]) -> Result:
        self.asked.append(what)
        answer = act()
        if self.lose > 0:
            self.lose -= 1
            return Unknown("the answer was lost")
        return Unknown("no answer") if answer.late else result_of(answer.status, answer.body)


@dataclass(slots=True)
class World:
    """Services over real files, and short words for what tests do with them."""

    services: Services
    payments: LedgerPayments
    clock: ManualClock
    outbox: Path
    placed: int = field(default=0)

    @property
    def store(self) -> OrderStore:
        return self.services.store

    def order(self, order_id: str) -> Order:
        return load(self.services, order_id)

    def stock(self, unit_id: str = "spa") -> int:
        offer = self.store.offer(unit_id)
        assert offer is not None
        return offer.stock_left

    def place(self, *, key: str = "", **wanted: object) -> Order:
        """Places an order for two spa vouchers, paid with a good card, unless told otherwise."""
        self.placed += 1
        values = {"user_guid": "u-1", "unit_id": "spa", "quantity": 2, "payment_token": "tok_ok", **wanted}
        request = NewOrder(**values)  # type: ignore[arg-type]
        return place(self.services, request, key or f"key-{self.placed}").result(10).order

    def claimed(self, **wanted: object) -> tuple[str, int]:
        """Places and claims an order: its id and epoch."""
        order = self.place(**wanted)
        claimed = claim(self.services, order.order_id)
        assert claimed is not None
        return order.order_id, claimed.epoch

    def mails(self) -> list[str]:
        return sorted(path.name for path in self.outbox.glob("*.eml"))

    def over(self, store: OrderStore) -> Services:
        """The same services on another store."""
        return replace(self.services, store=store)


def a_world(tmp_path: Path, *, offer: Offer | None = None) -> World:
    """A world with one offer."""
    store = SqliteOrderStore(tmp_path / "orders.db")
    store.commit((PutOffer(offer or an_offer()),)).result(10)
    clock = ManualClock()
    payments = LedgerPayments(tmp_path / "payments.db", clock)
    services = Services(
        store=store,
        payments=payments,
        mail=OutboxFolder(tmp_path / "outbox"),
        warehouse=BuiltInWarehouse(),
        experiments=Experiments(None),
        clock=clock,
        ids=SeededIds(1),
        voucher_secret=lambda: VOUCHER_SECRET,
        current_release="order-processing-v1.0.0",
    )
    return World(services, payments, clock, tmp_path / "outbox")


class Crash(BaseException):
    """The process ends here; nothing catches it."""


class CrashingStore:
    """A store whose process dies at commit number *at*, counted from 1, before or after the commit is on disk."""

    def __init__(self, store: OrderStore, at: int, *, after: bool) -> None:
        self._store = store
        self._left = at
        self._after = after

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def commit(self, transaction: Transaction) -> object:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Crash
        done = self._store.commit(transaction)
        if self._left == 0:
            done.result(10)
            raise Crash
        return done


class InterruptingStore:
    """A store whose process is held up just before commit number *at*, counted from 1, while something else happens."""

    def __init__(self, store: OrderStore, at: int, meanwhile: Callable[[], object]) -> None:
        self._store = store
        self._left = at
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def commit(self, transaction: Transaction) -> object:
        self._left -= 1
        if self._left == 0:
            self._meanwhile()
        return self._store.commit(transaction)
