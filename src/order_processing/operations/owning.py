"""Who acts on an order: claims, hand-overs, takeovers, quarantine."""

from dataclasses import dataclass

from order_processing.domain import (
    Order,
    OrderStatus,
    Pipeline,
    advanced,
    assigned,
    changed,
    claimed,
    demand_owner,
    handed_over,
    is_claimable,
    is_waiting,
    let_go,
    taken_over,
)
from order_processing.experiments import subject_of
from order_processing.operations.context import Services, change, change_owned
from order_processing.operations.placing import notification_of
from order_processing.stores import PutNotification


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to start the execution of an order.

    Attributes:
        release: name of the state machine, such as ``order-processing-v1.0.0``.
    """

    order: Order
    release: str
    epoch: int


def claim(services: Services, order_id: str) -> Claim | None:
    """Claims an order for its execution, with the second A/B decision recorded on it.

    The same claim again, until the execution has begun, gives the same answer, as whoever claimed it first may have
    died before it started anything. None: the order belongs to the legacy pipeline, is under way or at rest, or
    somebody acts on it by hand now.
    """

    def step(order: Order) -> Order | None:
        at = services.clock.now()
        if not is_claimable(order) or order.owner.lease_until > at:
            return None
        if order.release:
            return claimed(order, at, services.policy.lease_seconds)
        subject = subject_of(order, services.store.offer(order.unit_id))
        assignment = services.experiments.release(subject, services.current_release, at)
        return claimed(assigned(order, assignment), at, services.policy.lease_seconds)

    order = change(services, order_id, step)
    if not order.owner.execution or not _may_begin(order):
        return None
    return Claim(order, order.owner.release, order.owner.epoch)


def _may_begin(order: Order) -> bool:
    """Whether the claimed execution may not have begun yet.

    Of an order that came back to the instant pipeline its status does not tell; starting twice does no harm there.
    """
    came_back = order.owner.execution != order.order_id
    return is_waiting(order) if came_back else order.status is OrderStatus.RECEIVED


def hand_over(services: Services, order_id: str, epoch: int, reason: str) -> Order:
    """Gives the order to the legacy pipeline; from then on *epoch* has no effect any more.

    Raises:
        StaleOwnerError: another owner than the legacy pipeline has it.
    """

    def step(order: Order) -> Order | None:
        if order.owner.pipeline is Pipeline.LEGACY and order.owner.epoch == epoch + 1:
            return None
        demand_owner(order, epoch)
        return handed_over(order, services.clock.now(), reason) if is_waiting(order) else None

    return change(services, order_id, step)


def take_over(services: Services, order_id: str, pipeline: Pipeline) -> Order:
    """Makes *pipeline* the owner under the next epoch, which the returned order names.

    Raises:
        LeaseHeldError: its owner is alive.
    """
    return change(
        services,
        order_id,
        lambda order: taken_over(order, pipeline, services.clock.now(), services.policy.lease_seconds),
    )


def let_go_of(services: Services, order_id: str, epoch: int, problem: str = "") -> Order:
    """Ends the caller's lease.

    Args:
        problem: why it got nowhere, for people; "" when it did.

    Raises:
        StaleOwnerError: it is not the caller's any more.
    """

    def step(order: Order) -> Order | None:
        demand_owner(order, epoch)
        return None if order.owner.lease_until == 0.0 else let_go(order, services.clock.now(), problem)

    return change(services, order_id, step)


def quarantine(services: Services, order_id: str, epoch: int, reason: str) -> Order:
    """Sets the order aside for an operator."""

    def step(order: Order) -> Order | None:
        if order.status is OrderStatus.QUARANTINED:
            return None
        return advanced(changed(order, problem=reason), OrderStatus.QUARANTINED, services.clock.now(), reason)

    return change_owned(services, order_id, epoch, step)


def notify_again(services: Services, order: Order) -> None:
    """Puts the order's notification into the outbox once more; the dispatcher sees to it that nothing happens twice."""
    services.store.commit((PutNotification(notification_of(order)),)).result()
