"""The reading half of the contract over DynamoDB."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from order_processing.domain import AuditEntry, Hold, HoldState, Offer, Order, decode_order
from order_processing.stores.contract import IdempotencyRecord, Notification, OrderFilter, Record, StoreUnavailableError
from order_processing.stores.dynamodb_items import INDEX, Item, key, number, record_id
from order_processing.stores.reads import ReadableOrders, groups_of, merged

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryOutputTypeDef

_offers = msgspec.json.Decoder(Offer)
_audits = msgspec.json.Decoder(AuditEntry)

AUDITS_MAX = 10_000
"""Acts looked through for those on one subject."""


class DynamoReads:
    """Single items are read consistently; lists come from the index, which follows within moments."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._readable = ReadableOrders()

    def order(self, order_id: str) -> Order | None:
        """The order as last committed."""
        item = self._item(f"order#{order_id}")
        return None if item is None else decode_order(item["document"]["B"])

    def orders(self, wanted: OrderFilter) -> list[Order]:
        """Orders by their last change."""
        assert 1 <= wanted.limit <= 1000
        groups = []
        for status, pipeline in groups_of(wanted):
            documents = self._documents(f"order#{status.value}#{pipeline.value}", wanted)
            groups.append(self._readable.of(documents, wanted.limit))
        return merged(groups, wanted)

    def _documents(self, group: str, wanted: OrderFilter) -> Iterator[bytes]:
        """Documents of one group, page by page as far as they are asked for; the filter's limit is that of a page."""
        if not _is_window(wanted):
            return
        query = {**_query(group, wanted), "ScanIndexForward": not wanted.newest_first, "Limit": wanted.limit}
        for page in self._pages(query, None):
            yield from (item["document"]["B"] for item in page["Items"])

    def offer(self, unit_id: str) -> Offer | None:
        """The offer with its stock as last committed."""
        item = self._item(f"offer#{unit_id}")
        return None if item is None else _offer(item)

    def offers(self) -> list[Offer]:
        """All offers, by city, then unit id."""
        found = [_offer(item) for item in self._list("offer", None)]
        return sorted(found, key=lambda offer: (offer.city, offer.unit_id))

    def hold(self, hold_id: str) -> Hold | None:
        """The hold of an order."""
        item = self._item(f"hold#{hold_id}")
        return None if item is None else _hold(item)

    def holds_expired(self, before: float, limit: int = 100) -> list[Hold]:
        """Open holds that expired before an instant, the longest expired first."""
        return [_hold(item) for item in self._list("held", limit, OrderFilter(updated_before=before))]

    def idempotency(self, key: str) -> IdempotencyRecord | None:
        """What a key was used for."""
        item = self._item(f"key#{key}")
        return None if item is None else IdempotencyRecord(key, item["fingerprint"]["S"], item["order_id"]["S"])

    def order_id_of_voucher(self, code_hash: str) -> str | None:
        """The order whose voucher has this keyed hash."""
        item = self._item(f"code#{code_hash}")
        return None if item is None else str(item["order_id"]["S"])

    def audits(self, subject: str | None = None, limit: int = 100) -> list[AuditEntry]:
        """Manual acts, the newest first: all, or those on one subject among the last AUDITS_MAX."""
        read = limit if subject is None else AUDITS_MAX
        found = (_audits.decode(item["document"]["B"]) for item in self._list("audit", read, newest_first=True))
        return [entry for entry in found if subject in (None, entry.subject)][:limit]

    def record(self, kind: str, key: str) -> Record | None:
        """The record as last committed."""
        item = self._item(record_id(kind, key))
        return None if item is None else _record(item)

    def records(self, group: str, limit: int = 100, *, since: float | None = None) -> list[Record]:
        """Records of one group, the earliest first; only those from the instant *since* on, if it is given."""
        if not group:
            return []
        return [_record(item) for item in self._list(f"records#{group}", limit, OrderFilter(updated_since=since))]

    def records_count(self, group: str, most: int, *, since: float, until: float) -> int:
        """How many records of one group there are within a time, without their documents."""
        within = OrderFilter(updated_since=since, updated_before=math.nextafter(until, math.inf))
        if not group or not _is_window(within):
            return 0
        query = {**_query(f"records#{group}", within), "Select": "COUNT"}
        return sum(page["Count"] for page in self._pages(query, most))

    def unpublished(self, limit: int = 100) -> list[Notification]:
        """The outbox, the oldest first."""
        return [_notification(item) for item in self._list("outbox", limit)]

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _item(self, item_id: str) -> Any:
        try:
            answer = self._client.get_item(TableName=self._table, Key=key(item_id), ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailableError(self._table, str(error)) from error
        return answer.get("Item")

    def _list(
        self, group: str, limit: int | None, within: OrderFilter | None = None, *, newest_first: bool = False
    ) -> list[Item]:
        """Items of one group of the index by ``sort``, over as many pages as it takes.

        Args:
            within: its two instants bound ``sort``.
        """
        within = within or OrderFilter()
        if not _is_window(within):
            return []
        query = {**_query(group, within), "ScanIndexForward": not newest_first}
        return [item for page in self._pages(query, limit) for item in page["Items"]]

    def _pages(self, query: Item, limit: int | None) -> "Iterator[QueryOutputTypeDef]":
        """Answers to *query*, until they have *limit* items between them or there are no more."""
        query, found = {**query, "TableName": self._table}, 0
        while limit is None or found < limit:
            if limit is not None:
                query["Limit"] = limit - found
            try:
                answer = self._client.query(**query)
            except (BotoCoreError, ClientError) as error:
                raise StoreUnavailableError(self._table, str(error)) from error
            yield answer
            found += answer["Count"]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _is_window(within: OrderFilter) -> bool:
    """Whether anything can lie between its two instants."""
    since, before = within.updated_since, within.updated_before
    return since is None or before is None or since < before


def _query(group: str, within: OrderFilter) -> Item:
    """For the items of one group of the index between two instants."""
    conditions, values = _bounds(within)
    return {
        "IndexName": INDEX,
        "KeyConditionExpression": " AND ".join(("#group = :group", *conditions)),
        "ExpressionAttributeNames": {"#group": "group"} | ({"#sort": "sort"} if conditions else {}),
        "ExpressionAttributeValues": {":group": {"S": group}, **values},
    }


def _bounds(within: OrderFilter) -> tuple[tuple[str, ...], Item]:
    """Conditions on ``sort`` and their values; DynamoDB allows one condition, and BETWEEN has both ends inside."""
    since, before = within.updated_since, within.updated_before
    if since is not None and before is not None:
        last = math.nextafter(before, -math.inf)
        return ("#sort BETWEEN :since AND :before",), {":since": number(since), ":before": number(last)}
    if before is not None:
        return ("#sort < :before",), {":before": number(before)}
    if since is not None:
        return ("#sort >= :since",), {":since": number(since)}
    return (), {}


def _record(item: Item) -> Record:
    return Record(
        kind=item["kind"]["S"],
        key=item["record_key"]["S"],
        group=item["group"]["S"].removeprefix("records#"),
        at=float(item["sort"]["N"]),
        version=int(float(item["version"]["N"])),
        document=item["document"]["B"],
    )


def _notification(item: Item) -> Notification:
    version = int(float(item["version"]["N"])) if "version" in item else 0
    return Notification(item["order_id"]["S"], item["body"]["S"], float(item["sort"]["N"]), version)


def _offer(item: Item) -> Offer:
    return msgspec.structs.replace(_offers.decode(item["document"]["B"]), stock_left=int(item["stock_left"]["N"]))


def _hold(item: Item) -> Hold:
    return Hold(
        hold_id=item["id"]["S"].removeprefix("hold#"),
        unit_id=item["unit_id"]["S"],
        quantity=int(item["quantity"]["N"]),
        expires_at=float(item["sort"]["N"]),
        state=HoldState(item["state"]["S"]),
    )
