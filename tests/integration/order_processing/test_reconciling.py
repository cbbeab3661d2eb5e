"""Differences planted in real stores and ledgers are found, mended, and gone the second time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from order_processing.domain import Act, ActError, BreakerPolicy, HoldState, OrderStatus, Outcome, Pipeline, changed
from order_processing.gateways import ExecutionsUnreachableError, Unknown
from order_processing.legacy import fraud_scan, fulfilment, payment_authorization
from order_processing.legacy.batches import run_job
from order_processing.operations import (
    Policy,
    Reconciler,
    authorize,
    capture,
    issue_vouchers,
    last_report,
    open_breaker,
    report_differences,
    scan_fraud,
    send_confirmation,
    start_processing,
)
from order_processing.stores import PutOrder

from .worlds import World, a_world

ACT = Act("ann", "after the outage")
STEPS = (start_processing, scan_fraud, authorize, issue_vouchers, capture, send_confirmation)


@dataclass
class Register:
    """Executions as a test says they stand."""

    known: dict[str, str] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    away: bool = False
    asked: int = 0

    def status(self, release: str, execution: str) -> str:
        self.asked += 1
        if self.away:
            raise ExecutionsUnreachableError("a test")
        return self.known.get(execution, "")

    def stop(self, release: str, execution: str, cause: str) -> None:
        self.stopped.append(execution)
        self.known[execution] = "ABORTED"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = a_world(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def reconciler(world: World) -> Reconciler:
    return Reconciler(world.services, Register())


def begun(world: World, steps: int, **wanted: object) -> str:
    order_id, epoch = world.claimed(**wanted)
    for step in STEPS[:steps]:
        step(world.services, order_id, epoch)
    return order_id


def found(reconciler: Reconciler, act: Act | None = None) -> list[tuple[str, str]]:
    page = reconciler.page(0.0, act=act)
    return [(each.kind, each.result) for each in page.findings]


def force(world: World, order_id: str, **changes: object) -> None:
    order = world.order(order_id)
    world.store.commit((PutOrder(changed(order, version=order.version + 1, **changes), order.version),)).result(10)


def finished_without_mail(world: World) -> None:
    begun(world, 5)


def execution_gone(world: World) -> None:
    begun(world, 3)


def dead_with_everything_kept(world: World) -> None:
    force(world, begun(world, 3), status=OrderStatus.FAILED)


def capture_unheard(world: World) -> None:
    order_id = begun(world, 4)
    order = world.order(order_id)
    payment = order.payments[0]
    world.payments.capture(payment.provider_reference, order.amount.amount_minor, "made past this system")
    force(world, order_id, status=OrderStatus.FAILED)


def never_claimed(world: World) -> None:
    world.place()


PLANTED: tuple[tuple[Callable[[World], None], set[str]], ...] = (
    (finished_without_mail, {"confirmation_missing"}),
    (execution_gone, {"execution_lost"}),
    (dead_with_everything_kept, {"money_kept", "hold_left"}),
    (capture_unheard, {"money_kept", "payment_differs", "hold_left"}),
    (never_claimed, {"never_started"}),
)


@pytest.mark.parametrize(("plant", "kinds"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
def test_a_planted_difference_is_proposed_mended_and_gone(
    world: World, reconciler: Reconciler, plant: Callable[[World], None], kinds: set[str]
) -> None:
    plant(world)
    assert found(reconciler) == []  # it is too young
    world.clock.advance(700)

    assert {kind for kind, _ in found(reconciler)} == kinds
    assert {result for _, result in found(reconciler)} == {"proposed"}
    assert world.store.audits() == []

    mended = found(reconciler, ACT)

    assert {result for _, result in mended} <= {"repaired", "gone"}
    assert world.store.audits()[-1].actor == "ann"
    world.clock.advance(700)
    again = found(reconciler, ACT)
    assert [kind for kind, _ in again if kind != "never_started"] == []


def test_money_of_a_dead_order_is_given_back_once(world: World, reconciler: Reconciler) -> None:
    capture_unheard(world)
    world.clock.advance(700)

    for _ in range(3):
        found(reconciler, ACT)
        world.clock.advance(700)

    (order,) = [each for each in (world.store.order(e.subject) for e in world.store.audits()) if each][:1]
    (payment,) = world.payments.payments_of(order)
    assert payment.captured_minor == payment.refunded_minor == order.amount.amount_minor
    assert world.stock() == 10


def test_an_order_whose_execution_is_lost_is_finished_by_the_jobs(world: World, reconciler: Reconciler) -> None:
    order_id = begun(world, 3)
    world.clock.advance(700)

    found(reconciler, ACT)
    for job in (fraud_scan.JOB, payment_authorization.JOB, fulfilment.JOB):
        run_job(world.services, job)

    order = world.order(order_id)
    assert (order.status, order.pipeline) == (OrderStatus.COMPLETED, Pipeline.LEGACY)
    assert [each.outcome for each in order.payments] == [Outcome.SUCCEEDED] * 2


def test_an_execution_of_a_finished_order_is_stopped(world: World) -> None:
    order_id = begun(world, 6)
    register = Register({order_id: "RUNNING"})
    world.clock.advance(700)

    assert found(Reconciler(world.services, register), ACT) == [("execution_left_over", "repaired")]

    assert register.stopped == [order_id]


def test_nothing_is_concluded_from_silence(world: World) -> None:
    order_id = begun(world, 3, payment_token="tok_ok")
    force(world, order_id, payments=(changed(world.order(order_id).payments[0], key="order/gone/authorize/1"),))
    world.clock.advance(700)

    page = Reconciler(world.services, Register(away=True)).page(0.0)

    assert page.unreachable == ("executions",)
    assert page.findings == ()


def test_a_provider_that_a_person_stopped_is_not_asked_by_the_comparison(world: World, reconciler: Reconciler) -> None:
    begun(world, 6)
    world.clock.advance(700)
    world.payments.asked.clear()
    open_breaker(world.services, by="ann", reason="double charges")

    assert reconciler.page(0.0).unreachable == ("provider",)
    assert world.payments.asked == []


def test_what_does_not_answer_is_not_asked_about_each_order(world: World) -> None:
    world.services = replace(world.services, policy=Policy(breaker=BreakerPolicy(failures_max=2)))
    for number in range(4):
        begun(world, 3, user_guid=f"u-{number}", quantity=1)
    world.clock.advance(700)
    silent, register = _Silent(), Register(away=True)

    page = Reconciler(replace(world.services, payments=silent), register).page(0.0)  # type: ignore[arg-type]

    assert page.unreachable == ("executions", "provider")
    assert (silent.asked, register.asked) == (world.services.policy.breaker.failures_max, 1)


def test_what_is_too_young_to_tell_is_not_asked_about(world: World, reconciler: Reconciler) -> None:
    begun(world, 3)
    world.payments.asked.clear()

    assert found(reconciler) == []
    assert world.payments.asked == []


class _Silent:
    """A payment gateway that answers nothing."""

    def __init__(self) -> None:
        self.asked = 0

    def lookup(self, reference: str) -> Unknown:
        self.asked += 1
        return Unknown("no answer")


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_pages_cover_every_order_once_and_count_what_was_compared(
    world: World, reconciler: Reconciler, limit: int
) -> None:
    for _ in range(4):
        world.place(quantity=1)
        world.clock.advance(1)
    world.clock.advance(700)
    world.place(quantity=1)  # too young to be compared
    seen: list[str] = []
    compared, since = 0, 0.0
    while True:
        page = reconciler.page(since, limit=limit)
        seen += [each.order_id for each in page.findings]
        compared += page.checked
        if page.next_since is None:
            break
        since = page.next_since

    assert (len(seen), len(set(seen)), compared) == (4, 4, 4)


def test_the_scheduled_run_reports_and_mends_nothing(world: World, reconciler: Reconciler) -> None:
    order_id = begun(world, 3)
    force(world, order_id, status=OrderStatus.FAILED)
    world.clock.advance(700)
    assert last_report(world.services) is None

    for _ in range(2):
        report = report_differences(reconciler, 0.0)

    assert (report.checked, report.by_kind) == (1, {"money_kept": 2, "hold_left": 1}) or report.by_kind[
        "hold_left"
    ] == 1
    assert last_report(world.services) == report
    hold = world.store.hold(order_id)
    assert hold is not None
    assert hold.state is HoldState.HELD


def test_mending_without_a_reason_is_refused(reconciler: Reconciler) -> None:
    with pytest.raises(ActError):
        reconciler.page(0.0, act=Act("ann", ""))


def test_the_customer_of_a_part_is_written_to_as_well(world: World, reconciler: Reconciler) -> None:
    order_id, epoch = world.claimed()
    for step in STEPS[:4]:
        step(world.services, order_id, epoch)
    capture(world.services, order_id, epoch, units=(1,))
    world.clock.advance(3_600)

    assert ("confirmation_missing", "repaired") in found(reconciler, ACT)
    assert world.mails() == [f"{order_id}.confirmation@members.shop.example.eml"]
    assert found(reconciler, ACT) == []
