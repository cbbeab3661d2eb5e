"""What the customer gets: vouchers, goods, and the mail that says so."""

from order_processing.domain import (
    Money,
    Order,
    OrderStatus,
    Shipment,
    Voucher,
    VoucherState,
    captured_net_minor,
    expiry_at,
    grouped,
    mailed,
    prepared,
    voucher_code,
    with_shipment,
    with_vouchers,
)
from order_processing.errors import RefusedError
from order_processing.gateways import Mail, ShipmentRequest
from order_processing.operations.context import Change, Services, change_owned, load_owned
from order_processing.stores import PutVoucherCode

MAIL_DOMAIN = "members.shop.example"


class NotCompletedError(RefusedError):
    """Nothing has been delivered that could be confirmed."""

    def __init__(self, order: Order) -> None:
        super().__init__(f"order {order.order_id} is {order.status.value}; confirm it once it is completed")
        self.order_id = order.order_id


def issue_vouchers(services: Services, order_id: str, epoch: int) -> Order:
    """Prepares one voucher per unit bought, once; they are shown from the moment the payment is captured."""

    def step(order: Order) -> Change | None:
        if order.vouchers:
            return None
        vouchers = tuple(_voucher(services, order, number) for number in range(1, order.quantity + 1))
        codes = tuple(PutVoucherCode(voucher.code_hash, order_id) for voucher in vouchers)
        return Change(with_vouchers(order, vouchers, services.clock.now()), codes)

    return change_owned(services, order_id, epoch, step)


def _voucher(services: Services, order: Order, number: int) -> Voucher:
    expires_at = expiry_at(order.created_at, order.valid_days, order.time_zone)
    secret = services.voucher_secret()
    return prepared(secret, order.order_id, number, expires_at=expires_at, time_zone=order.time_zone)


def reserve_shipment(services: Services, order_id: str, epoch: int) -> Order:
    """Has the warehouse put the goods aside, once."""
    order = load_owned(services, order_id, epoch)
    if order.shipments:
        return order
    reserved = services.warehouse.reserve(ShipmentRequest(order_id, order.unit_id, order.quantity))

    def step(current: Order) -> Order | None:
        if any(shipment.shipment_id == reserved.shipment_id for shipment in current.shipments):
            return None
        at = services.clock.now()
        shipment = Shipment(shipment_id=reserved.shipment_id, quantity=reserved.quantity, reserved_at=at)
        return with_shipment(current, shipment, at)

    return change_owned(services, order_id, epoch, step, known=order)


def send_confirmation(services: Services, order_id: str, epoch: int) -> Order:
    """Writes to the customer, once: a message sent again after a crash has the same id and text.

    Raises:
        NotCompletedError: there is nothing to confirm.
        MailError: it could not be handed over.
    """
    order = load_owned(services, order_id, epoch)
    if order.status not in (OrderStatus.COMPLETED, OrderStatus.PARTIALLY_FULFILLED):
        raise NotCompletedError(order)
    message_id = f"{order_id}.confirmation@{MAIL_DOMAIN}"
    if message_id in order.mails:
        return order
    services.mail.send(_confirmation(services, order, message_id))

    def step(current: Order) -> Order | None:
        return None if message_id in current.mails else mailed(current, message_id, services.clock.now())

    return change_owned(services, order_id, epoch, step, known=order)


def _confirmation(services: Services, order: Order, message_id: str) -> Mail:
    lines = [
        f"Thank you. You bought {order.quantity} x {order.title} ({order.merchant}, {order.city}) for {order.amount}.",
        "",
        *(
            f"Voucher {v.number}: {_code(services, order, v)}"
            for v in order.vouchers
            if v.state is not VoucherState.REVOKED
        ),
        *(f"Shipment {each.shipment_id}: {each.quantity} units, tracking {each.tracking}" for each in order.shipments),
        *_not_delivered(order),
        "",
        f"Order {order.order_id}",
    ]
    return Mail(
        message_id=message_id,
        to=f"{order.user_guid}@{MAIL_DOMAIN}",
        subject=f"Your order: {order.title}",
        text="\n".join(lines) + "\n",
        sent_at=order.updated_at,
    )


def _not_delivered(order: Order) -> tuple[str, ...]:
    """Says what is missing and what was taken for the rest."""
    if order.status is not OrderStatus.PARTIALLY_FULFILLED:
        return ()
    paid = Money(captured_net_minor(order.payments), order.amount.currency)
    return (f"The rest could not be delivered and was not charged; you paid {paid}.",)


def _code(services: Services, order: Order, voucher: Voucher) -> str:
    return grouped(voucher_code(services.voucher_secret(), order.order_id, voucher.number))
