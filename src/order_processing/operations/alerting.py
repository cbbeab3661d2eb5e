"""Alerts: raised in the transaction that found the trouble, listed, resolved by a person."""

import msgspec

from order_processing.domain import Act, Alert, AuditEntry, checked, resolved
from order_processing.errors import RefusedError
from order_processing.operations.context import TRIES_MAX, ContendedError, Services
from order_processing.stores import AddRecord, ConflictError, PutAudit, PutRecord, Record

KIND = "alert"
OPEN = "alerts/open"
RESOLVED = "alerts/resolved"

_decoder = msgspec.json.Decoder(Alert)
_encoder = msgspec.json.Encoder()


class UnknownAlertError(RefusedError):
    """No alert has this id."""

    def __init__(self, alert_id: str) -> None:
        super().__init__(f"there is no alert {alert_id!r}; list the open ones")
        self.alert_id = alert_id


def raised(alert: Alert) -> AddRecord:
    """The write that raises *alert*; the same one again changes nothing."""
    return AddRecord(_record(alert, OPEN, 1))


def open_alerts(services: Services, limit: int = 100) -> list[Alert]:
    """Alerts that nobody has resolved, the oldest first."""
    return [_decoder.decode(record.document) for record in services.store.records(OPEN, limit)]


def resolve_alert(services: Services, alert_id: str, act: Act) -> Alert:
    """Marks an alert as seen to; the first who did it stands.

    Raises:
        UnknownAlertError: there is none.
        ActError: it names no actor or no reason.
    """
    act = checked(act)
    for _ in range(TRIES_MAX):
        record = services.store.record(KIND, alert_id)
        if record is None:
            raise UnknownAlertError(alert_id)
        known: Alert = _decoder.decode(record.document)
        if known.resolved_at is not None:
            return known
        alert = resolved(known, services.clock.now(), by=act.actor, note=act.reason)
        writes = (PutRecord(_record(alert, RESOLVED, record.version + 1), record.version), _audit(services, alert))
        try:
            services.store.commit(writes).result()
        except ConflictError:
            continue
        return alert
    raise ContendedError(known.order_id)


def _record(alert: Alert, group: str, version: int) -> Record:
    return Record(
        kind=KIND,
        key=alert.alert_id,
        group=group,
        at=alert.raised_at,
        version=version,
        document=_encoder.encode(alert),
    )


def _audit(services: Services, alert: Alert) -> PutAudit:
    assert alert.resolved_at is not None
    entry = AuditEntry(
        audit_id=services.ids.order_id(),
        at=alert.resolved_at,
        actor=alert.resolved_by,
        action="resolve-alert",
        subject=alert.order_id,
        reason=alert.note,
        before={"alert": alert.alert_id, "kind": alert.kind.value, "resolved": False},
        after={"alert": alert.alert_id, "kind": alert.kind.value, "resolved": True},
    )
    return PutAudit(entry)
