"""The pure comparison: each kind of difference is found from the facts, and nothing where they agree."""

from typing import Any

import pytest

from order_processing.domain import (
    DifferenceKind,
    Facts,
    Hold,
    HoldState,
    Order,
    OrderStatus,
    Outcome,
    Owner,
    PaymentAttempt,
    Pipeline,
    ProviderFact,
    Purpose,
    Repair,
    Voucher,
    VoucherState,
    changed,
    differences,
)
from tests.order_samples import an_order

NOW = 1_700_010_000.0


def attempt(purpose: Purpose, outcome: Outcome = Outcome.SUCCEEDED, amount: int = 5_000) -> PaymentAttempt:
    return PaymentAttempt(
        purpose=purpose,
        key=f"order/o-1/{purpose.value}/1",
        amount_minor=amount,
        epoch=1,
        at=1.0,
        outcome=outcome,
        provider_reference="pay-1",
    )


def voucher(number: int, state: VoucherState = VoucherState.ISSUED) -> Voucher:
    return Voucher(
        number=number,
        code_hash=f"hash-{number}",
        code_last4="0000",
        state=state,
        expires_at=2e9,
        time_zone="America/Chicago",
    )


def paid(**changes: Any) -> ProviderFact:
    fact = ProviderFact(
        payment_id="pay-1", reference="order/o-1/authorize/1", is_reserved=False, captured_minor=5_000, refunded_minor=0
    )
    return changed(fact, **changes)


def held(state: HoldState) -> Hold:
    return Hold(hold_id="o-1", unit_id="spa", quantity=2, expires_at=1e9, state=state)


DELIVERED = an_order(
    status=OrderStatus.COMPLETED,
    owner=Owner(pipeline=Pipeline.INSTANT, release="r", execution="o-1", epoch=1),
    payments=(attempt(Purpose.AUTHORIZE), attempt(Purpose.CAPTURE)),
    vouchers=(voucher(1), voucher(2)),
    mails=("o-1.confirmation@x",),
)
DEAD = an_order(status=OrderStatus.FAILED)
WAITING = an_order(status=OrderStatus.CLEARED, owner=Owner(pipeline=Pipeline.INSTANT, execution="o-1", epoch=1))


def facts(order: Order, **wanted: Any) -> Facts:
    """What agrees with *order*, unless told otherwise."""
    state = {OrderStatus.COMPLETED: HoldState.SETTLED, OrderStatus.FAILED: HoldState.RELEASED}
    values: dict[str, Any] = {
        "now": NOW,
        "hold": held(state.get(order.status, HoldState.HELD)),
        "execution": "SUCCEEDED" if order is DELIVERED else "",
        "payments": (paid(),) if order is DELIVERED else (),
        "code_owners": {each.code_hash: "o-1" for each in order.vouchers},
    }
    return Facts(order=order, **{**values, **wanted})


@pytest.mark.parametrize(
    "agreeing",
    [
        facts(DELIVERED),
        facts(DEAD),
        facts(WAITING, execution="RUNNING"),
        facts(WAITING, execution=None),
        facts(changed(WAITING, owner=Owner(pipeline=Pipeline.INSTANT, lease_until=NOW + 1))),
        facts(changed(WAITING, paused="a call")),
        facts(changed(WAITING, pipeline=Pipeline.LEGACY)),
        facts(DELIVERED, payments=None),
    ],
)
def test_nothing_is_found_where_all_agree(agreeing: Facts) -> None:
    assert differences(agreeing) == ()


@pytest.mark.parametrize(
    ("differing", "kind", "repair"),
    [
        (
            facts(changed(WAITING, owner=Owner(pipeline=Pipeline.INSTANT))),
            DifferenceKind.NEVER_STARTED,
            Repair.ANNOUNCE,
        ),
        (facts(WAITING, execution=""), DifferenceKind.EXECUTION_LOST, Repair.HAND_TO_LEGACY),
        (facts(WAITING, execution="FAILED"), DifferenceKind.EXECUTION_LOST, Repair.HAND_TO_LEGACY),
        (facts(DELIVERED, execution="RUNNING"), DifferenceKind.EXECUTION_LEFT_OVER, Repair.STOP_EXECUTION),
        (
            facts(changed(DEAD, payments=(attempt(Purpose.AUTHORIZE, Outcome.UNKNOWN),))),
            DifferenceKind.PAYMENT_UNKNOWN,
            Repair.RESOLVE_PAYMENTS,
        ),
        (
            facts(DELIVERED, payments=(paid(refunded_minor=100),)),
            DifferenceKind.PAYMENT_DIFFERS,
            Repair.RESOLVE_PAYMENTS,
        ),
        (
            facts(DEAD, payments=(paid(captured_minor=0, is_reserved=True),)),
            DifferenceKind.MONEY_KEPT,
            Repair.GIVE_MONEY_BACK,
        ),
        (
            facts(changed(DELIVERED, payments=(attempt(Purpose.AUTHORIZE),)), payments=(paid(captured_minor=0),)),
            DifferenceKind.NOT_PAID,
            Repair.PERSON,
        ),
        (facts(DEAD, hold=held(HoldState.HELD)), DifferenceKind.HOLD_LEFT, Repair.RELEASE_HOLD),
        (facts(DELIVERED, hold=held(HoldState.HELD)), DifferenceKind.HOLD_LEFT, Repair.SETTLE_HOLD),
        (facts(DELIVERED, hold=None), DifferenceKind.HOLD_MISSING, Repair.PERSON),
        (
            facts(WAITING, execution="RUNNING", hold=held(HoldState.RELEASED)),
            DifferenceKind.HOLD_MISSING,
            Repair.PERSON,
        ),
        (facts(changed(DELIVERED, vouchers=(voucher(1),))), DifferenceKind.VOUCHERS_MISSING, Repair.PERSON),
        (facts(changed(DEAD, vouchers=(voucher(1),))), DifferenceKind.VOUCHERS_TOO_MANY, Repair.PERSON),
        (facts(DELIVERED, code_owners={"hash-1": "o-1"}), DifferenceKind.CODE_LOST, Repair.REGISTER_CODES),
        (facts(DELIVERED, code_owners={"hash-1": "o-1", "hash-2": "o-9"}), DifferenceKind.CODE_LOST, Repair.PERSON),
        (facts(changed(DELIVERED, mails=())), DifferenceKind.CONFIRMATION_MISSING, Repair.CONFIRM),
        (
            facts(changed(DELIVERED, mails=(), status=OrderStatus.PARTIALLY_FULFILLED)),
            DifferenceKind.CONFIRMATION_MISSING,
            Repair.CONFIRM,
        ),
    ],
)
def test_each_difference_is_found_with_its_repair(differing: Facts, kind: DifferenceKind, repair: Repair) -> None:
    assert (kind, repair) in [(each.kind, each.repair) for each in differences(differing)]


def test_what_is_young_is_no_difference_yet() -> None:
    assert differences(facts(changed(WAITING, updated_at=NOW - 60), execution="")) == ()
