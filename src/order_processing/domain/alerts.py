"""Alerts: what happened that a person must look at, and whose job that is."""

from collections.abc import Mapping
from enum import Enum

import msgspec


class AlertKind(Enum):
    """Why somebody is called."""

    LATE_PAYMENT = "late_payment"
    """Money came in for an order that was given up, or for the second time."""
    UNDO_FAILED = "undo_failed"
    """The provider refuses to give back what must be given back."""
    REFUND_FAILED = "refund_failed"
    """A refund that somebody asked for was refused."""


OWNERS: Mapping[AlertKind, str] = {
    AlertKind.LATE_PAYMENT: "payments",
    AlertKind.UNDO_FAILED: "payments on call",
    AlertKind.REFUND_FAILED: "customer care",
}
"""Whom each kind of alert belongs to until it is resolved."""


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something a person must look at; the same thing twice is one alert.

    Attributes:
        alert_id: ``<order id>.<kind>.<number of the attempt>``.
        owner: who must see to it.
        text: what happened and what to do.
        resolved_at: None while it is open.
    """

    alert_id: str
    kind: AlertKind
    order_id: str
    owner: str
    raised_at: float
    text: str
    resolved_at: float | None = None
    resolved_by: str = ""
    note: str = ""


def an_alert(kind: AlertKind, order_id: str, number: int, *, at: float, text: str) -> Alert:
    """An open alert about the attempt *number* of an order, with the owner of its kind."""
    alert_id = f"{order_id}.{kind.value}.{number}"
    return Alert(alert_id=alert_id, kind=kind, order_id=order_id, owner=OWNERS[kind], raised_at=at, text=text)


def resolved(alert: Alert, at: float, *, by: str, note: str) -> Alert:
    """*alert* seen to; the first who did it stands."""
    if alert.resolved_at is not None:
        return alert
    return msgspec.structs.replace(alert, resolved_at=at, resolved_by=by, note=note)
