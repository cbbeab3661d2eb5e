"""What operators do to one order; the act and its entry in the audit log are one transaction."""

from collections.abc import Callable
from typing import Any

from order_processing.domain import (
    Act,
    AuditEntry,
    Order,
    OrderStatus,
    Pipeline,
    Purpose,
    TimelineEntry,
    checked,
    demand_can_end,
    handed_to,
    paused,
    resumed,
    seized,
    unresolved,
)
from order_processing.errors import RefusedError
from order_processing.operations.attempts import PaymentDeclinedError, PaymentUnknownError
from order_processing.operations.breaking import PaymentHeldError
from order_processing.operations.charging import settle_unknown
from order_processing.operations.context import Change, Services, change, load
from order_processing.operations.owning import let_go_of
from order_processing.operations.placing import notification_of
from order_processing.operations.releasing import release
from order_processing.stores import ConflictError, PutAudit, PutNotification, Write

By = Callable[[Order, TimelineEntry], Order]
"""What an act makes of an order; the entry says who did it and why."""


class NotPausedError(RefusedError):
    """Only an order that was stopped can go on."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"order {order_id} is not paused; hand it over if it should be tried again")
        self.order_id = order_id


def hand_to(services: Services, order_id: str, pipeline: Pipeline, act: Act, *, to_release: str = "") -> Order:
    """Hands an order to a pipeline, whoever has it now: its next effect is refused.

    An order for the instant pipeline is announced again; its new execution goes on where the order stands.

    Args:
        to_release: state machine to carry it from now on; "" keeps the one it was assigned.

    Raises:
        NothingToDoError, OrderPausedError, ActError: it stays as it is.
    """
    return _act(
        services,
        order_id,
        f"hand-over-to-{pipeline.value}",
        act,
        lambda order, entry: handed_to(order, pipeline, entry, to_release),
    )


def redrive(services: Services, order_id: str, act: Act, *, to_release: str = "") -> Order:
    """Has its own pipeline try an order again, with a whole budget of attempts; see ``hand_to``."""
    return _act(
        services, order_id, "redrive", act, lambda order, entry: handed_to(order, order.pipeline, entry, to_release)
    )


def pause_order(services: Services, order_id: str, act: Act) -> Order:
    """Stops an order: no pipeline takes it and its owner's next effect is refused; its stock stays held.

    Raises:
        NothingToDoError, ActError: it stays as it is.
    """
    return _act(services, order_id, "pause", act, paused)


def resume_order(services: Services, order_id: str, act: Act) -> Order:
    """Lets a stopped order go on in its pipeline.

    Raises:
        NotPausedError, ActError: it stays as it is.
    """

    def step(order: Order, entry: TimelineEntry) -> Order:
        if not order.paused:
            raise NotPausedError(order_id)
        return resumed(order, entry)

    return _act(services, order_id, "resume", act, step)


def resolve_payments(services: Services, order_id: str, act: Act) -> Order:
    """Asks the payment provider what became of every attempt whose outcome is unknown; nothing is sent again.

    Raises:
        PaymentUnknownError, PaymentHeldError: it still does not say, or is not asked at present.
        ActError: nothing is asked.
    """
    order = _seize(services, order_id, "resolve-payments", act)
    epoch = order.owner.epoch
    try:
        for purpose in Purpose:
            if unresolved(load(services, order_id).payments, purpose) is not None:
                _settled(services, order_id, epoch, purpose)
    except (PaymentUnknownError, PaymentHeldError) as error:
        let_go_of(services, order_id, epoch, str(error))
        raise
    order = let_go_of(services, order_id, epoch)
    return _announced(services, order)


def give_up(services: Services, order_id: str, outcome: OrderStatus, act: Act) -> Order:
    """Ends an order as *outcome* (cancelled or failed): money, stock and vouchers go back.

    Raises:
        PaymentUnknownError, PaymentDeclinedError: a reservation could not be given back; the order has not ended.
        IllegalTransitionError: it was delivered, or has ended already.
        PartlyShippedError: a part of it is on its way.
    """
    assert outcome in (OrderStatus.CANCELLED, OrderStatus.FAILED)
    order = _seize(services, order_id, f"end-as-{outcome.value}", act, lambda known: demand_can_end(known, outcome))
    return release(services, order_id, order.owner.epoch, outcome, act.reason)


def summary_of(order: Order) -> dict[str, Any]:
    """The fields of an order by which an act's before and after are told apart."""
    return {
        "status": order.status.value,
        "pipeline": order.pipeline.value,
        "release": order.release,
        "epoch": order.owner.epoch,
        "execution": order.owner.execution,
        "paused": order.paused,
        "problem": order.problem,
    }


def record_act(services: Services, action: str, subject: str, act: Act, *, after: dict[str, Any]) -> AuditEntry:
    """Records a manual act that changed something else than one order.

    Raises:
        ActError: it names no actor or no reason.
    """
    act = checked(act)
    entry = AuditEntry(
        audit_id=services.ids.order_id(),
        at=services.clock.now(),
        actor=act.actor,
        action=action,
        subject=subject,
        reason=act.reason,
        after=after,
    )
    services.store.commit((PutAudit(entry),)).result()
    return entry


def _seize(
    services: Services, order_id: str, action: str, act: Act, demand: Callable[[Order], None] = lambda _: None
) -> Order:
    """The order as the operator's own, if it is as *demand* wants it."""
    at, lease_seconds = services.clock.now(), services.policy.lease_seconds

    def by(order: Order, entry: TimelineEntry) -> Order:
        demand(order)
        return seized(order, at, lease_seconds, entry)

    return _act(services, order_id, action, act, by, announce=False)


def _act(services: Services, order_id: str, action: str, act: Act, by: By, *, announce: bool = True) -> Order:
    act, audit_id = checked(act), services.ids.order_id()

    def step(order: Order) -> Change:
        at = services.clock.now()
        after = by(order, TimelineEntry(at, action, act.actor, act.reason))
        entry = AuditEntry(
            audit_id=audit_id,
            at=at,
            actor=act.actor,
            action=action,
            subject=order_id,
            reason=act.reason,
            before=summary_of(order),
            after=summary_of(after),
        )
        writes: tuple[Write, ...] = (PutAudit(entry),)
        if announce and after.pipeline is Pipeline.INSTANT and not after.paused:
            writes = (*writes, PutNotification(notification_of(after)))
        return Change(after, writes)

    try:
        return change(services, order_id, step)
    except ConflictError as error:
        if error.key != audit_id:
            raise
        return load(services, order_id)  # an earlier try, whose outcome was unknown, had been written


def _settled(services: Services, order_id: str, epoch: int, purpose: Purpose) -> None:
    """A refusal is an outcome too: the ledger has it."""
    try:
        settle_unknown(services, order_id, epoch, purpose, send_again=False)
    except PaymentDeclinedError:
        return


def _announced(services: Services, order: Order) -> Order:
    """Lets an instant order go on; one of the legacy pipeline is found by the next run of its job."""
    if order.pipeline is Pipeline.INSTANT and not order.paused:
        services.store.commit((PutNotification(notification_of(order)),)).result()
    return order
