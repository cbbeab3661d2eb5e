"""Finds orders that nobody took up and puts their notification into the outbox again."""

import logging
from collections.abc import Callable

from order_processing.clock import Clock
from order_processing.domain import Order, OrderStatus, Pipeline, is_claimable
from order_processing.errors import TransientError
from order_processing.stores import Notification, OrderFilter, OrderStore, PutNotification

_log = logging.getLogger(__name__)

ROUND_MAX = 100
AGAIN_MAX_SECONDS = 300.0


class Sweep:
    """A notification can be published and still be lost on its way; the order itself tells that nothing came of it.

    An order counts as forgotten when it is still ``received``, unclaimed, in the instant pipeline and unchanged for
    *patience* seconds. It is announced again at growing intervals, so that a long outage of the dispatcher does not
    fill the topic with copies. The orders forgotten longest come first, ROUND_MAX in a round.

    Args:
        announce: the notification of an order.
        patience: seconds; also the first interval.
    """

    def __init__(
        self, store: OrderStore, announce: Callable[[Order], Notification], clock: Clock, patience: float
    ) -> None:
        self._store = store
        self._announce = announce
        self._clock = clock
        self._patience = patience
        self._announced: dict[str, tuple[float, float]] = {}

    def try_round(self) -> int:
        """Like ``round``; a store that cannot be reached now is left to the next one."""
        try:
            return self.round()
        except TransientError as error:
            _log.warning("sweep: %s; trying again", error)
            return 0

    def round(self) -> int:
        """Looks once; gives how many orders were put into the outbox again.

        Raises:
            TransientError: the store could not be written; the next round tries again.
        """
        now = self._clock.now()
        wanted = OrderFilter(
            status=OrderStatus.RECEIVED,
            pipeline=Pipeline.INSTANT,
            updated_before=now - self._patience,
            limit=ROUND_MAX,
        )
        forgotten = [order for order in self._store.orders(wanted) if is_claimable(order)]
        due = [order for order in forgotten if self._is_due(order.order_id, now)]
        if due:
            self._store.commit(tuple(PutNotification(self._announce(order)) for order in due)).result()
        self._remember(forgotten, due, now)
        return len(due)

    def _is_due(self, order_id: str, now: float) -> bool:
        _, at = self._announced.get(order_id, (0.0, 0.0))
        return at <= now

    def _remember(self, forgotten: list[Order], due: list[Order], now: float) -> None:
        """Doubles the interval of those announced now; drops those that are no longer forgotten."""
        known = {order.order_id: self._announced.get(order.order_id, (self._patience / 2, now)) for order in forgotten}
        for order in due:
            pause = min(AGAIN_MAX_SECONDS, 2 * known[order.order_id][0])
            known[order.order_id] = (pause, now + pause)
        self._announced = known
