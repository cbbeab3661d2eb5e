"""The transition table and the document."""

from itertools import product

import msgspec
import pytest

from order_processing.domain import (
    AT_REST,
    DEAD,
    TRANSITIONS,
    IllegalTransitionError,
    OrderSchemaError,
    OrderStatus,
    TimelineEntry,
    decode_order,
    encode_order,
    moved,
)

from ....order_samples import an_order


@pytest.mark.parametrize(("status", "to"), list(product(OrderStatus, OrderStatus)), ids=lambda each: each.value)
def test_every_step_is_either_in_the_table_or_refused(status: OrderStatus, to: OrderStatus) -> None:
    order = an_order(status=status)
    entry = TimelineEntry(5.0, to.value, "test")

    if to in TRANSITIONS[status]:
        after = moved(order, to, entry)
        assert (after.status, after.version, after.updated_at, after.timeline) == (to, 2, 5.0, (entry,))
    else:
        with pytest.raises(IllegalTransitionError) as refused:
            moved(order, to, entry)
        assert (refused.value.order_id, refused.value.status, refused.value.to) == ("o-1", status, to)


def test_the_table_names_every_status() -> None:
    assert set(TRANSITIONS) == set(OrderStatus)


def test_a_dead_order_stays_dead() -> None:
    assert {status for status, to in TRANSITIONS.items() if not to} == DEAD


def test_every_order_that_is_not_at_rest_can_still_end_both_ways() -> None:
    def reachable(status: OrderStatus) -> set[OrderStatus]:
        seen, front = {status}, [status]
        while front:
            for to in TRANSITIONS[front.pop()] - seen:
                seen.add(to)
                front.append(to)
        return seen

    for status in set(OrderStatus) - AT_REST:
        assert OrderStatus.COMPLETED in reachable(status)
        assert OrderStatus.FAILED in TRANSITIONS[status]
        assert OrderStatus.QUARANTINED in TRANSITIONS[status]


def test_no_way_leads_from_a_paid_order_to_one_that_looks_unpaid() -> None:
    assert TRANSITIONS[OrderStatus.COMPLETED] == {OrderStatus.REFUNDED}


def test_a_document_reads_back_as_it_was_written() -> None:
    order = moved(an_order(), OrderStatus.PROCESSING, TimelineEntry(5.0, "processing", "instant"))

    assert decode_order(encode_order(order)) == order


def test_fields_of_a_later_release_do_not_matter() -> None:
    document = msgspec.json.decode(encode_order(an_order()))

    assert decode_order(msgspec.json.encode({**document, "gift_wrap": True})) == an_order()


def test_a_document_of_a_later_schema_is_refused() -> None:
    with pytest.raises(OrderSchemaError):
        decode_order(encode_order(an_order(schema=2)))


def test_a_document_of_a_later_schema_is_named_also_when_it_has_another_shape() -> None:
    with pytest.raises(OrderSchemaError, match="order o-1 has schema 2"):
        decode_order(b'{"schema": 2, "order_id": "o-1", "status": "teleported"}')
