"""Failure stories of payments found in the wild, each on a real store, a real ledger and a clock that stands."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from order_processing.domain import (
    Act,
    AlertKind,
    BreakerState,
    MerchantUser,
    Order,
    OrderStatus,
    Outcome,
    Purpose,
    RefundRefusedError,
    RefundRequest,
    StaleOwnerError,
    VoucherRefusedError,
    VoucherState,
    advanced,
    captured_net_minor,
    changed,
    open_authorizations,
    total_minor,
    voucher_code,
)
from order_processing.gateways import (
    Authorization,
    ProviderEvent,
    ProviderPayment,
    ProviderStatus,
    Result,
    Succeeded,
    Unknown,
)
from order_processing.operations import (
    PaymentDeclinedError,
    PaymentHeldError,
    PaymentUnknownError,
    Receipt,
    Services,
    authorize,
    breaker_of,
    capture,
    claim,
    close_breaker,
    give_up,
    hand_over,
    issue_vouchers,
    locate_for,
    observe,
    open_alerts,
    open_breaker,
    quarantine,
    receive_event,
    redeem_voucher,
    redrive,
    refund,
    release,
    resolve,
    resolve_payments,
    resolve_unknown,
    scan_fraud,
    start_processing,
    take_over,
)
from order_processing.stores import PutOrder

from ..integration.order_processing.stripe_world import StripeLedgerPayments
from ..integration.order_processing.worlds import AUTHORIZATION_SECONDS, InterruptingStore, World, a_world
from ..order_samples import VOUCHER_SECRET, an_offer


@pytest.fixture(params=["sandbox", "stripe"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A world that pays by the sandbox's ledger, and one that pays by Stripe's SDK on our Stripe server."""
    made = a_world(tmp_path)
    if request.param == "stripe":
        made.payments.ledger.close()
        made.payments = StripeLedgerPayments(tmp_path, made.clock)  # type: ignore[assignment]
        made.services = replace(made.services, payments=made.payments, gateway="stripe")
    yield made
    made.store.close()
    made.payments.ledger.close()


def cleared(world: World, **wanted: object) -> tuple[str, int]:
    order_id, epoch = world.claimed(**wanted)
    start_processing(world.services, order_id, epoch)
    scan_fraud(world.services, order_id, epoch)
    return order_id, epoch


def prepared(world: World, **wanted: object) -> tuple[str, int]:
    order_id, epoch = cleared(world, **wanted)
    authorize(world.services, order_id, epoch)
    issue_vouchers(world.services, order_id, epoch)
    return order_id, epoch


def completed(world: World, **wanted: object) -> str:
    order_id, epoch = prepared(world, **wanted)
    capture(world.services, order_id, epoch)
    return order_id


def cancel(world: World, order_id: str, epoch: int) -> Order:
    return release(world.services, order_id, epoch, OrderStatus.CANCELLED, "the customer changed her mind")


def payments_of(world: World, order_id: str) -> list[ProviderPayment]:
    return world.payments.payments_of(world.order(order_id))


def the_payment(world: World, order_id: str) -> ProviderPayment:
    (payment,) = payments_of(world, order_id)
    return payment


def an_event(payment: ProviderPayment, kind: str, number: int = 1) -> ProviderEvent:
    return ProviderEvent(id=f"evt_{number}", kind=kind, payment_id=payment.id, at=0.0)


def asks(key: str, **changes: object) -> RefundRequest:
    return RefundRequest(key=key, by="ann", reason="the customer asked", **changes)  # type: ignore[arg-type]


def assert_money_adds_up(world: World, order_id: str) -> None:
    """Invariants I2 and I11: our ledger and the provider's say the same, and nothing stays with us unearned."""
    order = world.order(order_id)
    theirs = payments_of(world, order_id)
    assert total_minor(order.payments, Purpose.CAPTURE) == sum(payment.captured_minor for payment in theirs)
    assert total_minor(order.payments, Purpose.REFUND) == sum(payment.refunded_minor for payment in theirs)
    assert 0 <= captured_net_minor(order.payments) <= order.amount.amount_minor
    if order.status not in (OrderStatus.COMPLETED, OrderStatus.PARTIALLY_FULFILLED):
        assert captured_net_minor(order.payments) == 0
    assert open_authorizations(order.payments) == ()
    assert all(payment.status is not ProviderStatus.AUTHORIZED for payment in theirs)


def test_e4_two_paths_finish_one_payment_and_it_is_charged_once(world: World) -> None:
    """The execution's call is still out when the provider's event arrives; both finish the same attempt."""
    order_id, epoch = prepared(world)
    payment = the_payment(world, order_id)
    races = _EventWhileOut(world, order_id, payment)

    order = capture(replace(world.services, payments=races), order_id, epoch)

    assert races.receipts == [Receipt.APPLIED, Receipt.DUPLICATE]
    assert order.status is OrderStatus.COMPLETED
    assert [each.purpose for each in order.payments] == [Purpose.AUTHORIZE, Purpose.CAPTURE]
    assert [entry.event for entry in order.timeline].count("completed") == 1
    assert world.payments.asked.count("capture") == 1
    assert_money_adds_up(world, order_id)


class _EventWhileOut:
    """The gateway, whose event about a capture overtakes its answer, and comes twice."""

    def __init__(self, world: World, order_id: str, payment: ProviderPayment) -> None:
        self._world = world
        self._event = an_event(payment, "payment_intent.succeeded")
        self.receipts: list[Receipt] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._world.payments, name)

    def capture(self, payment_id: str, amount_minor: int, key: str) -> object:
        answer = self._world.payments.capture(payment_id, amount_minor, key)
        self.receipts = [receive_event(self._world.services, self._event) for _ in range(2)]
        return answer


def test_e4_legacy_and_instant_charge_at_the_same_moment_and_it_is_charged_once(world: World) -> None:
    order_id, epoch = prepared(world)
    world.payments.lose = 1
    with pytest.raises(PaymentUnknownError):
        capture(world.services, order_id, epoch)
    hand_over(world.services, order_id, epoch, "the answer was lost")
    later = take_over(world.services, order_id, world.order(order_id).pipeline).owner.epoch

    order = capture(world.services, order_id, later)

    assert order.status is OrderStatus.COMPLETED
    assert total_minor(order.payments, Purpose.CAPTURE) == 5_000
    assert_money_adds_up(world, order_id)


def test_e5_paid_after_cancelled_is_voided_by_itself_and_somebody_is_told(world: World) -> None:
    """The request was lost on its way, looked up, not there, given up - and then it arrived."""
    order_id, epoch = cleared(world)
    late = _Late(world)
    with pytest.raises(PaymentUnknownError):
        authorize(replace(world.services, payments=late), order_id, epoch)
    cancelled = cancel(world, order_id, epoch)
    assert (cancelled.status, cancelled.payments[0].outcome) == (OrderStatus.CANCELLED, Outcome.ABSENT)

    payment = late.arrive()
    assert (
        receive_event(world.services, an_event(payment, "payment_intent.amount_capturable_updated")) is Receipt.APPLIED
    )

    assert world.order(order_id).status is OrderStatus.CANCELLED
    assert the_payment(world, order_id).status is ProviderStatus.VOIDED
    (alert,) = open_alerts(world.services)
    assert (alert.kind, alert.order_id, alert.owner) == (AlertKind.LATE_PAYMENT, order_id, "payments")
    assert_money_adds_up(world, order_id)


class _Late:
    """The gateway, reached by the first authorisation only after everybody has given up."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: list[object] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._world.payments, name)

    def authorize(self, request: object) -> object:
        self._asked.append(request)
        return Unknown("no answer")

    def arrive(self) -> ProviderPayment:
        result = self._world.payments.authorize(self._asked[0])  # type: ignore[arg-type]
        assert isinstance(result, Succeeded)
        return result.payment


def test_e12_money_reserved_by_an_owner_who_was_replaced_meanwhile_goes_back_from_a_dead_order(world: World) -> None:
    """The look-up of whoever cancelled came before the request did; the one who had sent it is fenced, yet knows."""
    order_id, epoch = cleared(world)
    slow = _Slow(world, lambda: give_up(world.services, order_id, OrderStatus.CANCELLED, Act("ann", "customer called")))
    with pytest.raises(StaleOwnerError):
        authorize(replace(world.services, payments=slow), order_id, epoch)

    resolve_unknown(world.services)

    assert world.order(order_id).status is OrderStatus.CANCELLED
    assert the_payment(world, order_id).status is ProviderStatus.VOIDED
    assert {alert.kind for alert in open_alerts(world.services)} == {AlertKind.LATE_PAYMENT}
    assert_money_adds_up(world, order_id)


class _Slow:
    """The gateway; something happens while an authorisation is on its way to it."""

    def __init__(self, world: World, meanwhile: Callable[[], object]) -> None:
        self._world = world
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> object:
        return getattr(self._world.payments, name)

    def authorize(self, request: Authorization) -> Result:
        self._meanwhile()
        return self._world.payments.authorize(request)


def test_e5_captured_at_the_provider_after_the_order_was_given_up_is_refunded(world: World) -> None:
    order_id, epoch = cleared(world)
    late = _Late(world)
    with pytest.raises(PaymentUnknownError):
        authorize(replace(world.services, payments=late), order_id, epoch)
    cancel(world, order_id, epoch)
    payment = late.arrive()
    world.payments.capture(payment.id, 5_000, "by hand, at the provider")

    observe(world.services, order_id, the_payment(world, order_id))

    refunded = the_payment(world, order_id)
    assert (refunded.status, refunded.refunded_minor) == (ProviderStatus.REFUNDED, 5_000)
    assert {alert.kind for alert in open_alerts(world.services)} == {AlertKind.LATE_PAYMENT}
    assert_money_adds_up(world, order_id)


def test_e5_a_second_reservation_of_a_delivered_order_goes_back(world: World) -> None:
    """The first request was thought lost and another one made; then the first arrived as well."""
    order_id, epoch = cleared(world)
    late = _Late(world)
    answered = replace(world.services, payments=late)
    with pytest.raises(PaymentUnknownError):
        authorize(answered, order_id, epoch)
    order = world.order(order_id)
    lost = replace_outcome(order, Outcome.ABSENT)
    world.store.commit((PutOrder(lost, order.version),)).result()
    authorize(world.services, order_id, epoch)
    issue_vouchers(world.services, order_id, epoch)
    capture(world.services, order_id, epoch)

    payment = late.arrive()
    receive_event(world.services, an_event(payment, "payment_intent.amount_capturable_updated"))

    assert world.order(order_id).status is OrderStatus.COMPLETED
    assert sorted(each.status.value for each in payments_of(world, order_id)) == ["captured", "voided"]
    assert [alert.kind for alert in open_alerts(world.services)] == [AlertKind.LATE_PAYMENT]
    assert_money_adds_up(world, order_id)


def replace_outcome(order: Order, outcome: Outcome) -> Order:
    (attempt,) = order.payments
    back = advanced(order, OrderStatus.CLEARED, order.updated_at)
    return changed(back, payments=(changed(attempt, outcome=outcome),))


def test_e6_a_provider_that_times_out_is_asked_before_it_is_charged_again(world: World) -> None:
    order_id, epoch = cleared(world, payment_token="tok_timeout_then_ok")

    with pytest.raises(PaymentUnknownError):
        authorize(world.services, order_id, epoch)
    order = authorize(world.services, order_id, epoch)

    assert order.status is OrderStatus.AUTHORIZED
    assert world.payments.asked == ["authorize", "lookup"]
    assert len(payments_of(world, order_id)) == 1


def test_e6_the_job_finds_out_when_nobody_else_does(world: World) -> None:
    order_id, epoch = cleared(world, payment_token="tok_timeout_then_ok")
    with pytest.raises(PaymentUnknownError):
        authorize(world.services, order_id, epoch)
    before = world.order(order_id).owner

    report = resolve_unknown(world.services)

    assert (report.resolved, report.waiting) == (1, {})
    assert world.order(order_id).status is OrderStatus.AUTHORIZED
    assert world.order(order_id).owner == before
    assert resolve_unknown(world.services).resolved == 0


def test_e6_a_payment_that_never_resolves_stays_in_the_queue_and_charges_nobody(world: World) -> None:
    order_id, epoch = cleared(world, payment_token="tok_timeout")
    with pytest.raises(PaymentUnknownError):
        authorize(world.services, order_id, epoch)

    for _ in range(3):
        world.clock.advance(60)
        assert list(resolve_unknown(world.services).waiting) == [order_id]

    assert world.payments.asked.count("authorize") == 1
    assert world.order(order_id).status is OrderStatus.PAYMENT_UNKNOWN


def test_e6_payments_that_never_resolve_keep_no_other_from_being_found_out_about(world: World) -> None:
    tokens = ("tok_timeout", "tok_timeout", "tok_timeout_then_ok")
    orders = [cleared(world, payment_token=token, user_guid=token, quantity=1) for token in tokens]
    for order_id, epoch in orders:
        with pytest.raises(PaymentUnknownError):
            authorize(world.services, order_id, epoch)
        world.clock.advance(1)

    for _ in range(2):
        world.clock.advance(300)
        resolve_unknown(world.services, limit=2)

    assert world.order(orders[-1][0]).status is OrderStatus.AUTHORIZED


def test_e6_an_event_that_cannot_be_acted_on_keeps_no_other_from_it(world: World) -> None:
    first, second = (completed(world, quantity=1) for _ in range(2))
    for number, order_id in enumerate((first, second)):
        payment = the_payment(world, order_id)
        world.payments.refund(payment.id, 2_500, f"by hand {number}")
        silent = replace(world.services, payments=_Mute(world, payment.id))
        assert receive_event(silent, an_event(payment, "charge.refunded", number)) is Receipt.PENDING
        world.clock.advance(1)
    mute = replace(world.services, payments=_Mute(world, the_payment(world, first).id))

    for _ in range(2):
        world.clock.advance(300)
        resolve_unknown(mute, limit=1)

    assert world.order(first).status is OrderStatus.COMPLETED
    assert world.order(second).status is OrderStatus.REFUNDED


class _Mute:
    """The gateway, which says nothing about one payment."""

    def __init__(self, world: World, payment_id: str) -> None:
        self._world = world
        self._payment_id = payment_id

    def __getattr__(self, name: str) -> object:
        return getattr(self._world.payments, name)

    def fetch(self, payment_id: str) -> object:
        return Unknown("no answer") if payment_id == self._payment_id else self._world.payments.fetch(payment_id)


def test_e7_a_void_that_is_refused_is_an_alarm_and_never_a_success(world: World) -> None:
    order_id, epoch = prepared(world, payment_token="tok_undo_refused")

    with pytest.raises(PaymentDeclinedError):
        cancel(world, order_id, epoch)

    order = world.order(order_id)
    assert order.status is OrderStatus.FULFILLING
    assert len(open_authorizations(order.payments)) == 1
    (alert,) = open_alerts(world.services)
    assert (alert.kind, alert.owner, alert.order_id) == (AlertKind.UNDO_FAILED, "payments on call", order_id)
    assert world.stock() == 8


def test_e7_a_refused_undo_of_a_dead_order_is_tried_a_few_times_then_left_to_a_person(world: World) -> None:
    order_id, epoch = cleared(world, payment_token="tok_undo_refused")
    late = _Late(world)
    with pytest.raises(PaymentUnknownError):
        authorize(replace(world.services, payments=late), order_id, epoch)
    cancel(world, order_id, epoch)
    receive_event(world.services, an_event(late.arrive(), "payment_intent.amount_capturable_updated"))

    for _ in range(5):
        world.clock.advance(60)
        assert list(resolve_unknown(world.services).waiting) == [order_id]

    refused = [each for each in world.order(order_id).payments if each.outcome is Outcome.DECLINED]
    assert len(refused) == world.services.policy.undo_attempts_max
    kinds = [alert.kind for alert in open_alerts(world.services)]
    assert kinds.count(AlertKind.UNDO_FAILED) == len(refused)
    asked = len(world.payments.asked)
    resolve(world.services, order_id, insist=True)
    assert len(world.payments.asked) > asked


def test_e8_charged_and_not_delivered_is_refunded_for_the_share_that_is_missing(world: World) -> None:
    order_id = completed(world, quantity=3)

    order = refund(world.services, order_id, asks("r-1", units=(3,)))

    assert order.status is OrderStatus.COMPLETED
    assert captured_net_minor(order.payments) == 5_000
    assert [voucher.state for voucher in order.vouchers] == [
        VoucherState.ISSUED,
        VoucherState.ISSUED,
        VoucherState.REVOKED,
    ]
    assert_money_adds_up(world, order_id)


def test_e8_only_the_delivered_share_is_taken_and_the_rest_of_the_reservation_goes_back(world: World) -> None:
    order_id, epoch = prepared(world, quantity=3)

    order = capture(world.services, order_id, epoch, units=(1, 2))

    assert order.status is OrderStatus.PARTIALLY_FULFILLED
    assert captured_net_minor(order.payments) == 5_000
    assert the_payment(world, order_id).captured_minor == 5_000
    assert_money_adds_up(world, order_id)


def test_e8_money_of_an_order_stuck_after_it_was_charged_goes_back_when_it_is_given_up(world: World) -> None:
    order_id, epoch = prepared(world)
    world.payments.lose = 1
    with pytest.raises(PaymentUnknownError):
        capture(world.services, order_id, epoch)
    quarantine(world.services, order_id, epoch, "poison")
    resolve(world.services, order_id)
    assert captured_net_minor(world.order(order_id).payments) == 5_000

    order = cancel(world, order_id, epoch)

    assert order.status is OrderStatus.CANCELLED
    assert the_payment(world, order_id).refunded_minor == 5_000
    assert world.stock() == 10
    assert_money_adds_up(world, order_id)


def test_e15_an_authorisation_that_ran_out_is_made_again_before_its_money_is_taken(world: World) -> None:
    order_id, epoch = prepared(world)
    world.clock.advance(AUTHORIZATION_SECONDS + 1)

    order = capture(world.services, order_id, epoch)

    assert order.status is OrderStatus.COMPLETED
    assert [(each.purpose, each.outcome) for each in order.payments] == [
        (Purpose.AUTHORIZE, Outcome.EXPIRED),
        (Purpose.AUTHORIZE, Outcome.SUCCEEDED),
        (Purpose.CAPTURE, Outcome.SUCCEEDED),
    ]
    assert [each.key for each in order.payments][1] == f"order/{order_id}/authorize/{epoch}/2"
    assert sorted(each.status.value for each in payments_of(world, order_id)) == ["captured", "voided"]
    assert_money_adds_up(world, order_id)


def test_e15_an_order_whose_authorisation_ran_out_in_quarantine_is_paid_again_when_it_is_redriven(world: World) -> None:
    order_id, epoch = prepared(world)
    quarantine(world.services, order_id, epoch, "poison")
    world.clock.advance(AUTHORIZATION_SECONDS + 1)
    observe(world.services, order_id, the_payment(world, order_id))

    redrive(world.services, order_id, Act("ann", "repaired"))
    claimed = claim(world.services, order_id)
    assert claimed is not None
    for step in (start_processing, scan_fraud, authorize, issue_vouchers, capture):
        step(world.services, order_id, claimed.epoch)

    assert world.order(order_id).status is OrderStatus.COMPLETED
    assert captured_net_minor(world.order(order_id).payments) == 5_000
    assert_money_adds_up(world, order_id)


def test_e15_an_authorisation_that_ran_out_sooner_than_it_said_is_made_again_too(world: World) -> None:
    order_id, epoch = prepared(world)
    order = world.order(order_id)
    said = replace_expiry(order, world.clock.now() + 100 * AUTHORIZATION_SECONDS)
    world.store.commit((PutOrder(said, order.version),)).result()
    world.clock.advance(AUTHORIZATION_SECONDS)

    order = capture(world.services, order_id, epoch)

    assert order.status is OrderStatus.COMPLETED
    assert_money_adds_up(world, order_id)


def replace_expiry(order: Order, expires_at: float) -> Order:
    (attempt,) = order.payments
    return changed(order, payments=(changed(attempt, expires_at=expires_at),), version=order.version + 1)


def test_e15_a_card_that_is_declined_the_second_time_ends_the_order(world: World) -> None:
    order_id, epoch = prepared(world)
    order = world.order(order_id)
    world.store.commit(
        (PutOrder(changed(order, payment_token="tok_declined", version=order.version + 1), order.version),)
    ).result()
    world.clock.advance(AUTHORIZATION_SECONDS)

    with pytest.raises(PaymentDeclinedError):
        capture(world.services, order_id, epoch)

    order = world.order(order_id)
    assert (order.status, world.stock()) == (OrderStatus.DECLINED, 10)
    assert {voucher.state for voucher in order.vouchers} == {VoucherState.REVOKED}
    assert_money_adds_up(world, order_id)


def test_e17_partial_and_repeated_refunds_never_sum_above_what_was_captured(world: World) -> None:
    order_id = completed(world)
    for number in range(4):
        refund(world.services, order_id, asks(f"r-{number}", amount_minor=1_000))
    for again in range(4):
        refund(world.services, order_id, asks(f"r-{again}", amount_minor=1_000))
    with pytest.raises(RefundRefusedError, match=r"at most USD 10\.00"):
        refund(world.services, order_id, asks("r-9", amount_minor=1_001))

    order = refund(world.services, order_id, asks("r-10"))

    assert order.status is OrderStatus.REFUNDED
    assert {voucher.state for voucher in order.vouchers} == {VoucherState.REVOKED}
    assert world.payments.asked.count("refund") == 5
    with pytest.raises(RefundRefusedError, match="nothing"):
        refund(world.services, order_id, asks("r-11", amount_minor=1))
    assert_money_adds_up(world, order_id)


def test_e17_a_refund_whose_answer_was_lost_is_looked_up_and_paid_once(world: World) -> None:
    order_id = completed(world)
    world.payments.lose = 1
    with pytest.raises(PaymentUnknownError):
        refund(world.services, order_id, asks("r-1", amount_minor=2_000))
    with pytest.raises(RefundRefusedError, match=r"at most USD 30\.00"):
        refund(world.services, order_id, asks("r-2", amount_minor=3_001))

    report = resolve_unknown(world.services)

    assert report.resolved == 1
    assert world.payments.asked.count("refund") == 1
    refund(world.services, order_id, asks("r-1", amount_minor=2_000))
    assert the_payment(world, order_id).refunded_minor == 2_000
    assert_money_adds_up(world, order_id)


def test_e17_a_refund_that_may_still_arrive_is_not_given_up_by_whoever_asks_for_it(world: World) -> None:
    """Else its vouchers would be good again, and then the money went as well."""
    order_id = completed(world)
    late = _LateRefund(world)
    with pytest.raises(PaymentUnknownError):
        refund(replace(world.services, payments=late), order_id, asks("r-1"))

    with pytest.raises(PaymentUnknownError, match="it may still arrive at the provider"):
        resolve_payments(world.services, order_id, Act("ann", "the customer called"))
    assert {each.state for each in world.order(order_id).vouchers} == {VoucherState.REVOKED}

    late.arrive()
    resolve_unknown(world.services)
    assert world.order(order_id).status is OrderStatus.REFUNDED
    assert_money_adds_up(world, order_id)


class _LateRefund:
    """The gateway, reached by a refund only later."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: tuple[str, int, str] | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._world.payments, name)

    def refund(self, payment_id: str, amount_minor: int, key: str) -> object:
        self._asked = payment_id, amount_minor, key
        return Unknown("no answer")

    def arrive(self) -> None:
        assert self._asked is not None
        assert isinstance(self._world.payments.refund(*self._asked), Succeeded)


def test_e17_a_refund_the_provider_refuses_gives_the_vouchers_back_and_calls_somebody(world: World) -> None:
    order_id = completed(world, payment_token="tok_undo_refused")

    for _ in range(2):
        with pytest.raises(PaymentDeclinedError):
            refund(world.services, order_id, asks("r-1"))

    order = world.order(order_id)
    assert order.status is OrderStatus.COMPLETED
    assert {voucher.state for voucher in order.vouchers} == {VoucherState.ISSUED}
    assert [alert.kind for alert in open_alerts(world.services)] == [AlertKind.REFUND_FAILED]


def test_a_silent_provider_is_left_alone_by_everybody_and_tried_again(tmp_path: Path) -> None:
    world = a_world(tmp_path, offer=an_offer(stock_left=100))
    limit = world.services.policy.breaker.failures_max
    silent = [cleared(world, payment_token="tok_timeout", quantity=1) for _ in range(limit)]
    good, epoch = cleared(world, quantity=1)
    for order in silent:
        with pytest.raises(PaymentUnknownError):
            authorize(world.services, *order)
    asked = len(world.payments.asked)

    with pytest.raises(PaymentHeldError):
        authorize(world.services, good, epoch)
    assert (len(world.payments.asked), world.order(good).payments) == (asked, ())
    assert breaker_of(world.services).state is BreakerState.OPEN

    world.clock.advance(world.services.policy.breaker.open_seconds)
    assert authorize(world.services, good, epoch).status is OrderStatus.AUTHORIZED
    assert breaker_of(world.services).state is BreakerState.CLOSED
    world.store.close()


def test_a_breaker_that_a_person_opened_stays_open_until_a_person_closes_it(world: World) -> None:
    order_id, epoch = cleared(world)
    open_breaker(world.services, by="ann", reason="the provider double-charges")
    world.clock.advance(10 * 86_400)

    with pytest.raises(PaymentHeldError, match="a person closes it"):
        authorize(world.services, order_id, epoch)

    close_breaker(world.services, by="ann", reason="they fixed it")
    assert authorize(world.services, order_id, epoch).status is OrderStatus.AUTHORIZED


@pytest.mark.parametrize("first", ["redeem", "refund"])
def test_e18_of_a_redemption_and_a_refund_at_the_same_moment_exactly_one_wins(world: World, first: str) -> None:
    order_id = completed(world, quantity=1)
    till = MerchantUser("Lumen Studio", "till")
    code = voucher_code(VOUCHER_SECRET, order_id, 1)
    found = locate_for(world.services, code, till)

    def redeem() -> None:
        redeem_voucher(world.services, found, till, "sale-1")

    def pay_back() -> None:
        refund(world.services, order_id, asks("r-1"))

    slow, quick = (pay_back, redeem) if first == "redeem" else (redeem, pay_back)
    services = world.services
    world.services = world.over(InterruptingStore(world.store, 1, lambda: _on(world, services, quick)))  # type: ignore[arg-type]
    with pytest.raises((RefundRefusedError, VoucherRefusedError)):
        slow()
    world.services = services

    (voucher,) = world.order(order_id).vouchers
    refunded = the_payment(world, order_id).refunded_minor
    expected = (VoucherState.REDEEMED, 0) if first == "redeem" else (VoucherState.REVOKED, 2_500)
    assert (voucher.state, refunded) == expected


def _on(world: World, services: Services, act: Callable[[], None]) -> None:
    """Does *act* on the store as it is, not as somebody interrupts it."""
    interrupted, world.services = world.services, services
    act()
    world.services = interrupted
