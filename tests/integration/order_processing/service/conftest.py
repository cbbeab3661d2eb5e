"""The order service in this process, over a real SQLite file; nothing is published unless a test does it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from order_processing.clock import ManualClock
from order_processing.ids import SeededIds
from order_processing.operations import Services, make_secret, open_services
from order_processing.service.process import OrderService, assemble
from order_processing.service.settings import Settings
from order_processing.stores import Notification, PutOffer, SqliteOrderStore
from tests.order_samples import an_offer

from ..worlds import LedgerPayments
from .asking import Answer, Asking

BODY = {"user_guid": "u-1", "unit_id": "spa", "quantity": 1, "payment_token": "tok_ok"}


@dataclass
class TopicStandIn:
    """Takes every notification, unless told to fail."""

    taken: list[str] = field(default_factory=list)

    def publish(self, batch: Sequence[Notification]) -> frozenset[Notification]:
        self.taken += [notification.order_id for notification in batch]
        return frozenset(batch)


@dataclass
class WaitingExecutions:
    """Takes the answers to executions that wait; ``gone`` tokens belong to none."""

    answered: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def succeed(self, task_token: str, output: Mapping[str, Any]) -> bool:
        if task_token in self.gone:
            return False
        self.answered[task_token] = output
        return True


@dataclass
class Shop(Asking):
    """The service with what it is made of."""

    app: Any
    service: OrderService
    services: Services
    store: SqliteOrderStore
    topic: TopicStandIn
    waiting: WaitingExecutions

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self.services.clock, ManualClock)
        return self.services.clock

    async def order(self, key: str = "k-1", **changes: Any) -> Answer:
        """POST /orders."""
        return await self.post("/orders", {**BODY, **changes}, idempotency_key=key)

    def order_count(self) -> int:
        """Orders on disk, seen through their notifications, which nobody has published."""
        return len(self.store.unpublished(1000))


def settings(folder: Path) -> Settings:
    return Settings.of(
        {
            "SHOP_PORT": "0",
            "ORDERS_DB": str(folder / "orders.db"),
            "ORDERS_SOCKET": str(folder / "orders.sock"),
            "VOUCHER_KEY_FILE": str(folder / "secrets" / "voucher-key"),
            "STRIPE_WEBHOOK_SECRET_FILE": str(folder / "secrets" / "stripe-webhook.secret"),
            "ORDER_NOTIFICATIONS_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:order-notifications",
        }
    )


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop that sells ten spa days."""
    given, topic = settings(tmp_path), TopicStandIn()
    make_secret(given.voucher_key_file)
    make_secret(given.operator_token_file)
    store = SqliteOrderStore(given.orders_db)
    opened = open_services(
        {"VOUCHER_KEY_FILE": str(given.voucher_key_file), "MAIL_OUTBOX": str(tmp_path / "outbox")}, store
    )
    payments = LedgerPayments(tmp_path / "payments.db")
    services = replace(opened, clock=ManualClock(), ids=SeededIds(), payments=payments)
    store.commit((PutOffer(an_offer()),)).result()
    waiting = WaitingExecutions()
    service = assemble(services, store, given, lambda: topic, waiting)
    yield Shop(service.app, service, services, store, topic, waiting)
    store.close()
    payments.ledger.close()
