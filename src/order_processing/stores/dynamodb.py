"""``OrderStore`` over one DynamoDB table with one global secondary index.

Item keys are ``kind#id``. The index (``group``, ``sort``) holds what lists ask for: orders by ``status#pipeline``, open
holds, the outbox, offers.
"""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from order_processing.clock import Clock
from order_processing.domain import Hold, HoldState, SoldOutError
from order_processing.errors import OrderProcessingError
from order_processing.stores.contract import (
    CommitUnknownError,
    ConflictError,
    PutAudit,
    PutIdempotency,
    PutOffer,
    PutOrder,
    PutRecord,
    PutVoucherCode,
    ReleaseHold,
    SettleHold,
    StoreUnavailableError,
    TakeStock,
    Transaction,
    Write,
)
from order_processing.stores.dynamodb_items import REQUESTS, Item, add_stock, close_hold, hold_is
from order_processing.stores.dynamodb_reads import DynamoReads

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

CONTENTION_DELAYS_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)

_CLOSES: Mapping[type[Write], HoldState] = {SettleHold: HoldState.SETTLED, ReleaseHold: HoldState.RELEASED}


class DynamoOrderStore(DynamoReads):
    """Reads and commits with boto3's low-level client, which threads may share."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        super().__init__(client, table)
        self._clock = clock

    @classmethod
    def connect(cls, environment: Mapping[str, str], clock: Clock) -> "DynamoOrderStore":
        """The store in table ``ORDERS_TABLE``, in the region and with the credentials of the environment."""
        retries = Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=3, read_timeout=10)
        client = boto3.client("dynamodb", endpoint_url=environment.get("ORDERS_TABLE_ENDPOINT_URL"), config=retries)
        return cls(client, environment["ORDERS_TABLE"], clock)

    def commit(self, transaction: Transaction) -> "Future[None]":
        """Writes with TransactWriteItems; the future is resolved when it is handed out."""
        future: Future[None] = Future()
        try:
            self._commit(transaction)
        except OrderProcessingError as refusal:
            future.set_exception(refusal)
        else:
            future.set_result(None)
        return future

    def _commit(self, transaction: Transaction) -> None:
        """Tries again while others write the same items at the same moment, as a flash sale's buyers do."""
        for delay in CONTENTION_DELAYS_SECONDS:
            if self._try_commit(transaction):
                return
            self._clock.sleep(delay)
        raise StoreUnavailableError(self._table, "its items are written by too many at once; try again in a moment")

    def _try_commit(self, transaction: Transaction) -> bool:
        """False when it lost against a concurrent write, which says nothing about its conditions."""
        planned: list[tuple[Write, Any]] = [
            (write, request) for write in transaction for request in self._requests(write)
        ]
        requests: list[TransactWriteItemTypeDef] = [request for _, request in planned]
        try:
            self._client.transact_write_items(TransactItems=requests)
        except ClientError as error:
            reasons = error.response.get("CancellationReasons")
            if reasons is None:
                raise CommitUnknownError(str(error)) from error
            return self._refuse(transaction, planned, [str(reason.get("Code")) for reason in reasons])
        except BotoCoreError as error:
            raise CommitUnknownError(str(error)) from error
        return True

    def _refuse(self, transaction: Transaction, planned: list[tuple[Write, Item]], codes: list[str]) -> bool:
        """Raises the error of the first write refused."""
        for (write, request), code in zip(planned, codes, strict=True):
            if code != "ConditionalCheckFailed":
                continue
            if isinstance(write, SettleHold | ReleaseHold) and self._hold_moved(write):
                return False
            raise self._refusal(write, request)
        if any(code in ("TransactionConflict", "ThrottlingError") for code in codes):
            return False
        raise StoreUnavailableError(self._table, f"{len(transaction)} writes were cancelled: {', '.join(codes)}")

    def _hold_moved(self, write: SettleHold | ReleaseHold) -> bool:
        """True when a hold was closed in the wanted way after it was looked at: the next plan leaves it alone."""
        hold = self.hold(write.hold_id)
        return hold is not None and hold.state is _CLOSES[type(write)]

    def _refusal(self, write: Write, request: Item) -> OrderProcessingError:
        if isinstance(write, TakeStock) and "Update" in request:
            offer = self.offer(write.unit_id)
            if offer is not None:
                return SoldOutError(write.unit_id, write.quantity, offer.stock_left)
            return ConflictError("TakeStock", write.unit_id)
        return ConflictError(type(write).__name__, _key_of(write))

    def _requests(self, write: Write) -> list[Item]:
        """The items of TransactItems that *write* stands for."""
        if isinstance(write, SettleHold | ReleaseHold):
            return self._close_hold(write)
        return [self._on_table(request) for request in REQUESTS[type(write)](write)]

    def _close_hold(self, write: SettleHold | ReleaseHold) -> list[Item]:
        """What closing takes, given what the hold is now; the condition makes sure that it still is."""
        to = _CLOSES[type(write)]
        hold = self.hold(write.hold_id)
        if hold is None or hold.state not in (HoldState.HELD, to):
            raise ConflictError(type(write).__name__, write.hold_id)
        if hold.state is to:
            return [self._on_table(hold_is(write.hold_id, to))]
        sold = _sold(write, hold)
        if not 0 <= sold <= hold.quantity:
            raise ConflictError(type(write).__name__, write.hold_id)
        kept = hold.quantity if to is HoldState.RELEASED else sold
        closed = self._on_table(close_hold(write.hold_id, to, kept))
        given_back = hold.quantity - sold
        return [closed, self._on_table(add_stock(hold.unit_id, given_back))] if given_back else [closed]

    def _on_table(self, request: Item) -> Item:
        ((operation, parameters),) = request.items()
        return {operation: {**parameters, "TableName": self._table}}


def _sold(write: SettleHold | ReleaseHold, hold: Hold) -> int:
    """Units of *hold* that do not go back to the stock."""
    if isinstance(write, ReleaseHold):
        return 0
    return hold.quantity if write.sold is None else write.sold


def _key_of(write: Any) -> str:
    """What a ConflictError of *write* is about, as the other store names it."""
    if isinstance(write, PutOrder):
        return write.order.order_id
    if isinstance(write, PutIdempotency):
        return write.record.key
    if isinstance(write, PutRecord):
        return f"{write.record.kind}/{write.record.key}"
    if isinstance(write, PutAudit):
        return write.entry.audit_id
    if isinstance(write, PutOffer):
        return write.offer.unit_id
    return write.code_hash if isinstance(write, PutVoucherCode) else str(write.hold_id)
