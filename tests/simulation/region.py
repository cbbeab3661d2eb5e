"""The whole system in one thread and virtual time: service, outbox, topic, dispatcher, executions, jobs, with faults.

Production's operations, interpreter, state machine, sweep and batch jobs run on a real store and the sandbox's own
ledger. What is made up: time, the network between the parts, and when a process dies.
"""

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from expeditor.asl import Machine
from expeditor.cli.compare import application_of, machines_of
from expeditor.cli.rehearsing import Agenda, Done, Executions, Failed, Reply
from expeditor.cli.up import own_application
from expeditor.payloads import JSONValue
from order_processing.clock import ManualClock
from order_processing.domain import Offer, Order, OrderStatus, Pipeline, Verdict
from order_processing.errors import OrderProcessingError
from order_processing.gateways import Mail
from order_processing.ids import SeededIds
from order_processing.legacy import fraud_scan, fulfilment, payment_authorization
from order_processing.legacy.batches import Job, adopt_stalled, confirm_missed, run_job
from order_processing.operations import (
    Services,
    claim,
    decide_review,
    notification_of,
    perform,
    request_review,
    sweep_holds,
)
from order_processing.service.sweep import Sweep
from order_processing.stores import CommitUnknownError, Notification, OrderStore, RemoveNotifications, Transaction
from tests.integration.order_processing.worlds import Crash, World, a_world
from tests.order_samples import an_offer

from .oracle import Evidence, Oracle

RELEASE = "order-processing-v1.0.0"
JOBS: tuple[tuple[Job, float], ...] = (
    (fraud_scan.JOB, 300.0),
    (payment_authorization.JOB, 600.0),
    (fulfilment.JOB, 600.0),
)
REDELIVERY_SECONDS = (1.0, 1.0, 5.0, 20.0, 20.0)
"""Pauses between deliveries of a message; after the last one it is a dead letter."""
SWEEP_SECONDS = 10.0


@cache
def machine() -> Machine:
    """The application's own state machine."""
    (compiled,) = machines_of(application_of(own_application())).values()
    return compiled


@dataclass(slots=True)
class Faults:
    """How often something goes wrong; shares between 0 and 1. The same seed gives the same faults.

    Attributes:
        duplicate, lost: of a message that is delivered twice, and of one that never arrives.
        refused: of a delivery at which the dispatcher fails.
        crash: of a commit at which the process dies, before or after it is on disk.
        ambiguous: of a commit that is written though nobody is told.
        unheard: of an answer of the payment provider that gets lost.
    """

    seed: int = 0
    duplicate: float = 0.0
    lost: float = 0.0
    refused: float = 0.0
    crash: float = 0.0
    ambiguous: float = 0.0
    unheard: float = 0.0
    over: bool = False
    _draws: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._draws = random.Random(self.seed)

    def strike(self, share: float) -> bool:
        """Whether this time is one of *share*."""
        return not self.over and share > 0 and self._draws.random() < share

    def seconds(self, most: float) -> float:
        """A duration up to *most*."""
        return self._draws.random() * most


class WatchedStore:
    """The store as the parts see it: the oracle looks after every commit, and processes die at some of them."""

    def __init__(self, store: OrderStore, oracle: Oracle, faults: Faults) -> None:
        self._store = store
        self._oracle = oracle
        self._faults = faults
        self.dies_at: int | None = None
        self.commits = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, transaction: Transaction) -> "Future[None]":
        self.commits += 1
        if self._faults.strike(self._faults.crash):
            if self._faults.strike(0.5):
                self._oracle.met["crash before a commit"] += 1
                raise Crash
            self._write(transaction)
            self._oracle.met["crash after a commit"] += 1
            raise Crash
        done = self._write(transaction)
        if done.exception() is None and self._faults.strike(self._faults.ambiguous):
            self._oracle.met["ambiguous commit"] += 1
            done = Future()
            done.set_exception(CommitUnknownError("the simulation says so"))
        return done

    def _write(self, transaction: Transaction) -> "Future[None]":
        done = self._store.commit(transaction)
        if done.exception(10) is None:
            self._oracle.committed(transaction)
        return done


class CountingMail:
    """A mail server that throws out what it has seen, as real ones do by message id, and counts what it takes."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    def send(self, mail: Mail) -> None:
        self.taken[mail.message_id] = 1


class RegionClock(ManualClock):
    """The services' clock: that of the agenda."""

    def __init__(self, agenda: Agenda) -> None:
        super().__init__(agenda.now)
        self._agenda = agenda

    def now(self) -> float:
        return self._agenda.now

    def monotonic(self) -> float:
        return self._agenda.now

    def sleep(self, seconds: float) -> None:
        """Waiting costs nothing here: whoever else would go on meanwhile is simulated, not concurrent."""


@dataclass(slots=True)
class Letter:
    """A message that was given up, and how often it had been delivered."""

    order_id: str
    deliveries: int


class Region:
    """Everything, wired; begun with ``place``, moved by ``run``.

    Attributes:
        down: while True the dispatcher answers nothing.
        breaks: functions that always crash, by name, for these users' orders.
        without_notifications: while True the topic swallows what it takes.
    """

    def __init__(self, folder: Path, faults: Faults | None = None, offers: Sequence[Offer] = ()) -> None:
        self.faults = faults or Faults()
        self.agenda = Agenda(1_700_000_000.0)
        offer = offers[0] if offers else an_offer(stock_left=1_000)
        self.world: World = a_world(folder, offer=offer)
        self.mail = CountingMail()
        evidence = Evidence(
            self.world.store,
            self.world.payments,
            {offer.unit_id: offer.stock_left},
            mails=lambda: list(self.mail.taken.elements()),
        )
        self.oracle = Oracle(evidence, self.faults.seed)
        self.store = WatchedStore(self.world.store, self.oracle, self.faults)
        self.services: Services = replace(
            self.world.services,
            store=self.store,
            clock=RegionClock(self.agenda),
            ids=SeededIds(self.faults.seed),
            mail=self.mail,
        )
        self.executions = Executions(self.agenda, {RELEASE: machine()}, self._call, self.faults.seed)
        evidence.runs = self.executions.runs
        self.down = False
        self.without_notifications = False
        self.breaks: dict[str, frozenset[str]] = {}
        self.dead: list[Letter] = []
        self.reviewer: Verdict | None = Verdict.CLEARED
        self._sweep = Sweep(self.store, notification_of, self.services.clock, SWEEP_SECONDS)  # type: ignore[arg-type]
        self._every(SWEEP_SECONDS, self._announce_forgotten)
        self._every(300.0, lambda: sweep_holds(self.services))
        for job, pause in JOBS:
            self._every(pause, self._job(job))

    @property
    def evidence(self) -> Evidence:
        return self.oracle.evidence

    def place(self, **wanted: object) -> str:
        """A customer who asks with one key until there is an answer."""
        key = f"key-{self.world.placed + 1}"
        world = replace(self.world, services=self.services)
        self.world.placed += 1
        for _ in range(50):
            try:
                order = world.place(key=key, **wanted)
            except Crash:
                continue
            except OrderProcessingError:
                if self.faults.over:
                    raise
                continue
            self.evidence.acknowledged.add(order.order_id)
            self._alive_relay()
            return order.order_id
        raise AssertionError("the customer never got an answer")

    def order(self, order_id: str) -> Order:
        order = self.world.store.order(order_id)
        assert order is not None
        return order

    def run(self, seconds: float) -> None:
        """So much virtual time."""
        self.agenda.run(self.agenda.now + seconds)

    def settle(self, seconds: float = 6 * 3_600.0) -> None:
        """Faults stop, time goes on, then everything is checked."""
        self.faults.over = True
        self.run(seconds)
        self.oracle.at_rest()

    def decide(self, order_id: str, verdict: Verdict, by: str) -> bool:
        """A person decides a review; whether an execution went on by it."""
        order = decide_review(self.services, order_id, verdict, by=by)
        assert order.review is not None
        token, decision = order.review.task_token, order.review.decision
        if not token or decision is None:
            return False
        went_on = self.executions.succeed(token, {"fraud_verdict": decision.value})
        self.evidence.tokens[token] += went_on
        return went_on

    def redrive_dead_letters(self) -> None:
        """Gives every dead letter its deliveries again."""
        letters, self.dead = self.dead, []
        for letter in letters:
            self.evidence.dead.discard(letter.order_id)
            self.oracle.met["dead letter redriven"] += 1
            self._deliver(letter.order_id, 0)

    def close(self) -> None:
        self.world.store.close()
        self.world.payments.ledger.close()

    def _every(self, pause: float, act: Callable[[], object]) -> None:
        def again() -> None:
            self._alive(act)
            self.agenda.after(pause, again)

        self.agenda.after(pause, again)

    def _alive(self, act: Callable[[], object]) -> None:
        """Runs something that belongs to a process of its own, which may die or fail; its next turn comes."""
        with contextlib.suppress(Crash, OrderProcessingError):
            act()
        self._alive_relay()

    def _alive_relay(self) -> None:
        try:
            self._relay()
        except (Crash, OrderProcessingError):
            self.agenda.after(1.0, self._alive_relay)

    def _job(self, job: Job) -> Callable[[], None]:
        def run() -> None:
            if job is fraud_scan.JOB:
                self.oracle.met["fallback used"] += adopt_stalled(self.services)
            report = run_job(self.services, job)
            self.oracle.met["lease taken over"] += report.done
            if job is fulfilment.JOB:
                confirm_missed(self.services)

        return run

    def _announce_forgotten(self) -> None:
        self._sweep.round()

    def _relay(self) -> None:
        """From the outbox to the topic, then out of the outbox."""
        waiting: list[Notification] = self.store.unpublished()
        for notification in waiting:
            self.evidence.published[notification.order_id] += 1
            self._published(notification.order_id)
        if waiting:
            self.store.commit((RemoveNotifications(tuple(each.key for each in waiting)),)).result()

    def _published(self, order_id: str) -> None:
        if self.without_notifications or self.faults.strike(self.faults.lost):
            self.oracle.met["lost notification"] += 1
            self.evidence.delivered[order_id] += 1
            return
        self._deliver(order_id, 0)
        if self.faults.strike(self.faults.duplicate):
            self.oracle.met["duplicate delivery"] += 1
            self._deliver(order_id, 0)

    def _deliver(self, order_id: str, deliveries: int) -> None:
        self.agenda.after(0.01 + self.faults.seconds(0.05), lambda: self._arrived(order_id, deliveries + 1))

    def _arrived(self, order_id: str, deliveries: int) -> None:
        try:
            if self.down or self.faults.strike(self.faults.refused):
                raise Crash
            self.dispatch(order_id)
        except (Crash, OrderProcessingError):
            self._failed(order_id, deliveries)
        else:
            self.evidence.delivered[order_id] += 1

    def _failed(self, order_id: str, deliveries: int) -> None:
        if deliveries <= len(REDELIVERY_SECONDS):
            self.agenda.after(REDELIVERY_SECONDS[deliveries - 1], lambda: self._arrived(order_id, deliveries + 1))
            return
        self.dead.append(Letter(order_id, deliveries))
        self.evidence.dead.add(order_id)

    def dispatch(self, order_id: str) -> bool:
        """What the dispatcher does with a notification; whether an execution began by it."""
        claimed = claim(self.services, order_id)
        if claimed is None:
            return False
        given: JSONValue = {"order_id": order_id, "user_guid": claimed.order.user_guid, "epoch": claimed.epoch}
        return self.executions.start(claimed.release, claimed.order.owner.execution, given)

    def _call(self, function: str, event: JSONValue, reply: Reply) -> None:
        self.agenda.after(0.002 + self.faults.seconds(0.01), lambda: reply(self._answer(function, event)))

    def _answer(self, function: str, event: Any) -> Done | Failed:
        if self.faults.strike(self.faults.unheard):
            self.world.payments.lose = 1
        try:
            if event.get("user_guid", self.order(event["order_id"]).user_guid) in self.breaks.get(function, ()):
                raise Crash
            if function == "request-fraud-review":
                return self._request_review(event)
            if function == "release-order":
                self.oracle.met["compensation run"] += 1
            return Done(perform(self.services, function, event))
        except Crash:
            return Failed("Runtime.ExitError", "the process died")
        except OrderProcessingError as error:
            return Failed(type(error).__name__, str(error))

    def _request_review(self, event: Any) -> Done | Failed:
        order = request_review(self.services, event["order_id"], event["epoch"], event["task_token"])
        if self.reviewer is not None:
            verdict = self.reviewer
            self.agenda.after(60.0, lambda: self._alive(lambda: self._review(order.order_id, verdict)))
        return Done({"order_id": order.order_id})

    def _review(self, order_id: str, verdict: Verdict) -> None:
        if self.order(order_id).status is OrderStatus.IN_REVIEW:
            self.decide(order_id, verdict, by="ann")


def in_legacy(order: Order) -> bool:
    """Whether the legacy pipeline has, or had, the order."""
    return order.pipeline is Pipeline.LEGACY
