"""One day of orders through one pipeline, in virtual time: who buys when, what takes how long, when jobs run."""

import math
import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from expeditor.asl import Machine
from expeditor.cli.output import CommandError
from expeditor.cli.rehearsing import Agenda, Done, Executions, Failed, Reply
from expeditor.ids import Draws
from expeditor.payloads import JSONValue

DAY_SECONDS = 86_400.0
NOON_SECONDS = 43_200.0
FLASH_SHARE = 0.3
FLASH_SECONDS = 240.0
"""A third of the day's orders come in the flash sale at noon, each later minute with fewer."""
SETTLE_SECONDS = 6 * 3_600.0
"""After the day both pipelines get so long to finish what is left."""
JOB_RESERVE_SECONDS = 30.0
TOKENS = (("tok_ok", 0.97), ("tok_declined", 0.02), ("tok_timeout_then_ok", 0.01))
"""How often customers pay with which card of the sandbox."""
PROVIDER_STEPS = frozenset({"authorize-payments", "capture-payments"})
UNKNOWN = "PaymentUnknownError"
PROVIDER_SILENCE_SECONDS = 3.0
"""How long production waits for a payment provider that does not answer."""
JOB_STEPS: Mapping[str, tuple[str, ...]] = {
    "legacy-fraud-scan": ("start-order-processing", "fraud-scan"),
    "legacy-payment-authorization": ("authorize-payments",),
    "legacy-fulfilment": ("issue-vouchers", "capture-payments", "send-confirmation"),
}
"""What a job does to one order, told in steps, so that both pipelines take the same time for the same work."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """An order to be placed; *at* in seconds since the epoch."""

    at: float
    user_guid: str
    payment_token: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """A batch job: every *every_seconds* a run, which takes no further order after *run_seconds*."""

    job: str
    every_seconds: float
    run_seconds: float


class Durations:
    """Seconds that things take, drawn from what was measured.

    Args:
        measured: per step its quantiles in milliseconds, evenly spaced from the fastest to the slowest.
        provider_seconds: added to each step that asks the payment provider.
    """

    def __init__(self, measured: Mapping[str, Sequence[float]], provider_seconds: float, draws: random.Random) -> None:
        self._measured = measured
        self._provider_seconds = provider_seconds
        self._draws = draws

    def of(self, step: str) -> float:
        """One draw for *step*."""
        quantiles = self._measured.get(step) or self._measured["other"]
        place = self._draws.random() * (len(quantiles) - 1)
        low = quantiles[int(place)]
        high = quantiles[min(int(place) + 1, len(quantiles) - 1)]
        milliseconds = low + (high - low) * (place % 1)
        return milliseconds / 1_000 + (self._provider_seconds if step in PROVIDER_STEPS else 0.0)


def buyers_of_a_day(orders: int, begin_at: float, seed: int) -> list[Buyer]:
    """*orders* buyers: most over the day, more in the evening than at night, the rest at noon, in order of time."""
    draws = _draws("buyers", seed)
    found = []
    for number in range(orders):
        at = begin_at + (_at_noon(draws) if draws.random() < FLASH_SHARE else _over_the_day(draws))
        found.append(Buyer(at, f"u-{number:06d}", _token(draws)))
    return sorted(found, key=lambda buyer: buyer.at)


def _at_noon(draws: random.Random) -> float:
    return NOON_SECONDS + min(draws.expovariate(1 / FLASH_SECONDS), 3_600.0)


def _over_the_day(draws: random.Random) -> float:
    """Thinning of an even spread: the rate swings once a day, lowest at four in the morning."""
    while True:
        second = draws.random() * DAY_SECONDS
        wanted = 0.55 - 0.45 * math.cos(2 * math.pi * (second / DAY_SECONDS - 4 / 24))
        if draws.random() < wanted:
            return second


def _token(draws: random.Random) -> str:
    point = draws.random()
    for token, share in TOKENS:
        point -= share
        if point < 0:
            return token
    return TOKENS[0][0]


def _draws(label: str, seed: int) -> random.Random:
    return Draws(f"{label} {seed}".encode()).random()


class Stage:
    """The application's side: a process that does what it is asked at the instant it is told."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def ask(self, at: float, do: str, **fields: JSONValue) -> Done | Failed:
        """One request.

        Raises:
            CommandError: the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode({"at": at, "do": do, **fields}) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise CommandError(f"the rehearsal ended at {do}; what it said is above")
        answer: dict[str, Any] = msgspec.json.decode(line)
        return Failed(answer["error"], answer["cause"]) if "error" in answer else Done(answer["result"])

    def result(self, at: float, do: str, **fields: JSONValue) -> Any:
        """What came of one request that cannot be refused."""
        answer = self.ask(at, do, **fields)
        if isinstance(answer, Failed):
            raise CommandError(f"the rehearsal refused {do}: {answer.error}: {answer.cause}")
        return answer.output


class InstantDay:
    """The instant pipeline: each order is announced, claimed, and carried by an execution."""

    def __init__(self, agenda: Agenda, stage: Stage, machines: Mapping[str, Machine], durations: Durations) -> None:
        self._agenda = agenda
        self._stage = stage
        self._durations = durations
        self._executions = Executions(agenda, machines, self._call)

    def placed(self, order_id: str) -> None:
        """The order has been accepted; its notification is on its way."""
        self._agenda.after(self._durations.of("notification"), lambda: self._claim(order_id))

    def _claim(self, order_id: str) -> None:
        found = self._stage.result(self._agenda.now, "claim", order_id=order_id)
        if found is not None:
            self._executions.start(found["release"], found["execution"], found["input"])

    def _call(self, function: str, event: JSONValue, reply: Reply) -> None:
        """The effect comes at the end of the time it takes; then the transition that follows takes its own."""

        def act() -> None:
            outcome = self._stage.ask(self._agenda.now, "step", name=function, event=event)
            waited = PROVIDER_SILENCE_SECONDS if isinstance(outcome, Failed) and outcome.error == UNKNOWN else 0.0
            self._agenda.after(waited + self._durations.of("transition"), lambda: reply(outcome))

        self._agenda.after(self._durations.of(function), act)


class LegacyDay:
    """The legacy pipeline: jobs at their schedules, each taking its orders one after the other."""

    def __init__(self, agenda: Agenda, stage: Stage, schedules: Sequence[Schedule], durations: Durations) -> None:
        self.agenda = agenda
        self.stage = stage
        self.durations = durations
        self.until = agenda.now + DAY_SECONDS + SETTLE_SECONDS
        for schedule in schedules:
            agenda.after(schedule.every_seconds, _Job(self, schedule).tick)

    def placed(self, order_id: str) -> None:
        """The order has been accepted; the jobs find it by its status."""


class _Job:
    """One schedule: never two runs at once, one run for all instants that passed during another."""

    def __init__(self, day: LegacyDay, schedule: Schedule) -> None:
        self._day = day
        self._schedule = schedule
        self._is_running = False
        self._is_due = False

    def tick(self) -> None:
        """Its time has come."""
        day, pause = self._day, self._schedule.every_seconds
        if day.agenda.now + pause <= day.until:
            day.agenda.after(pause, self.tick)
        self._is_due = True
        self._run()

    def _run(self) -> None:
        if self._is_due and not self._is_running:
            self._is_due, self._is_running = False, True
            now = self._day.agenda.now
            orders = self._day.stage.result(now, "waiting", job=self._schedule.job)
            self._next(orders, now + self._schedule.run_seconds)

    def _next(self, orders: list[str], stop_at: float) -> None:
        day = self._day
        if orders and day.agenda.now < stop_at:
            steps = JOB_STEPS.get(self._schedule.job, ("other",))
            day.agenda.after(sum(map(day.durations.of, steps)), lambda: self._work(orders, stop_at))
        else:
            self._is_running = False
            self._run()

    def _work(self, orders: list[str], stop_at: float) -> None:
        day = self._day
        report = day.stage.result(day.agenda.now, "work", job=self._schedule.job, order_id=orders[0])
        waited = PROVIDER_SILENCE_SECONDS if UNKNOWN in report["failed"].values() else 0.0
        day.agenda.after(waited, lambda: self._next(orders[1:], stop_at))


def play(agenda: Agenda, stage: Stage, day: InstantDay | LegacyDay, buyers: Sequence[Buyer]) -> list[dict[str, Any]]:
    """The whole day and what is left after it: every order with its times and how it stands."""

    def buy(buyer: Buyer) -> None:
        answer = stage.result(agenda.now, "place", user_guid=buyer.user_guid, payment_token=buyer.payment_token)
        day.placed(answer["order_id"])

    for buyer in buyers:
        agenda.at(buyer.at, lambda buyer=buyer: buy(buyer))  # type: ignore[misc]
    agenda.run()
    rows: list[dict[str, Any]] = stage.result(agenda.now, "results")
    return rows
