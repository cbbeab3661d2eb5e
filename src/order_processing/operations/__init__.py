"""What can be done to one order. Functions, batch jobs and the order service all call these.

Each operation may run any number of times, has its effect once, and gives the same answer again. Those of an owner name
its epoch and are refused when it is stale.
"""

from order_processing.operations.alerting import UnknownAlertError, open_alerts, resolve_alert
from order_processing.operations.attempts import PaymentDeclinedError, PaymentUnknownError
from order_processing.operations.breaking import PaymentHeldError, breaker_of, close_breaker, open_breaker
from order_processing.operations.charging import PaymentMissingError, authorize, capture, settle_unknown, void
from order_processing.operations.context import ContendedError, Policy, Services, load, readable
from order_processing.operations.delivering import (
    NotCompletedError,
    issue_vouchers,
    reserve_shipment,
    send_confirmation,
)
from order_processing.operations.handing import (
    NotPausedError,
    give_up,
    hand_to,
    pause_order,
    record_act,
    redrive,
    resolve_payments,
    resume_order,
    summary_of,
)
from order_processing.operations.observing import (
    UNSETTLED,
    StuckFilter,
    StuckGroup,
    listed,
    stuck_groups,
    stuck_orders,
)
from order_processing.operations.opening import (
    VoucherKeyError,
    make_secret,
    open_services,
    read_voucher_key,
    shared_services,
)
from order_processing.operations.owning import Claim, claim, hand_over, let_go_of, notify_again, quarantine, take_over
from order_processing.operations.placing import (
    IdempotencyMismatchError,
    Placed,
    fingerprint_of,
    notification_of,
    place,
)
from order_processing.operations.reconciling import (
    Reconciler,
    ReconciliationPage,
    ReconciliationReport,
    last_report,
    report_differences,
)
from order_processing.operations.redeeming import (
    Located,
    UnknownVoucherError,
    locate_for,
    locate_voucher,
    redeem_voucher,
    undo_redemption,
    void_voucher,
)
from order_processing.operations.refunding import refund
from order_processing.operations.releasing import release
from order_processing.operations.resolving import Receipt, Resolution, receive_event, resolve_unknown
from order_processing.operations.screening import (
    NoReviewError,
    claim_review,
    decide_review,
    preview_fraud,
    request_review,
    scan_fraud,
    start_processing,
)
from order_processing.operations.settling import UnknownPaymentError, observe, open_payments, resolve, undo
from order_processing.operations.shipping import (
    capture_delivered,
    close_shipment,
    record_shipment,
    request_shipment,
)
from order_processing.operations.steps import (
    STEPS,
    TASKS,
    Event,
    TaskInputError,
    UnknownOperationError,
    answer,
    owned,
    perform,
)
from order_processing.operations.sweeping import Sweep, sweep_holds

__all__ = [
    "STEPS",
    "TASKS",
    "UNSETTLED",
    "Claim",
    "ContendedError",
    "Event",
    "IdempotencyMismatchError",
    "Located",
    "NoReviewError",
    "NotCompletedError",
    "NotPausedError",
    "PaymentDeclinedError",
    "PaymentHeldError",
    "PaymentMissingError",
    "PaymentUnknownError",
    "Placed",
    "Policy",
    "Receipt",
    "Reconciler",
    "ReconciliationPage",
    "ReconciliationReport",
    "Resolution",
    "Services",
    "StuckFilter",
    "StuckGroup",
    "Sweep",
    "TaskInputError",
    "UnknownAlertError",
    "UnknownOperationError",
    "UnknownPaymentError",
    "UnknownVoucherError",
    "VoucherKeyError",
    "answer",
    "authorize",
    "breaker_of",
    "capture",
    "capture_delivered",
    "claim",
    "claim_review",
    "close_breaker",
    "close_shipment",
    "decide_review",
    "fingerprint_of",
    "give_up",
    "hand_over",
    "hand_to",
    "issue_vouchers",
    "last_report",
    "let_go_of",
    "listed",
    "load",
    "locate_for",
    "locate_voucher",
    "make_secret",
    "notification_of",
    "notify_again",
    "observe",
    "open_alerts",
    "open_breaker",
    "open_payments",
    "open_services",
    "owned",
    "pause_order",
    "perform",
    "place",
    "preview_fraud",
    "quarantine",
    "read_voucher_key",
    "readable",
    "receive_event",
    "record_act",
    "record_shipment",
    "redeem_voucher",
    "redrive",
    "refund",
    "release",
    "report_differences",
    "request_review",
    "request_shipment",
    "reserve_shipment",
    "resolve",
    "resolve_alert",
    "resolve_payments",
    "resolve_unknown",
    "resume_order",
    "scan_fraud",
    "send_confirmation",
    "settle_unknown",
    "shared_services",
    "start_processing",
    "stuck_groups",
    "stuck_orders",
    "summary_of",
    "sweep_holds",
    "take_over",
    "undo",
    "undo_redemption",
    "void",
    "void_voucher",
]
