"""Every operation: once however often it runs, only for the owner, and whole or not at all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from order_processing.domain import (
    HoldState,
    IllegalTransitionError,
    OfferKind,
    Order,
    OrderStatus,
    Outcome,
    Pipeline,
    Purpose,
    RefundRequest,
    StaleOwnerError,
    UnknownOrderError,
    Verdict,
    VoucherState,
    captured_net_minor,
    changed,
    open_authorizations,
)
from order_processing.gateways import ProviderStatus
from order_processing.operations import (
    ContendedError,
    NoReviewError,
    NotCompletedError,
    PaymentDeclinedError,
    PaymentUnknownError,
    Services,
    authorize,
    capture,
    capture_delivered,
    claim,
    decide_review,
    hand_over,
    issue_vouchers,
    let_go_of,
    quarantine,
    refund,
    release,
    request_review,
    request_shipment,
    reserve_shipment,
    scan_fraud,
    send_confirmation,
    start_processing,
    take_over,
)
from order_processing.stores import PutOrder, Transaction

from ...order_samples import an_offer
from .worlds import Crash, CrashingStore, InterruptingStore, World, a_world

Operation = Callable[[Services, str, int], Order]

HAPPY: tuple[Operation, ...] = (
    start_processing,
    scan_fraud,
    authorize,
    issue_vouchers,
    capture,
    send_confirmation,
)


def cancel(services: Services, order_id: str, epoch: int) -> Order:
    return release(services, order_id, epoch, OrderStatus.CANCELLED, "the customer changed her mind")


def shelve(services: Services, order_id: str, epoch: int) -> Order:
    return quarantine(services, order_id, epoch, "poison")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = a_world(tmp_path)
    yield made
    made.store.close()


def run(world: World, order_id: str, epoch: int, upto: Operation) -> Order:
    """Runs the happy path up to and including *upto*."""
    for operation in HAPPY:
        order = operation(world.services, order_id, epoch)
        if operation is upto:
            break
    return order


def run_all(services: Services, order_id: str, epoch: int) -> None:
    for operation in HAPPY:
        operation(services, order_id, epoch)


def test_an_order_goes_all_the_way(world: World) -> None:
    order_id, epoch = world.claimed()

    order = run(world, order_id, epoch, send_confirmation)

    assert order.status is OrderStatus.COMPLETED
    assert [entry.event for entry in order.timeline] == [
        "received",
        "claimed",
        "processing",
        "cleared",
        "authorize_begun",
        "authorize_succeeded",
        "authorized",
        "fulfilling",
        "capture_begun",
        "capture_succeeded",
        "completed",
        "confirmation_sent",
    ]
    assert [voucher.state for voucher in order.vouchers] == [VoucherState.ISSUED] * 2
    assert captured_net_minor(order.payments) == 5_000
    (payment,) = {payment.id: payment for payment in world.payments.payments_of(order)}.values()
    assert (payment.status, payment.captured_minor) == (ProviderStatus.CAPTURED, 5_000)
    hold = world.store.hold(order_id)
    assert hold is not None
    assert (hold.state, world.stock()) == (HoldState.SETTLED, 8)
    assert world.mails() == [f"{order_id}.confirmation@members.shop.example.eml"]


@pytest.mark.parametrize("operation", HAPPY, ids=lambda each: each.__name__)
def test_an_operation_that_runs_again_has_no_further_effect_and_the_same_answer(
    world: World, operation: Operation
) -> None:
    order_id, epoch = world.claimed()
    first = run(world, order_id, epoch, operation)
    asked = list(world.payments.asked)

    assert operation(world.services, order_id, epoch) == first
    assert world.order(order_id) == first
    assert world.payments.asked == asked


@pytest.mark.parametrize("operation", HAPPY, ids=lambda each: each.__name__)
def test_an_earlier_operation_that_runs_late_has_no_effect(world: World, operation: Operation) -> None:
    order_id, epoch = world.claimed()
    done = run(world, order_id, epoch, send_confirmation)

    assert operation(world.services, order_id, epoch) == done
    assert world.order(order_id) == done


@pytest.mark.parametrize(
    "operation",
    [*HAPPY, reserve_shipment, cancel, shelve, let_go_of, lambda s, o, e: request_review(s, o, e, "token")],
    ids=lambda each: each.__name__,
)
def test_a_stale_owner_has_no_effect_whatever_it_tries(world: World, operation: Operation) -> None:
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, scan_fraud)
    taken = hand_over(world.services, order_id, epoch, "the operator said so")

    with pytest.raises(StaleOwnerError) as refused:
        operation(world.services, order_id, epoch)

    assert (refused.value.epoch, refused.value.current) == (epoch, epoch + 1)
    assert world.order(order_id) == taken
    assert world.payments.asked == []


@pytest.mark.parametrize("operation", HAPPY, ids=lambda each: each.__name__)
def test_an_unknown_order_is_said_to_be_unknown(world: World, operation: Operation) -> None:
    with pytest.raises(UnknownOrderError):
        operation(world.services, "nothing", 1)


def test_money_is_not_asked_for_out_of_turn(world: World) -> None:
    order_id, epoch = world.claimed()

    for operation in (authorize, capture):
        with pytest.raises(IllegalTransitionError):
            operation(world.services, order_id, epoch)

    assert world.payments.asked == []


def test_a_notification_that_comes_twice_gives_the_same_claim(world: World) -> None:
    order = world.place()

    first, second = claim(world.services, order.order_id), claim(world.services, order.order_id)

    assert first == second
    assert first is not None
    assert (first.release, first.epoch) == ("order-processing-v1.0.0", 1)
    assert world.order(order.order_id).assignments[-1].experiment == "release"


def test_an_order_under_way_or_of_the_other_pipeline_is_not_claimed(world: World) -> None:
    order_id, epoch = world.claimed()
    start_processing(world.services, order_id, epoch)
    assert claim(world.services, order_id) is None

    other, other_epoch = world.claimed()
    hand_over(world.services, other, other_epoch, "no reason")
    assert claim(world.services, other) is None


def test_a_fraud_is_rejected_and_its_stock_goes_back_at_once(world: World) -> None:
    order_id, epoch = world.claimed(user_guid="fraud-1")
    run(world, order_id, epoch, scan_fraud)

    order = world.order(order_id)
    assert (order.status, world.stock()) == (OrderStatus.REJECTED, 10)
    assert order.fraud is not None
    assert order.fraud.verdict is Verdict.FRAUD
    with pytest.raises(IllegalTransitionError):
        authorize(world.services, order_id, epoch)


@pytest.mark.parametrize(
    ("verdict", "status", "stock"),
    [(Verdict.CLEARED, OrderStatus.CLEARED, 8), (Verdict.FRAUD, OrderStatus.REJECTED, 10)],
)
def test_the_first_decision_of_a_review_stands(world: World, verdict: Verdict, status: OrderStatus, stock: int) -> None:
    order_id, epoch = world.claimed(user_guid="review-1")
    assert run(world, order_id, epoch, scan_fraud).status is OrderStatus.IN_REVIEW
    waiting = request_review(world.services, order_id, epoch, "token")
    assert request_review(world.services, order_id, epoch, "token") == waiting

    first = decide_review(world.services, order_id, verdict, by="ann", note="looked at it")
    other = Verdict.FRAUD if verdict is Verdict.CLEARED else Verdict.CLEARED

    assert decide_review(world.services, order_id, other, by="bob") == first
    assert (first.status, world.stock()) == (status, stock)
    assert first.review is not None
    assert (first.review.decided_by, first.review.task_token) == ("ann", "token")


def test_an_order_in_review_is_leased_until_the_review_is_over(world: World) -> None:
    order_id, epoch = world.claimed(user_guid="review-1")
    order = run(world, order_id, epoch, scan_fraud)

    assert order.review is not None
    assert order.owner.lease_until > order.review.deadline_at


def test_what_nobody_asked_to_review_cannot_be_decided(world: World) -> None:
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, scan_fraud)

    with pytest.raises(NoReviewError):
        decide_review(world.services, order_id, Verdict.FRAUD, by="ann")


def test_a_declined_card_ends_the_order_and_frees_its_stock(world: World) -> None:
    order_id, epoch = world.claimed(payment_token="tok_declined")
    run(world, order_id, epoch, scan_fraud)

    for _ in range(2):
        with pytest.raises(PaymentDeclinedError):
            authorize(world.services, order_id, epoch)

    order = world.order(order_id)
    assert (order.status, world.stock()) == (OrderStatus.DECLINED, 10)
    assert world.payments.asked == ["authorize"]
    assert release(world.services, order_id, epoch, OrderStatus.DECLINED, "again") == order


def test_an_unknown_payment_is_looked_up_before_anything_else(world: World) -> None:
    order_id, epoch = world.claimed(payment_token="tok_timeout_then_ok")
    run(world, order_id, epoch, scan_fraud)

    with pytest.raises(PaymentUnknownError):
        authorize(world.services, order_id, epoch)
    assert world.order(order_id).status is OrderStatus.PAYMENT_UNKNOWN
    order = authorize(world.services, order_id, epoch)

    assert order.status is OrderStatus.AUTHORIZED
    assert world.payments.asked == ["authorize", "lookup"]
    assert len(open_authorizations(order.payments)) == 1


def test_a_payment_that_never_arrived_is_sent_again_under_its_key(world: World) -> None:
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, scan_fraud)
    died = world.over(CrashingStore(world.store, 1, after=True))  # type: ignore[arg-type]
    with pytest.raises(Crash):
        authorize(died, order_id, epoch)  # the attempt is on disk, nothing was sent

    order = authorize(world.services, order_id, epoch)

    assert world.payments.asked == ["lookup", "authorize"]
    assert [attempt.key for attempt in order.payments] == [f"order/{order_id}/authorize/{epoch}"]


def test_a_payment_that_stays_unknown_changes_nothing_but_what_is_known(world: World) -> None:
    order_id, epoch = world.claimed(payment_token="tok_timeout")
    run(world, order_id, epoch, scan_fraud)

    for _ in range(3):
        with pytest.raises(PaymentUnknownError):
            authorize(world.services, order_id, epoch)

    order = world.order(order_id)
    assert (order.status, len(order.payments)) == (OrderStatus.PAYMENT_UNKNOWN, 1)
    assert world.payments.asked == ["authorize", "lookup", "lookup"]
    with pytest.raises(PaymentUnknownError):
        cancel(world.services, order_id, epoch)
    assert world.order(order_id).status is OrderStatus.PAYMENT_UNKNOWN


def test_a_provider_that_fails_is_asked_again_under_another_key_once_it_is_sure(world: World) -> None:
    order_id, epoch = world.claimed(payment_token="tok_error")
    run(world, order_id, epoch, scan_fraud)

    for _ in range(2):
        with pytest.raises(PaymentUnknownError):
            authorize(world.services, order_id, epoch)

    outcomes = [attempt.outcome for attempt in world.order(order_id).payments]
    assert outcomes == [Outcome.ABSENT, Outcome.UNKNOWN]


def test_a_capture_whose_answer_was_lost_completes_the_order_once(world: World) -> None:
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, issue_vouchers)
    world.payments.lose = 1

    with pytest.raises(PaymentUnknownError):
        capture(world.services, order_id, epoch)
    unknown = world.order(order_id)
    order = capture(world.services, order_id, epoch)

    assert unknown.status is OrderStatus.PAYMENT_UNKNOWN
    assert {voucher.state for voucher in unknown.vouchers} == {VoucherState.PREPARED}
    assert order.status is OrderStatus.COMPLETED
    assert world.payments.asked == ["authorize", "capture", "lookup"]


def test_nobody_is_asked_for_money_on_the_strength_of_an_order_read_before_it_changed_hands(world: World) -> None:
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, issue_vouchers)
    known = world.order(order_id)
    taken = hand_over(world.services, order_id, epoch, "the operator said so")

    with pytest.raises(StaleOwnerError):
        capture(world.services, order_id, epoch, known=known)

    assert world.payments.asked == ["authorize"]
    assert world.order(order_id) == taken


@pytest.mark.parametrize("upto", HAPPY[:4], ids=lambda each: each.__name__)
def test_an_order_that_is_given_up_gives_everything_back(world: World, upto: Operation) -> None:
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, upto)

    order = cancel(world.services, order_id, epoch)

    assert (order.status, world.stock()) == (OrderStatus.CANCELLED, 10)
    assert {voucher.state for voucher in order.vouchers} <= {VoucherState.REVOKED}
    assert open_authorizations(order.payments) == ()
    assert {payment.status for payment in world.payments.payments_of(order)} <= {ProviderStatus.VOIDED}
    assert cancel(world.services, order_id, epoch) == order
    assert world.stock() == 10


def test_a_completed_order_is_not_given_up_any_more(world: World) -> None:
    order_id, epoch = world.claimed()
    done = run(world, order_id, epoch, capture)

    assert cancel(world.services, order_id, epoch) == done


def test_a_late_success_on_a_cancelled_order_is_voided(world: World) -> None:
    order_id, epoch = world.claimed(payment_token="tok_timeout_then_ok")
    run(world, order_id, epoch, scan_fraud)
    with pytest.raises(PaymentUnknownError):
        authorize(world.services, order_id, epoch)

    order = cancel(world.services, order_id, epoch)

    assert order.status is OrderStatus.CANCELLED
    assert [payment.status for payment in world.payments.payments_of(order)] == [ProviderStatus.VOIDED]


def test_a_void_whose_answer_was_lost_is_looked_up_and_the_order_ends_only_then(world: World) -> None:
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, authorize)
    world.payments.lose = 1

    with pytest.raises(PaymentUnknownError):
        cancel(world.services, order_id, epoch)
    assert world.order(order_id).status is OrderStatus.AUTHORIZED
    assert cancel(world.services, order_id, epoch).status is OrderStatus.CANCELLED
    assert world.payments.asked == ["authorize", "void", "lookup"]


def test_a_sale_item_goes_to_the_warehouse(tmp_path: Path) -> None:
    world = a_world(tmp_path, offer=an_offer(kind=OfferKind.SALE_ITEM))
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, authorize)

    reserved = reserve_shipment(world.services, order_id, epoch)
    assert reserve_shipment(world.services, order_id, epoch) == reserved
    request_shipment(world.services, order_id, epoch)
    order = capture_delivered(world.services, order_id, epoch)

    assert [shipment.quantity for shipment in order.shipments] == [2]
    assert (order.status, order.vouchers) == (OrderStatus.COMPLETED, ())
    assert order.shipments[0].tracking in text_of_mail(world, send_confirmation(world.services, order_id, epoch))
    world.store.close()


def text_of_mail(world: World, order: Order) -> str:
    (name,) = world.mails()
    return (world.outbox / name).read_text()


def test_the_mail_keeps_quiet_about_vouchers_that_were_revoked_before_it_was_sent(world: World) -> None:
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, capture)
    refund(world.services, order_id, RefundRequest(key="r-1", by="ann", reason="the customer called", units=(1,)))

    text = text_of_mail(world, send_confirmation(world.services, order_id, epoch))

    assert "Voucher 1:" not in text
    assert "Voucher 2:" in text


def test_the_mail_shows_the_codes_and_nothing_else_keeps_them(world: World, tmp_path: Path) -> None:
    order_id, epoch = world.claimed()
    order = run(world, order_id, epoch, send_confirmation)

    text = text_of_mail(world, order)
    codes = [line.split(": ")[1].replace("-", "") for line in text.splitlines() if line.startswith("Voucher")]
    assert [code[-4:] for code in codes] == [voucher.code_last4 for voucher in order.vouchers]
    assert f"<{order_id}.confirmation@" in text
    stored = msgspec.json.encode(order).decode()
    assert all(code not in stored for code in codes)
    assert world.store.order_id_of_voucher(order.vouchers[0].code_hash) == order_id


def test_nothing_is_confirmed_before_it_is_paid(world: World) -> None:
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, issue_vouchers)

    with pytest.raises(NotCompletedError):
        send_confirmation(world.services, order_id, epoch)
    assert world.mails() == []


def test_a_hand_over_that_runs_again_is_the_same_hand_over(world: World) -> None:
    order_id, epoch = world.claimed()

    order = hand_over(world.services, order_id, epoch, "it failed")

    assert hand_over(world.services, order_id, epoch, "it failed") == order
    assert (order.pipeline, order.owner.pipeline, order.owner.epoch) == (Pipeline.LEGACY, Pipeline.LEGACY, epoch + 1)
    assert order.problem == "it failed"
    later = take_over(world.services, order_id, Pipeline.LEGACY)
    with pytest.raises(StaleOwnerError):
        hand_over(world.services, order_id, epoch, "it failed")
    assert world.order(order_id) == later


def test_an_order_is_carried_on_by_another_owner_where_the_first_one_stopped(world: World) -> None:
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, authorize)
    hand_over(world.services, order_id, epoch, "it failed")

    order = run(world, order_id, take_over(world.services, order_id, Pipeline.LEGACY).owner.epoch, send_confirmation)

    assert order.status is OrderStatus.COMPLETED
    assert world.payments.asked == ["authorize", "capture"]


COMMITS_OF_THE_HAPPY_PATH = 8


def test_the_happy_path_commits_as_often_as_the_crash_tests_assume(world: World) -> None:
    order_id, epoch = world.claimed()
    before = world.order(order_id).version
    counted = CrashingStore(world.store, 1_000, after=True)
    run_all(world.over(counted), order_id, epoch)  # type: ignore[arg-type]

    assert 1_000 - counted._left == COMMITS_OF_THE_HAPPY_PATH
    assert world.order(order_id).version > before


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, COMMITS_OF_THE_HAPPY_PATH + 1))
def test_a_crash_at_any_commit_is_made_good_by_running_the_operations_again(
    world: World, at: int, *, after: bool
) -> None:
    order_id, epoch = world.claimed()
    dying = world.over(CrashingStore(world.store, at, after=after))  # type: ignore[arg-type]
    with pytest.raises(Crash):
        run_all(dying, order_id, epoch)

    order = run(world, order_id, epoch, send_confirmation)

    assert order.status is OrderStatus.COMPLETED
    assert [voucher.number for voucher in order.vouchers] == [1, 2]
    assert captured_net_minor(order.payments) == 5_000
    assert sum(payment.captured_minor for payment in unique(world, order)) == 5_000
    assert len(unique(world, order)) == 1
    assert (world.stock(), len(world.mails()), len(order.mails)) == (8, 1, 1)
    assert all(attempt.outcome is Outcome.SUCCEEDED for attempt in order.payments)
    assert [attempt.purpose for attempt in order.payments] == [Purpose.AUTHORIZE, Purpose.CAPTURE]


def unique(world: World, order: Order) -> list[object]:
    return list({payment.id: payment for payment in world.payments.payments_of(order)}.values())


@pytest.mark.parametrize("at", range(1, COMMITS_OF_THE_HAPPY_PATH))  # the last one comes after the order's end
def test_an_owner_that_was_replaced_while_it_slept_is_fenced_at_its_next_effect(world: World, at: int) -> None:
    order_id, epoch = world.claimed()

    def replaced() -> None:
        hand_over(world.services, order_id, epoch, "it was silent for too long")
        run(world, order_id, take_over(world.services, order_id, Pipeline.LEGACY).owner.epoch, send_confirmation)

    sleeper = world.over(InterruptingStore(world.store, at, replaced))  # type: ignore[arg-type]
    with pytest.raises(StaleOwnerError):
        run_all(sleeper, order_id, epoch)

    order = world.order(order_id)
    assert (order.status, len(order.mails), world.stock()) == (OrderStatus.COMPLETED, 1, 8)
    assert captured_net_minor(order.payments) == 5_000
    assert sum(payment.captured_minor for payment in unique(world, order)) == 5_000
    assert len(unique(world, order)) == 1
    assert [voucher.number for voucher in order.vouchers] == [1, 2]
    assert order.owner.epoch == epoch + 2


def test_a_change_that_met_another_one_is_decided_again(world: World) -> None:
    order_id, epoch = world.claimed()
    run(world, order_id, epoch, scan_fraud)
    noticed = InterruptingStore(world.store, 2, lambda: let_go_of(world.services, order_id, epoch))

    order = authorize(world.over(noticed), order_id, epoch)  # type: ignore[arg-type]

    assert order.status is OrderStatus.AUTHORIZED
    assert [entry.event for entry in order.timeline][-4:] == [
        "authorize_begun",
        "let_go",
        "authorize_succeeded",
        "authorized",
    ]


def test_an_order_that_others_keep_changing_is_tried_again_later(world: World) -> None:
    order_id, epoch = world.claimed()

    class Contended(InterruptingStore):
        def commit(self, transaction: Transaction) -> object:
            self._left = 1
            return super().commit(transaction)

    def meddle() -> None:
        taken = world.order(order_id)
        world.store.commit((PutOrder(changed(taken, version=taken.version + 1), taken.version),)).result(10)

    with pytest.raises(ContendedError):
        start_processing(world.over(Contended(world.store, 1, meddle)), order_id, epoch)  # type: ignore[arg-type]
