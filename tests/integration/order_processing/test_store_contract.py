"""What every ``OrderStore`` does, whatever is behind it."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from order_processing.domain import AuditEntry, HoldState, OrderSchemaError, OrderStatus, Pipeline, SoldOutError
from order_processing.domain.orders import SCHEMA
from order_processing.stores import (
    AddRecord,
    ConflictError,
    ExtendHold,
    IdempotencyRecord,
    Notification,
    OrderFilter,
    OrderStore,
    PutAudit,
    PutIdempotency,
    PutNotification,
    PutOffer,
    PutOrder,
    PutRecord,
    PutVoucherCode,
    Record,
    ReleaseHold,
    RemoveNotifications,
    RemoveRecord,
    SettleHold,
    TakeStock,
)
from order_processing.stores.dynamodb import DynamoOrderStore

from ...order_samples import an_offer, an_order

TAKE = TakeStock("spa", "o-1", 2, 500.0)


def stocked(store: OrderStore, stock: int = 10) -> OrderStore:
    store.commit((PutOffer(an_offer(stock_left=stock)),)).result()
    return store


def stock_of(store: OrderStore) -> int:
    offer = store.offer("spa")
    assert offer is not None
    return offer.stock_left


def test_an_empty_store_knows_nothing(store: OrderStore) -> None:
    assert store.order("o-1") is None
    assert store.offer("spa") is None
    assert store.hold("o-1") is None
    assert store.idempotency("k") is None
    assert store.order_id_of_voucher("h") is None
    assert (store.orders(OrderFilter()), store.offers(), store.unpublished()) == ([], [], [])


def test_an_order_reads_back_as_it_was_written(store: OrderStore) -> None:
    store.commit((PutOrder(an_order(), None),)).result()

    assert store.order("o-1") == an_order()


def test_an_order_is_created_once(store: OrderStore) -> None:
    store.commit((PutOrder(an_order(), None),)).result()

    with pytest.raises(ConflictError) as refused:
        store.commit((PutOrder(an_order(), None),)).result()

    assert (refused.value.write, refused.value.key) == ("PutOrder", "o-1")


def test_an_order_is_changed_only_from_the_version_that_was_read(store: OrderStore) -> None:
    store.commit((PutOrder(an_order(), None),)).result()
    second = msgspec.structs.replace(an_order(), version=2, status=OrderStatus.PROCESSING)
    store.commit((PutOrder(second, 1),)).result()

    with pytest.raises(ConflictError):
        store.commit((PutOrder(msgspec.structs.replace(second, problem="late"), 1),)).result()

    assert store.order("o-1") == second


def test_a_transaction_that_is_refused_leaves_nothing_behind(store: OrderStore) -> None:
    stocked(store)
    record = IdempotencyRecord("k", "f", "o-1")
    store.commit((PutIdempotency(record),)).result()

    with pytest.raises(ConflictError) as refused:
        store.commit((TAKE, PutOrder(an_order(), None), PutIdempotency(record))).result()

    assert refused.value.write == "PutIdempotency"
    assert store.order("o-1") is None
    assert store.hold("o-1") is None
    assert stock_of(store) == 10


def test_the_first_refused_write_names_the_refusal(store: OrderStore) -> None:
    stocked(store, stock=1)
    record = IdempotencyRecord("k", "f", "o-1")
    store.commit((PutIdempotency(record),)).result()

    with pytest.raises(ConflictError) as refused:
        store.commit((PutIdempotency(record), TAKE)).result()

    assert refused.value.write == "PutIdempotency"


def test_stock_is_taken_and_held(store: OrderStore) -> None:
    stocked(store).commit((TAKE,)).result()

    hold = store.hold("o-1")
    assert hold is not None
    assert (hold.quantity, hold.expires_at, hold.state) == (2, 500.0, HoldState.HELD)
    assert stock_of(store) == 8


def test_more_than_is_left_is_not_taken(store: OrderStore) -> None:
    stocked(store, stock=1)

    with pytest.raises(SoldOutError) as refused:
        store.commit((TAKE,)).result()

    assert (refused.value.unit_id, refused.value.asked, refused.value.left) == ("spa", 2, 1)
    assert stock_of(store) == 1


def test_stock_of_an_unknown_offer_is_a_conflict(store: OrderStore) -> None:
    with pytest.raises(ConflictError) as refused:
        store.commit((TAKE,)).result()

    assert (refused.value.write, refused.value.key) == ("TakeStock", "spa")


def test_lists_leave_out_orders_of_a_newer_release_and_say_so_once(
    store: OrderStore, caplog: pytest.LogCaptureFixture
) -> None:
    newer = [an_order(order_id=f"o-{number}", schema=SCHEMA + 1, updated_at=float(number)) for number in range(3)]
    for order in (*newer, an_order(order_id="o-8", updated_at=8.0), an_order(order_id="o-9", updated_at=9.0)):
        store.commit((PutOrder(order, None),)).result()

    for _ in range(2):
        assert [order.order_id for order in store.orders(OrderFilter(limit=2))] == ["o-8", "o-9"]

    assert [record.getMessage().split()[5] for record in caplog.records] == ["o-0", "o-1", "o-2"]
    with pytest.raises(OrderSchemaError, match="order o-0 has schema"):
        store.order("o-0")


def test_one_order_holds_once(store: OrderStore) -> None:
    stocked(store).commit((TAKE,)).result()

    with pytest.raises(ConflictError):
        store.commit((TAKE,)).result()

    assert stock_of(store) == 8


def test_a_hold_released_twice_gives_its_stock_back_once(store: OrderStore) -> None:
    stocked(store).commit((TAKE,)).result()

    store.commit((ReleaseHold("o-1"),)).result()
    store.commit((ReleaseHold("o-1"),)).result()

    assert stock_of(store) == 10
    assert store.holds_expired(9_999.0) == []


def test_a_hold_settled_twice_is_sold_once_and_never_given_back(store: OrderStore) -> None:
    stocked(store).commit((TAKE,)).result()

    store.commit((SettleHold("o-1"),)).result()
    store.commit((SettleHold("o-1"),)).result()
    with pytest.raises(ConflictError):
        store.commit((ReleaseHold("o-1"),)).result()

    assert stock_of(store) == 8


def test_what_is_not_sold_of_a_hold_goes_back_once_and_for_good(store: OrderStore) -> None:
    stocked(store).commit((TAKE,)).result()

    store.commit((SettleHold("o-1", 1),)).result()
    store.commit((SettleHold("o-1", 1),)).result()
    with pytest.raises(ConflictError):
        store.commit((ReleaseHold("o-1"),)).result()

    hold = store.hold("o-1")
    assert hold is not None
    assert (stock_of(store), hold.quantity, hold.state) == (9, 1, HoldState.SETTLED)
    assert store.holds_expired(9_999.0) == []


def test_more_than_was_held_cannot_be_sold(store: OrderStore) -> None:
    stocked(store).commit((TAKE,)).result()

    with pytest.raises(ConflictError) as refused:
        store.commit((SettleHold("o-1", 3),)).result()

    assert (refused.value.write, refused.value.key, stock_of(store)) == ("SettleHold", "o-1", 8)


def test_a_released_hold_cannot_be_sold(store: OrderStore) -> None:
    stocked(store).commit((TAKE,)).result()
    store.commit((ReleaseHold("o-1"),)).result()

    with pytest.raises(ConflictError) as refused:
        store.commit((SettleHold("o-1"),)).result()

    assert (refused.value.write, refused.value.key) == ("SettleHold", "o-1")


def test_an_unknown_hold_can_be_neither_sold_nor_released(store: OrderStore) -> None:
    for write in (SettleHold("o-9"), ReleaseHold("o-9")):
        with pytest.raises(ConflictError):
            store.commit((write,)).result()


def test_expired_holds_are_found_longest_expired_first(store: OrderStore) -> None:
    stocked(store)
    for number, expires_at in (("a", 30.0), ("b", 10.0), ("c", 20.0), ("d", 99.0)):
        store.commit((TakeStock("spa", number, 1, expires_at),)).result()
    store.commit((SettleHold("c"),)).result()

    assert [hold.hold_id for hold in store.holds_expired(50.0)] == ["b", "a"]
    assert [hold.hold_id for hold in store.holds_expired(50.0, limit=1)] == ["b"]


def test_an_open_hold_is_extended_a_closed_one_is_not(store: OrderStore) -> None:
    stocked(store).commit((TAKE,)).result()

    store.commit((ExtendHold("o-1", 900.0),)).result()

    assert (store.holds_expired(600.0), [hold.expires_at for hold in store.holds_expired(1_000.0)]) == ([], [900.0])
    store.commit((SettleHold("o-1"),)).result()
    for hold_id in ("o-1", "o-unknown"):
        with pytest.raises(ConflictError) as refused:
            store.commit((ExtendHold(hold_id, 999.0),)).result()
        assert (refused.value.write, refused.value.key) == ("ExtendHold", hold_id)


def test_manual_acts_are_kept_and_listed_newest_first(store: OrderStore) -> None:
    def act(number: int, subject: str) -> AuditEntry:
        return AuditEntry(
            audit_id=f"a-{number}",
            at=float(number),
            actor="ann",
            action="pause",
            subject=subject,
            reason="a call",
            before={"status": "received"},
        )

    entries = [act(1, "o-1"), act(2, "o-2"), act(3, "o-1")]
    for entry in entries:
        store.commit((PutAudit(entry),)).result()

    assert store.audits() == entries[::-1]
    assert store.audits("o-1", limit=1) == [entries[2]]
    with pytest.raises(ConflictError) as refused:
        store.commit((PutAudit(entries[0]),)).result()
    assert (refused.value.write, refused.value.key) == ("PutAudit", "a-1")


def test_an_idempotency_key_is_remembered_once(store: OrderStore) -> None:
    store.commit((PutIdempotency(IdempotencyRecord("k", "f1", "o-1")),)).result()

    with pytest.raises(ConflictError) as refused:
        store.commit((PutIdempotency(IdempotencyRecord("k", "f2", "o-2")),)).result()

    assert (refused.value.write, refused.value.key) == ("PutIdempotency", "k")
    assert store.idempotency("k") == IdempotencyRecord("k", "f1", "o-1")


def test_the_outbox_is_read_in_order_and_emptied(store: OrderStore) -> None:
    for number in (1, 2, 3):
        store.commit((PutNotification(Notification(f"o-{number}", f"b{number}", float(number))),)).result()

    assert [entry.body for entry in store.unpublished(2)] == ["b1", "b2"]
    store.commit((RemoveNotifications((("o-1", 0), ("o-2", 0), ("o-gone", 0))),)).result()
    assert store.unpublished() == [Notification("o-3", "b3", 3.0)]


def test_a_second_notification_of_an_order_takes_the_place_of_the_first(store: OrderStore) -> None:
    store.commit((PutNotification(Notification("o-1", "old", 1.0)),)).result()
    store.commit((PutNotification(Notification("o-1", "new", 2.0)),)).result()

    assert store.unpublished() == [Notification("o-1", "new", 2.0)]


def test_a_notification_of_a_later_version_stays_when_the_earlier_one_is_taken_out(store: OrderStore) -> None:
    earlier, later = Notification("o-1", "one", 1.0, 1), Notification("o-1", "two", 1.0, 2)
    store.commit((PutNotification(earlier),)).result()
    store.commit((PutNotification(later),)).result()

    store.commit((RemoveNotifications((earlier.key,)),)).result()

    assert store.unpublished() == [later]


def test_an_offer_is_added_once_and_listed_by_city(store: OrderStore) -> None:
    offers = [an_offer(unit_id="b", city="Boston"), an_offer(unit_id="a", city="Boston"), an_offer(unit_id="c")]
    store.commit(tuple(PutOffer(offer) for offer in offers)).result()

    with pytest.raises(ConflictError):
        store.commit((PutOffer(an_offer(unit_id="a", stock_left=99)),)).result()

    assert [offer.unit_id for offer in store.offers()] == ["c", "a", "b"]


def test_a_voucher_code_belongs_to_one_order(store: OrderStore) -> None:
    for _ in range(2):
        store.commit((PutVoucherCode("hash", "o-1"),)).result()

    with pytest.raises(ConflictError):
        store.commit((PutVoucherCode("hash", "o-2"),)).result()

    assert store.order_id_of_voucher("hash") == "o-1"


def test_orders_are_listed_by_status_pipeline_and_age(store: OrderStore) -> None:
    for number, status, pipeline in (
        (1, OrderStatus.RECEIVED, Pipeline.INSTANT),
        (2, OrderStatus.RECEIVED, Pipeline.LEGACY),
        (3, OrderStatus.COMPLETED, Pipeline.INSTANT),
        (4, OrderStatus.RECEIVED, Pipeline.INSTANT),
    ):
        order = an_order(order_id=f"o-{number}", status=status, pipeline=pipeline, updated_at=float(number))
        store.commit((PutOrder(order, None),)).result()

    def listed(**wanted: object) -> list[str]:
        return [order.order_id for order in store.orders(OrderFilter(**wanted))]  # type: ignore[arg-type]

    assert listed() == ["o-1", "o-2", "o-3", "o-4"]
    assert listed(newest_first=True, limit=2) == ["o-4", "o-3"]
    assert listed(status=OrderStatus.RECEIVED, pipeline=Pipeline.INSTANT) == ["o-1", "o-4"]
    assert listed(status=OrderStatus.RECEIVED, updated_before=4.0) == ["o-1", "o-2"]
    assert listed(pipeline=Pipeline.LEGACY) == ["o-2"]
    assert listed(updated_since=3.0) == ["o-3", "o-4"]
    assert listed(updated_since=2.0, updated_before=4.0) == ["o-2", "o-3"]
    assert listed(updated_since=4.0, updated_before=4.0) == []


def test_an_order_whose_status_changed_leaves_its_old_list(store: OrderStore) -> None:
    store.commit((PutOrder(an_order(), None),)).result()
    store.commit((PutOrder(an_order(version=2, status=OrderStatus.PROCESSING), 1),)).result()

    assert store.orders(OrderFilter(status=OrderStatus.RECEIVED)) == []
    assert len(store.orders(OrderFilter(status=OrderStatus.PROCESSING))) == 1


def test_ten_units_go_to_ten_of_many_buyers(store: OrderStore) -> None:
    stocked(store)

    def buys(buyer: int) -> bool:
        try:
            store.commit((TakeStock("spa", f"o-{buyer}", 1, 500.0),)).result()
        except SoldOutError:
            return False
        return True

    at_once = 1 if isinstance(store, DynamoOrderStore) else 8  # moto's memory does not stand threads
    with ThreadPoolExecutor(at_once) as buyers:
        sold = sum(buyers.map(buys, range(60)))

    assert sold == 10
    assert stock_of(store) == 0
    assert len(store.holds_expired(9_999.0)) == 10


def a_record(key: str = "r-1", **changes: object) -> Record:
    values = {"kind": "alert", "key": key, "at": 5.0, "document": b'{"a":1}', "group": "alert/open", **changes}
    return Record(**values)  # type: ignore[arg-type]


def test_a_record_reads_back_and_stands_in_its_group(store: OrderStore) -> None:
    store.commit((PutRecord(a_record("late", at=9.0), None), PutRecord(a_record("early"), None))).result()

    assert store.record("alert", "early") == a_record("early")
    assert store.record("breaker", "early") is None
    assert [record.key for record in store.records("alert/open")] == ["early", "late"]
    assert [record.key for record in store.records("alert/open", 1)] == ["early"]
    late = store.record("alert", "late")
    assert late is not None
    assert [record.key for record in store.records("alert/open", since=late.at)] == ["late"]
    assert store.records("alert/open", since=late.at + 0.001) == []


def test_records_of_a_group_are_counted_within_a_time_and_no_further_than_asked(store: OrderStore) -> None:
    records = [a_record(f"r-{at}", at=float(at)) for at in range(1, 6)]
    store.commit(tuple(PutRecord(each, None) for each in (*records, a_record("other", group="alert/old")))).result()

    def count(most: int = 100, *, since: float = 0.0, until: float = 9.0, group: str = "alert/open") -> int:
        return store.records_count(group, most, since=since, until=until)

    assert count() == 5
    assert count(since=2.0, until=4.0) == 3
    assert count(3) == 3
    assert count(since=4.5, until=4.0) == 0
    assert count(group="") == count(group="alert/none") == 0


def test_a_record_is_changed_only_from_the_version_that_was_read(store: OrderStore) -> None:
    store.commit((PutRecord(a_record(), None),)).result()
    second = a_record(version=2, group="")
    store.commit((PutRecord(second, 1),)).result()

    for stale in (PutRecord(a_record(version=2), 1), PutRecord(a_record(), None)):
        with pytest.raises(ConflictError, match="PutRecord of alert/r-1"):
            store.commit((stale,)).result()

    assert store.record("alert", "r-1") == second
    assert store.records("alert/open") == []


def test_a_record_added_twice_stays_as_it_was(store: OrderStore) -> None:
    store.commit((AddRecord(a_record()),)).result()

    store.commit((AddRecord(a_record(document=b"{}", group="other")), PutOrder(an_order(), None))).result()

    assert store.record("alert", "r-1") == a_record()
    assert store.order("o-1") is not None


def test_a_record_that_left_its_group_is_not_put_back_by_adding_it_again(store: OrderStore) -> None:
    done = a_record(group="", version=2)
    store.commit((AddRecord(a_record()),)).result()
    store.commit((PutRecord(done, 1),)).result()

    store.commit((AddRecord(a_record()),)).result()

    assert store.record("alert", "r-1") == done
    assert (store.records("alert/open"), store.records("")) == ([], [])


def test_a_removed_record_is_gone_and_may_be_removed_again(store: OrderStore) -> None:
    store.commit((AddRecord(a_record()),)).result()

    for _ in range(2):
        store.commit((RemoveRecord("alert", "r-1"),)).result()

    assert store.record("alert", "r-1") is None
    assert store.records("alert/open") == []
