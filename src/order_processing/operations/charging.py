"""Money of an order that is under way: authorise, capture, void, by its owner alone."""

from contextlib import suppress

from order_processing.domain import (
    IllegalTransitionError,
    Order,
    OrderStatus,
    Outcome,
    PaymentAttempt,
    Purpose,
    StaleOwnerError,
    advanced,
    attempt_key,
    changed,
    lapsed_authorizations,
    open_authorizations,
    total_minor,
    unit_shares,
    unresolved,
    with_payment,
)
from order_processing.errors import RefusedError
from order_processing.gateways import (
    AUTHORIZATION_EXPIRED,
    Absent,
    Declined,
    ProviderStatus,
    Result,
    Succeeded,
    Unknown,
)
from order_processing.operations.attempts import (
    PaymentDeclinedError,
    PaymentUnknownError,
    demand_success,
    find,
    heard_of,
    learning,
    look_up,
    send,
)
from order_processing.operations.breaking import demand_not_held
from order_processing.operations.consequences import delivered, stock_sold
from order_processing.operations.context import Change, Services, change, change_owned, load_owned


class PaymentMissingError(RefusedError):
    """There is no open authorisation to take money from."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"order {order_id} has no open authorisation; authorise its payment first")
        self.order_id = order_id


def authorize(services: Services, order_id: str, epoch: int) -> Order:
    """Reserves the order's amount on the customer's card, once; again when the reservation has run out.

    Raises:
        PaymentDeclinedError: the order is declined, its stock given back.
        PaymentUnknownError: nothing is known yet.
        PaymentHeldError: the provider is not asked at present.
        IllegalTransitionError: the order is not cleared.
    """
    order = settle_unknown(services, order_id, epoch, Purpose.AUTHORIZE)
    if order.status is OrderStatus.DECLINED:
        raise PaymentDeclinedError(order_id, Purpose.AUTHORIZE, order.problem)
    order = _without_lapsed(services, order, epoch)
    if open_authorizations(order.payments) or total_minor(order.payments, Purpose.CAPTURE):
        return order
    order = _cleared_again(services, order, epoch)
    _demand_status(order, OrderStatus.CLEARED, OrderStatus.AUTHORIZED)
    return _attempt(services, order, epoch, Purpose.AUTHORIZE)


def capture(
    services: Services, order_id: str, epoch: int, *, units: tuple[int, ...] = (), known: Order | None = None
) -> Order:
    """Takes the money for what was prepared; with it, in one transaction, vouchers are issued and the order completes.

    A reservation that has run out meanwhile is made once more.

    Args:
        units: numbers of the units, from 1, that were delivered when not all were: only their share is taken, the
            rest of the reservation goes back, and the order is partially fulfilled.
        known: the order as read a moment ago, which saves the first read.

    Raises:
        PaymentDeclinedError: the money could not be taken; release the order.
        PaymentUnknownError: nothing is known yet.
        PaymentHeldError: the provider is not asked at present.
        PaymentMissingError: it was not authorised.
        IllegalTransitionError: nothing was prepared.
    """
    order = settle_unknown(services, order_id, epoch, Purpose.CAPTURE, known=known)
    if total_minor(order.payments, Purpose.CAPTURE):
        return _finished(services, order, epoch)
    _demand_status(order, OrderStatus.FULFILLING, OrderStatus.COMPLETED)
    order = _renewed(services, order, epoch)
    if not open_authorizations(order.payments):
        raise PaymentMissingError(order_id)
    partly = () if len(units) == order.quantity else units
    try:
        return _attempt(services, order, epoch, Purpose.CAPTURE, partly)
    except PaymentDeclinedError as error:
        if error.code != AUTHORIZATION_EXPIRED:
            raise
    order = _renewed(services, order, epoch, surely=True)
    return _attempt(services, order, epoch, Purpose.CAPTURE, partly)


def void(services: Services, order_id: str, epoch: int) -> Order:
    """Gives back every reservation that is open, also one of which we had not heard; money taken is not touched.

    Raises:
        PaymentUnknownError, PaymentHeldError: nothing is known yet.
        PaymentDeclinedError: the provider refuses to give it back, which is for a person to solve; an alert says so.
    """
    for purpose in (Purpose.AUTHORIZE, Purpose.CAPTURE):
        with suppress(PaymentDeclinedError):  # what was declined need not be given back
            settle_unknown(services, order_id, epoch, purpose, send_again=False)
    order = settle_unknown(services, order_id, epoch, Purpose.VOID)
    while open_authorizations(order.payments):
        order = _attempt(services, order, epoch, Purpose.VOID)
    return order


def settle_unknown(
    services: Services,
    order_id: str,
    epoch: int,
    purpose: Purpose,
    *,
    send_again: bool = True,
    known: Order | None = None,
) -> Order:
    """Finds out what became of an attempt that was begun and not heard of.

    Args:
        send_again: whether one that had no effect so far is sent once more, under its key; else it is given up.
        known: the order as read a moment ago, which saves the first read.

    Raises:
        StaleOwnerError: the order has another owner.
        PaymentDeclinedError, PaymentUnknownError, PaymentHeldError: as for the attempt itself.
    """
    order = load_owned(services, order_id, epoch, known)
    attempt = unresolved(order.payments, purpose)
    if attempt is None:
        return order
    found = look_up(services, order, attempt)
    if isinstance(found, Absent) and send_again and not attempt.answered:
        found = send(services, order, attempt)
    if isinstance(found, Absent) and _may_still_arrive(services, attempt):
        found = Unknown("it may still arrive at the provider")
    return _settle(services, order, epoch, attempt, found)


def _may_still_arrive(services: Services, attempt: PaymentAttempt) -> bool:
    """Whether a refund is too young to be given up: its vouchers would be good again, and then the money went too."""
    is_young = services.clock.now() - attempt.at < services.policy.absent_seconds
    return attempt.purpose is Purpose.REFUND and not attempt.answered and is_young


def _demand_status(order: Order, status: OrderStatus, to: OrderStatus) -> None:
    """Money is never asked for out of turn: the table would refuse the result only when it is too late."""
    if order.status is not status:
        raise IllegalTransitionError(order.order_id, order.status, to)


def _attempt(services: Services, order: Order, epoch: int, purpose: Purpose, units: tuple[int, ...] = ()) -> Order:
    """Records what is about to be asked, asks, records the answer."""
    demand_not_held(services)
    begun = _begin(services, order, epoch, purpose, units)
    attempt = unresolved(begun.payments, purpose)
    assert attempt is not None
    result: Result = send(services, begun, attempt)
    if purpose is Purpose.VOID and isinstance(result, Declined):
        found = look_up(services, begun, attempt)  # it may be back already: run out, or given back at the provider
        result = found if isinstance(found, Succeeded | Unknown) else result
    return _settle(services, begun, epoch, attempt, result)


def _begin(services: Services, order: Order, epoch: int, purpose: Purpose, units: tuple[int, ...]) -> Order:
    """Records the attempt, so that a crash after it was sent leaves a trace to look up."""

    def step(current: Order) -> Order | None:
        if unresolved(current.payments, purpose) is not None:
            return None
        at = services.clock.now()
        about = None if purpose is Purpose.AUTHORIZE else open_authorizations(current.payments)[0]
        attempt = PaymentAttempt(
            purpose=purpose,
            key=attempt_key(current.order_id, purpose, epoch, current.payments),
            amount_minor=_amount_minor(current, about, units),
            epoch=epoch,
            at=at,
            provider_reference="" if about is None else about.provider_reference,
            units=units,
        )
        return with_payment(current, attempt, at)

    return change_owned(services, order.order_id, epoch, step, known=order)


def _amount_minor(order: Order, about: PaymentAttempt | None, units: tuple[int, ...]) -> int:
    if units:
        shares = unit_shares(order)
        return sum(shares[unit - 1] for unit in units)
    return order.amount.amount_minor if about is None else about.amount_minor


def _settle(services: Services, order: Order, epoch: int, attempt: PaymentAttempt, result: Result | Absent) -> Order:
    """Records how *attempt* ended and what follows from it; raises when it did not succeed.

    A success is recorded also when the order has another owner by now: it is theirs to use, or goes back.
    """
    heard = heard_of(services, attempt, result)
    try:
        after = change_owned(services, order.order_id, epoch, learning(services, heard), known=order)
    except StaleOwnerError:
        if heard.outcome is Outcome.SUCCEEDED:  # that it happened is true whoever owns the order by now
            change(services, order.order_id, learning(services, heard))
        raise
    return demand_success(after, attempt)


def _without_lapsed(services: Services, order: Order, epoch: int, *, surely: bool = False) -> Order:
    """*order* whose reservations that have run out, as the provider confirms, do not count as open any more.

    Args:
        surely: all of them are doubted, not only those whose time is up.
    """
    doubted = lapsed_authorizations(order.payments, services.clock.now())
    for attempt in open_authorizations(order.payments) if surely else doubted:
        found = find(services, order, attempt)
        if isinstance(found, Unknown):
            raise PaymentUnknownError(order.order_id, Purpose.AUTHORIZE, found.reason)
        if isinstance(found, Succeeded) and found.payment.status is ProviderStatus.VOIDED:
            expired = changed(attempt, outcome=Outcome.EXPIRED, detail="the reservation ran out")
            order = change_owned(services, order.order_id, epoch, learning(services, expired), known=order)
    return order


def _renewed(services: Services, order: Order, epoch: int, *, surely: bool = False) -> Order:
    """*order* with a reservation that has not run out, made once more if need be."""
    order = _without_lapsed(services, order, epoch, surely=surely)
    is_missing = not open_authorizations(order.payments) and _has_run_out(order)
    return authorize(services, order.order_id, epoch) if is_missing else order


def _cleared_again(services: Services, order: Order, epoch: int) -> Order:
    """*order* ready to be paid for again, if it was prepared and its reservation ran out while nobody could ask."""

    def step(current: Order) -> Order | None:
        if current.status is not OrderStatus.FULFILLING or not _has_run_out(current):
            return None
        return advanced(current, OrderStatus.CLEARED, services.clock.now(), "the reservation ran out")

    return change_owned(services, order.order_id, epoch, step, known=order)


def _has_run_out(order: Order) -> bool:
    return any(each.purpose is Purpose.AUTHORIZE and each.outcome is Outcome.EXPIRED for each in order.payments)


def _finished(services: Services, order: Order, epoch: int) -> Order:
    """Completes an order whose money came in while nobody could complete it, as in quarantine."""

    def step(current: Order) -> Change | None:
        if current.status is not OrderStatus.FULFILLING:
            return None
        taken = next(
            each for each in current.payments if each.purpose is Purpose.CAPTURE and each.outcome is Outcome.SUCCEEDED
        )
        after = delivered(current, taken, services.clock.now())
        return Change(after, (stock_sold(after),))

    return change_owned(services, order.order_id, epoch, step, known=order)
