"""Function ``hand-over-order``."""

from typing import Any

from order_processing.functions.task import Event, answer, owned
from order_processing.operations import hand_over, shared_services

CAUSE_LENGTH_MAX = 500


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Gives an order that cannot be finished here to the legacy pipeline; ``error`` says why, as a catcher has it."""
    order_id, epoch = owned(event)
    error = event.get("error") or {}
    reason = f"{error.get('Error', 'unknown')}: {str(error.get('Cause', ''))[:CAUSE_LENGTH_MAX]}"
    return answer(hand_over(shared_services(), order_id, epoch, reason), epoch)
