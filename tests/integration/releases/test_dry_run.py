"""The application's own dry run: the verdict without the deed."""

from pathlib import Path

from order_processing.domain import OrderStatus
from order_processing.operations import claim, preview_fraud, scan_fraud, start_processing
from tests.integration.order_processing.worlds import a_world


def test_a_preview_tells_the_verdict_again_and_writes_nothing(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    order = world.place(quantity=1)
    claimed = claim(world.services, order.order_id)
    assert claimed is not None
    start_processing(world.services, order.order_id, claimed.epoch)
    scanned = scan_fraud(world.services, order.order_id, claimed.epoch)

    previewed = preview_fraud(world.services, order.order_id)

    assert (previewed.fraud, previewed.status) == (scanned.fraud, OrderStatus.CLEARED)
    assert world.services.store.order(order.order_id) == scanned
