"""How the writes of a transaction look as items of DynamoDB's TransactWriteItems, and the table they need."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from order_processing.domain import HoldState, encode_order
from order_processing.stores.contract import (
    AddRecord,
    ExtendHold,
    PutAudit,
    PutIdempotency,
    PutNotification,
    PutOffer,
    PutOrder,
    PutRecord,
    PutVoucherCode,
    Record,
    RemoveNotifications,
    RemoveRecord,
    TakeStock,
    Write,
)

Item = dict[str, Any]
"""An item or part of a request, in DynamoDB's attribute notation."""

INDEX = "group-sort-index"
ABSENT = "attribute_not_exists(id)"


def table_definition(table: str) -> Item:
    """What CreateTable needs; the template declares the same."""
    return {
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "group", "AttributeType": "S"},
            {"AttributeName": "sort", "AttributeType": "N"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "group", "KeyType": "HASH"},
                    {"AttributeName": "sort", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }


def key(item_id: str) -> Item:
    """The primary key of an item."""
    return {"id": {"S": item_id}}


def number(value: float) -> Item:
    """A number attribute that reads back as the same float."""
    return {"N": repr(value)}


def _put_order(write: PutOrder) -> list[Item]:
    order = write.order
    put: Item = {
        "Item": {
            **key(f"order#{order.order_id}"),
            "group": {"S": f"order#{order.status.value}#{order.pipeline.value}"},
            "sort": number(order.updated_at),
            "version": number(order.version),
            "document": {"B": encode_order(order)},
        },
        "ConditionExpression": ABSENT,
    }
    if write.expected_version is not None:
        put["ConditionExpression"] = "version = :expected"
        put["ExpressionAttributeValues"] = {":expected": number(write.expected_version)}
    return [{"Put": put}]


def _take_stock(write: TakeStock) -> list[Item]:
    take = add_stock(write.unit_id, -write.quantity)["Update"]
    take["ConditionExpression"] = "stock_left >= :asked"
    take["ExpressionAttributeValues"][":asked"] = number(write.quantity)
    hold = {
        **key(f"hold#{write.hold_id}"),
        "group": {"S": "held"},
        "sort": number(write.expires_at),
        "unit_id": {"S": write.unit_id},
        "quantity": number(write.quantity),
        "state": {"S": HoldState.HELD.value},
    }
    return [{"Update": take}, {"Put": {"Item": hold, "ConditionExpression": ABSENT}}]


def hold_is(hold_id: str, state: HoldState) -> Item:
    """Checks that a hold is closed already."""
    return {
        "ConditionCheck": {
            "Key": key(f"hold#{hold_id}"),
            "ConditionExpression": "#state = :state",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":state": {"S": state.value}},
        }
    }


def close_hold(hold_id: str, to: HoldState, quantity: int) -> Item:
    """Closes an open hold with *quantity* units and takes it out of the list of open ones.

    An open hold keeps its quantity, so what was planned for it is right for as long as the condition holds.
    """
    return {
        "Update": {
            "Key": key(f"hold#{hold_id}"),
            "UpdateExpression": "SET #state = :to, #quantity = :quantity REMOVE #group",
            "ConditionExpression": "#state = :held",
            "ExpressionAttributeNames": {"#state": "state", "#group": "group", "#quantity": "quantity"},
            "ExpressionAttributeValues": {
                ":held": {"S": HoldState.HELD.value},
                ":to": {"S": to.value},
                ":quantity": number(quantity),
            },
        }
    }


def _extend_hold(write: ExtendHold) -> list[Item]:
    update = {
        "Key": key(f"hold#{write.hold_id}"),
        "UpdateExpression": "SET #sort = :until",
        "ConditionExpression": "#state = :held",
        "ExpressionAttributeNames": {"#state": "state", "#sort": "sort"},
        "ExpressionAttributeValues": {":held": {"S": HoldState.HELD.value}, ":until": number(write.expires_at)},
    }
    return [{"Update": update}]


def _put_audit(write: PutAudit) -> list[Item]:
    entry = write.entry
    item = {
        **key(f"audit#{entry.audit_id}"),
        "group": {"S": "audit"},
        "sort": number(entry.at),
        "document": {"B": msgspec.json.encode(entry)},
    }
    return [{"Put": {"Item": item, "ConditionExpression": ABSENT}}]


def add_stock(unit_id: str, quantity: int) -> Item:
    """Adds to, or takes from, an offer's stock."""
    return {
        "Update": {
            "Key": key(f"offer#{unit_id}"),
            "UpdateExpression": "ADD stock_left :quantity",
            "ExpressionAttributeValues": {":quantity": number(quantity)},
        }
    }


def _put_idempotency(write: PutIdempotency) -> list[Item]:
    record = write.record
    values = {"fingerprint": {"S": record.fingerprint}, "order_id": {"S": record.order_id}}
    return [{"Put": {"Item": {**key(f"key#{record.key}"), **values}, "ConditionExpression": ABSENT}}]


def _put_notification(write: PutNotification) -> list[Item]:
    entry = write.notification
    item = {
        **key(_outbox_id(*entry.key)),
        "group": {"S": "outbox"},
        "sort": number(entry.created_at),
        "body": {"S": entry.body},
        "order_id": {"S": entry.order_id},
        "version": number(entry.version),
    }
    return [{"Put": {"Item": item}}]


def _remove_notifications(write: RemoveNotifications) -> list[Item]:
    return [{"Delete": {"Key": key(_outbox_id(*each))}} for each in write.keys]


def _outbox_id(order_id: str, version: int) -> str:
    """Those that an earlier release left have no version."""
    return f"outbox#{order_id}#{version}" if version else f"outbox#{order_id}"


def _put_offer(write: PutOffer) -> list[Item]:
    offer = write.offer
    item = {
        **key(f"offer#{offer.unit_id}"),
        "group": {"S": "offer"},
        "sort": number(0),
        "stock_left": number(offer.stock_left),
        "document": {"B": msgspec.json.encode(offer)},
    }
    return [{"Put": {"Item": item, "ConditionExpression": ABSENT}}]


def _put_voucher_code(write: PutVoucherCode) -> list[Item]:
    owner = {"S": write.order_id}
    item = {**key(f"code#{write.code_hash}"), "order_id": owner}
    condition = f"{ABSENT} OR order_id = :owner"
    put = {"Item": item, "ConditionExpression": condition, "ExpressionAttributeValues": {":owner": owner}}
    return [{"Put": put}]


def record_id(kind: str, record_key: str) -> str:
    """The primary key of a record."""
    return f"record#{kind}#{record_key}"


def _record_values(record: Record) -> Item:
    """Attributes of a record, always all of them: what is missing could be added by whoever adds it again."""
    return {
        "group": {"S": f"records#{record.group}"},
        "sort": number(record.at),
        "kind": {"S": record.kind},
        "record_key": {"S": record.key},
        "version": number(record.version),
        "document": {"B": record.document},
    }


def _put_record(write: PutRecord) -> list[Item]:
    record = write.record
    put: Item = {
        "Item": {**key(record_id(record.kind, record.key)), **_record_values(record)},
        "ConditionExpression": ABSENT,
    }
    if write.expected_version is not None:
        put["ConditionExpression"] = "version = :expected"
        put["ExpressionAttributeValues"] = {":expected": number(write.expected_version)}
    return [{"Put": put}]


def _add_record(write: AddRecord) -> list[Item]:
    """Sets each attribute only where there is none: a condition would refuse the whole transaction."""
    values = _record_values(write.record)
    update = {
        "Key": key(record_id(write.record.kind, write.record.key)),
        "UpdateExpression": "SET " + ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in values),
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
        "ExpressionAttributeValues": {f":{name}": value for name, value in values.items()},
    }
    return [{"Update": update}]


def _remove_record(write: RemoveRecord) -> list[Item]:
    return [{"Delete": {"Key": key(record_id(write.kind, write.key))}}]


REQUESTS: Mapping[type[Write], Callable[[Any], list[Item]]] = {
    PutOrder: _put_order,
    TakeStock: _take_stock,
    PutIdempotency: _put_idempotency,
    PutNotification: _put_notification,
    RemoveNotifications: _remove_notifications,
    PutOffer: _put_offer,
    PutVoucherCode: _put_voucher_code,
    ExtendHold: _extend_hold,
    PutAudit: _put_audit,
    PutRecord: _put_record,
    AddRecord: _add_record,
    RemoveRecord: _remove_record,
}
"""The items that each write stands for; the two that close a hold depend on what the hold is."""
