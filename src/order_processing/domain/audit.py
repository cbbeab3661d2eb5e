"""What people do by hand: who did it, to what, why, and how that stood before and after."""

from typing import Any

import msgspec

from order_processing.errors import RefusedError

REASON_LENGTH_MAX = 500
ACTOR_LENGTH_MAX = 128


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One manual act, written in the transaction that carries it out.

    Attributes:
        audit_id: unique.
        at: instant.
        actor: a person, as the tool that asked names them.
        action: such as ``hand-over``.
        subject: what it was done to: an order's id, or a name such as ``release/order-processing-v1.0.0``.
        reason: in the actor's words.
        before, after: the fields that tell what changed, JSON.
    """

    audit_id: str
    at: float
    actor: str
    action: str
    subject: str
    reason: str
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}


class Act(msgspec.Struct, frozen=True):
    """Who does something by hand, and why."""

    actor: str
    reason: str


class ActError(RefusedError):
    """A manual act without a name or a reason is not carried out."""


def checked(act: Act) -> Act:
    """*act* without surrounding blanks.

    Raises:
        ActError: the actor or the reason is missing or too long.
    """
    actor, reason = act.actor.strip(), act.reason.strip()
    if not actor or len(actor) > ACTOR_LENGTH_MAX:
        raise ActError(f"say who does this, in 1 to {ACTOR_LENGTH_MAX} characters")
    if not reason or len(reason) > REASON_LENGTH_MAX:
        raise ActError(f"say why, in 1 to {REASON_LENGTH_MAX} characters; it is kept in the audit log")
    return Act(actor, reason)
