"""Compares what is recorded in different places about each order, and mends it where somebody asks for it."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from order_processing.domain import (
    PATIENCE_SECONDS,
    Act,
    Difference,
    Facts,
    Order,
    PaymentAttempt,
    Pipeline,
    ProviderFact,
    Purpose,
    Repair,
    checked,
    differences,
)
from order_processing.errors import OrderProcessingError, TransientError
from order_processing.gateways import Absent, ExecutionRegister, ProviderStatus, Succeeded, Unknown
from order_processing.operations.breaking import PaymentHeldError, ask
from order_processing.operations.consequences import stock_sold
from order_processing.operations.context import Services, load
from order_processing.operations.delivering import send_confirmation
from order_processing.operations.handing import hand_to, record_act
from order_processing.operations.owning import let_go_of, notify_again, take_over
from order_processing.operations.settling import observe, resolve, undo
from order_processing.stores import (
    ConflictError,
    OrderFilter,
    PutRecord,
    PutVoucherCode,
    Record,
    ReleaseHold,
)

REPORT = "reconciliation"
PAGE_MAX = 500


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A difference, and what came of mending it.

    Attributes:
        result: ``proposed``, ``repaired``, ``gone`` (it mended itself), ``for a person``, or why it could not be done.
    """

    order_id: str
    kind: str
    detail: str
    repair: str
    result: str = "proposed"


class ReconciliationPage(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison of some orders found.

    Attributes:
        checked: orders that were compared; those that changed too recently are not.
        next_since: instant to go on from; None when there are no more.
        unreachable: sources that could not be asked for some order, such as ``provider``.
    """

    checked: int
    findings: tuple[Finding, ...]
    next_since: float | None
    unreachable: tuple[str, ...] = ()


class ReconciliationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the last scheduled comparison found, by kind."""

    at: float
    checked: int
    by_kind: dict[str, int]
    unreachable: tuple[str, ...] = ()


@dataclass(slots=True)
class Reconciler:
    """Compares orders with their executions, payments, vouchers and holds, across both pipelines.

    Attributes:
        patience_seconds: orders that changed more recently are left out.
        unreachable: sources that did not answer so far.
    """

    services: Services
    executions: ExecutionRegister
    patience_seconds: float = PATIENCE_SECONDS
    unreachable: set[str] = field(default_factory=set)

    def page(self, since: float, limit: int = PAGE_MAX, act: Act | None = None) -> ReconciliationPage:
        """Compares up to *limit* orders that changed last at *since* or later, the earliest first.

        Args:
            act: who mends what is found, and why; None only looks.

        Raises:
            ActError: it names nobody or no reason.
        """
        act = None if act is None else checked(act)
        orders = self.services.store.orders(OrderFilter(updated_since=since, limit=limit))
        more = orders[-1].updated_at if len(orders) == limit else None
        if more is not None and more <= since:
            more = math.nextafter(since, math.inf)
        elif more is not None:
            orders = [order for order in orders if order.updated_at < more]  # the next page begins with the others
        until = self.services.clock.now() - self.patience_seconds
        settled = [order for order in orders if order.updated_at <= until]
        found = [each for order in settled for each in differences(self.facts(order), self.patience_seconds)]
        findings = tuple(self._told(difference, act) for difference in found)
        return ReconciliationPage(
            checked=len(settled), findings=findings, next_since=more, unreachable=tuple(sorted(self.unreachable))
        )

    def facts(self, order: Order) -> Facts:
        """Everything the different records say about *order*."""
        store = self.services.store
        return Facts(
            order=order,
            now=self.services.clock.now(),
            hold=store.hold(order.order_id),
            execution=self._execution(order),
            payments=self._payments(order),
            code_owners={each.code_hash: store.order_id_of_voucher(each.code_hash) for each in order.vouchers},
        )

    def repair(self, difference: Difference, act: Act) -> str:
        """Mends a difference if it is still there; what came of it. A second time finds nothing to do."""
        mend = _REPAIRS.get(difference.repair)
        if mend is None:
            return "for a person"
        order = load(self.services, difference.order_id)
        now = differences(self.facts(order), patience_seconds=0.0)  # mending one difference makes the order young
        if all((each.kind, each.repair) != (difference.kind, difference.repair) for each in now):
            return "gone"
        try:
            mend(self, order, act)
        except OrderProcessingError as error:
            return f"{type(error).__name__}: {error}"
        after = {"kind": difference.kind.value, "detail": difference.detail}
        record_act(self.services, f"reconcile: {difference.repair.value}", order.order_id, act, after=after)
        return "repaired"

    def _told(self, difference: Difference, act: Act | None) -> Finding:
        finding = Finding(
            order_id=difference.order_id,
            kind=difference.kind.value,
            detail=difference.detail,
            repair=difference.repair.value,
        )
        return finding if act is None else msgspec.structs.replace(finding, result=self.repair(difference, act))

    def _execution(self, order: Order) -> str | None:
        if not order.owner.execution:
            return ""
        if "executions" in self.unreachable:
            return None
        try:
            return self.executions.status(order.owner.release, order.owner.execution)
        except TransientError:
            self.unreachable.add("executions")
            return None

    def _payments(self, order: Order) -> tuple[ProviderFact, ...] | None:
        """The provider is asked by our reference for each authorisation; one silence and nothing is concluded."""
        found = []
        for attempt in order.payments:
            if attempt.purpose is Purpose.AUTHORIZE:
                try:
                    answer = _looked_up(self.services, attempt)
                except PaymentHeldError as error:
                    answer = Unknown(str(error))
                if isinstance(answer, Unknown):
                    self.unreachable.add("provider")
                    return None
                found += [answer.payment] if isinstance(answer, Succeeded) else []
        return tuple(
            ProviderFact(
                payment_id=payment.id,
                reference=payment.reference,
                is_reserved=payment.status is ProviderStatus.AUTHORIZED,
                captured_minor=payment.captured_minor,
                refunded_minor=payment.refunded_minor,
            )
            for payment in found
        )


def _looked_up(services: Services, attempt: PaymentAttempt) -> Succeeded | Unknown | Absent:
    """What the provider has for an authorisation.

    Raises:
        PaymentHeldError: it is left alone at present.
    """
    return ask(services, attempt.key, lambda payments: payments.lookup(attempt.key))


def report_differences(reconciler: Reconciler, since: float) -> ReconciliationReport:
    """Compares all orders changed since an instant, and keeps the counts where the metrics read them."""
    services = reconciler.services
    kinds: Counter[str] = Counter()
    seen, looked_at = set[tuple[str, str, str]](), 0
    at: float | None = since
    while at is not None:
        page = reconciler.page(at)
        fresh = [each for each in page.findings if (each.order_id, each.kind, each.repair) not in seen]
        seen |= {(each.order_id, each.kind, each.repair) for each in fresh}
        kinds.update(each.kind for each in fresh)
        looked_at, at = looked_at + page.checked, page.next_since
    report = ReconciliationReport(
        at=services.clock.now(),
        checked=looked_at,
        by_kind=dict(kinds),
        unreachable=tuple(sorted(reconciler.unreachable)),
    )
    _keep(services, report)
    return report


def last_report(services: Services) -> ReconciliationReport | None:
    """What the last scheduled comparison found."""
    record = services.store.record(REPORT, "last")
    return None if record is None else msgspec.json.decode(record.document, type=ReconciliationReport)


def _keep(services: Services, report: ReconciliationReport) -> None:
    before = services.store.record(REPORT, "last")
    version = None if before is None else before.version
    record = Record(
        kind=REPORT,
        key="last",
        at=report.at,
        version=(version or 0) + 1,
        document=msgspec.json.encode(report),
    )
    with suppress(ConflictError):  # another run was faster, and as fresh
        services.store.commit((PutRecord(record, version),)).result()


def _announce(reconciler: Reconciler, order: Order, _: Act) -> None:
    notify_again(reconciler.services, order)


def _hand_to_legacy(reconciler: Reconciler, order: Order, act: Act) -> None:
    hand_to(reconciler.services, order.order_id, Pipeline.LEGACY, act)


def _stop(reconciler: Reconciler, order: Order, act: Act) -> None:
    reconciler.executions.stop(order.owner.release, order.owner.execution, act.reason)


def _resolve(reconciler: Reconciler, order: Order, _: Act) -> None:
    """Looks up what is unknown, then takes down how each of the provider's payments stands."""
    services = reconciler.services
    resolve(services, order.order_id)
    for attempt in load(services, order.order_id).payments:
        if attempt.purpose is Purpose.AUTHORIZE:
            found = _looked_up(services, attempt)
            if isinstance(found, Succeeded):
                observe(services, order.order_id, found.payment)


def _give_back(reconciler: Reconciler, order: Order, act: Act) -> None:
    _resolve(reconciler, order, act)
    undo(reconciler.services, order.order_id, insist=True)


def _release(reconciler: Reconciler, order: Order, _: Act) -> None:
    reconciler.services.store.commit((ReleaseHold(order.order_id),)).result()


def _settle(reconciler: Reconciler, order: Order, _: Act) -> None:
    reconciler.services.store.commit((stock_sold(order),)).result()


def _register(reconciler: Reconciler, order: Order, _: Act) -> None:
    codes = tuple(PutVoucherCode(voucher.code_hash, order.order_id) for voucher in order.vouchers)
    reconciler.services.store.commit(codes).result()


def _confirm(reconciler: Reconciler, order: Order, _: Act) -> None:
    services = reconciler.services
    epoch = take_over(services, order.order_id, order.pipeline).owner.epoch
    send_confirmation(services, order.order_id, epoch)
    let_go_of(services, order.order_id, epoch)


_REPAIRS: Mapping[Repair, Callable[[Reconciler, Order, Act], None]] = {
    Repair.ANNOUNCE: _announce,
    Repair.HAND_TO_LEGACY: _hand_to_legacy,
    Repair.STOP_EXECUTION: _stop,
    Repair.RESOLVE_PAYMENTS: _resolve,
    Repair.GIVE_MONEY_BACK: _give_back,
    Repair.RELEASE_HOLD: _release,
    Repair.SETTLE_HOLD: _settle,
    Repair.REGISTER_CODES: _register,
    Repair.CONFIRM: _confirm,
}
"""How each repair is done; those that are missing are for a person."""
