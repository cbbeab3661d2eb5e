"""What the order service tells Prometheus; never an id in a label."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from order_processing.clock import Clock
from order_processing.domain import DifferenceKind, Order, OrderStatus, decode_order
from order_processing.operations import ReconciliationReport
from order_processing.service.relay import RelayFigures
from order_processing.stores import PutDocument

BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0)
"""Seconds: from the instant pipeline's milliseconds to the half hours of the batch jobs."""

_COMPLETED = OrderStatus.COMPLETED.value

PENDING_MAX = 10_000
COUNTED_MAX = 20_000


class Metrics:
    """Counters of one service process.

    Attributes:
        accepted, replayed: orders answered 201, and 201 again for a repeated key.
    """

    def __init__(self, relay: RelayFigures, clock: Clock) -> None:
        self._registry = CollectorRegistry()
        self._relay = relay
        self._clock = clock
        requests = Counter(
            "order_requests", "Requests to place an order, by what became of them", ["outcome"], registry=self._registry
        )
        self.accepted = requests.labels("accepted")
        self.replayed = requests.labels("replayed")
        self._refused = Counter(
            "order_refusals",
            "Refused requests to place an order, by problem type",
            ["problem"],
            registry=self._registry,
        )
        self._request_refused = requests.labels("refused")
        self.to_voucher = Histogram(
            "order_to_voucher_seconds",
            "From the order's creation until it was delivered, by the order's own timeline",
            ["pipeline"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._relay_gauges()

    def refused(self, slug: str) -> None:
        """Counts a refusal under its problem type."""
        self._request_refused.inc()
        self._refused.labels(slug).inc()

    def watch_report(self, read: Callable[[], ReconciliationReport | None]) -> None:
        """Shows what the last scheduled reconciliation found."""
        self._registry.register(_Differences(read, self._clock))

    def scrape(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def _relay_gauges(self) -> None:
        def gauge(name: str, text: str, value: Callable[[], float]) -> None:
            Gauge(name, text, registry=self._registry).set_function(value)

        gauge("outbox_oldest_age_seconds", "Age of the oldest unpublished notification", self._oldest_age)
        gauge("outbox_published", "Notifications the topic has taken since start", lambda: self._relay.published)
        gauge("outbox_batches", "PublishBatch calls since start", lambda: self._relay.batches)
        gauge("outbox_failures", "PublishBatch calls that were not taken whole", lambda: self._relay.failures)

    def _oldest_age(self) -> float:
        at = self._relay.oldest_unpublished_at
        return 0.0 if at is None else max(0.0, self._clock.now() - at)


class _Differences(Collector):
    """The last report of reconciliation, read from the store at each scrape, as a function of its own writes it."""

    def __init__(self, read: Callable[[], ReconciliationReport | None], clock: Clock) -> None:
        self._read = read
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Empty: the registry must not ask for values while it is put together."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Differences by kind, and how old the report is; nothing before the first one."""
        report = self._read()
        if report is None:
            return
        found = GaugeMetricFamily("order_differences", "Differences the last reconciliation found", labels=["kind"])
        for kind in DifferenceKind:
            found.add_metric([kind.value], report.by_kind.get(kind.value, 0))
        yield found
        age = GaugeMetricFamily("order_reconciliation_age_seconds", "Since the last reconciliation")
        age.add_metric([], max(0.0, self._clock.now() - report.at))
        yield age


class VoucherTimes:
    """Measures each delivered order once, from what its own timeline says."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._pending: dict[str, PutDocument] = {}
        self._counted: OrderedDict[str, None] = OrderedDict()

    def changed(self, written: Iterable[PutDocument]) -> None:
        """Remembers to look at the completed ones; beyond PENDING_MAX the measure becomes a sample."""
        if len(self._pending) < PENDING_MAX:
            self._pending.update((each.order_id, each) for each in written if each.status == _COMPLETED)

    def measure(self, limit: int = 200) -> int:
        """Looks at up to *limit* of them; gives how many wait for the next call."""
        for order_id in list(self._pending)[:limit]:
            written = self._pending.pop(order_id)
            if order_id not in self._counted:
                self._observe(decode_order(written.document))
        return len(self._pending)

    def _observe(self, order: Order) -> None:
        delivered = next((each.at for each in reversed(order.timeline) if each.event == order.status.value), None)
        if delivered is None:
            return
        self._histogram.labels(order.pipeline.value).observe(max(0.0, delivered - order.created_at))
        self._counted[order.order_id] = None
        if len(self._counted) > COUNTED_MAX:
            self._counted.popitem(last=False)
