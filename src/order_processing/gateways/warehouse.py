"""The warehouse that keeps and sends sale items."""

from typing import Protocol

import msgspec

from order_processing.domain import Rest


class ShipmentRequest(msgspec.Struct, frozen=True):
    """Goods to put aside, or to send; the same order asks for the same shipment."""

    order_id: str
    unit_id: str
    quantity: int


class Reservation(msgspec.Struct, frozen=True):
    """Goods put aside under an id of the warehouse."""

    shipment_id: str
    quantity: int


class Parcel(msgspec.Struct, frozen=True):
    """Goods handed to the carrier.

    Attributes:
        tracking: the carrier's number; asked again, the warehouse names the same parcel.
        rest: what becomes of what is not in it.
    """

    quantity: int
    tracking: str
    rest: Rest = Rest.BACK_ORDER


class Warehouse(Protocol):
    """Keeps goods for an order until they are sent."""

    def reserve(self, request: ShipmentRequest) -> Reservation:
        """Puts goods aside; again for the same order is the same reservation."""
        ...

    def ship(self, request: ShipmentRequest) -> Parcel | None:
        """Sends the goods; None: in its own time, of which it will tell."""
        ...


class BuiltInWarehouse:
    """The shop's own shelf: whatever the shop's stock could hold is there.

    Args:
        at_once: it ships when it is asked; otherwise somebody packs, and tells the order service.
    """

    def __init__(self, *, at_once: bool = True) -> None:
        self._at_once = at_once

    def reserve(self, request: ShipmentRequest) -> Reservation:
        """One shipment per order, named after it."""
        return Reservation(f"shipment-{request.order_id}", request.quantity)

    def ship(self, request: ShipmentRequest) -> Parcel | None:
        """One parcel per order, tracked by its number."""
        return Parcel(request.quantity, f"TRACK-{request.order_id[:12].upper()}") if self._at_once else None
