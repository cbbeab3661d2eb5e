"""The warehouse that keeps and sends sale items."""

from typing import Protocol

import msgspec


class ShipmentRequest(msgspec.Struct, frozen=True):
    """Goods to put aside; the same order asks for the same shipment."""

    order_id: str
    unit_id: str
    quantity: int


class Reservation(msgspec.Struct, frozen=True):
    """Goods put aside under an id of the warehouse."""

    shipment_id: str
    quantity: int


class Warehouse(Protocol):
    """Keeps goods for an order until they are sent."""

    def reserve(self, request: ShipmentRequest) -> Reservation:
        """Puts goods aside; again for the same order is the same reservation."""
        ...


class BuiltInWarehouse:
    """The shop's own shelf: whatever the shop's stock could hold is there."""

    def reserve(self, request: ShipmentRequest) -> Reservation:
        """One shipment per order, named after it."""
        return Reservation(f"shipment-{request.order_id}", request.quantity)
