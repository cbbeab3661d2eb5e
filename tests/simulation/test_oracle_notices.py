"""An oracle that never speaks proves nothing: bugs are planted one at a time, and each has to be seen."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from order_processing.domain import Order, Pipeline, changed, is_waiting
from order_processing.gateways import Declined
from order_processing.legacy import batches
from order_processing.legacy.batches import run_job
from order_processing.operations import context, hand_over, owning, releasing
from order_processing.stores import Notification, ReleaseHold, TakeStock

from .region import JOBS, REDELIVERY_SECONDS, Faults, Region

Plant = Callable[[Region, pytest.MonkeyPatch], None]


def fence_ignored(region: Region, patch: pytest.MonkeyPatch) -> None:
    """Whoever woke up late may act."""
    patch.setattr(context, "demand_owner", lambda *_: None)


def takeover_without_epoch(region: Region, patch: pytest.MonkeyPatch) -> None:
    """The new owner has the old one's epoch."""
    real = owning.taken_over

    def same_epoch(order: Order, pipeline: Pipeline, at: float, lease_seconds: float) -> Order:
        taken = real(order, pipeline, at, lease_seconds)
        return changed(taken, owner=changed(taken.owner, epoch=order.owner.epoch))

    patch.setattr(owning, "taken_over", same_epoch)


def hold_not_released(region: Region, patch: pytest.MonkeyPatch) -> None:
    """A dead order keeps its units, and no sweep looks."""
    real = region.store._write

    def without(transaction: tuple[object, ...]) -> object:
        return real(tuple(write for write in transaction if not isinstance(write, ReleaseHold)))  # type: ignore[arg-type]

    patch.setattr(region.store, "_write", without)


def stock_not_taken(region: Region, patch: pytest.MonkeyPatch) -> None:
    """Units are held without leaving the shelf."""
    real = region.store._write

    def wrong(transaction: tuple[object, ...]) -> object:
        done = real(transaction)  # type: ignore[arg-type]
        if any(isinstance(write, TakeStock) for write in transaction):
            region.evidence.stock = {"spa": region.evidence.stock["spa"] + 1}  # type: ignore[index]
        return done

    patch.setattr(region.store, "_write", wrong)


def no_outbox(region: Region, patch: pytest.MonkeyPatch) -> None:
    """Orders are not announced, and no sweep looks."""
    patch.setattr(region.store, "unpublished", lambda *_: list[Notification](), raising=False)


def fallback_asleep(region: Region, patch: pytest.MonkeyPatch) -> None:
    """Nobody takes in what the instant pipeline let fall."""
    patch.setattr(batches, "STALLED_SECONDS", 1e12)


def reservation_left_open(region: Region, patch: pytest.MonkeyPatch) -> None:
    """An order that is given up keeps its reservation."""
    patch.setattr(releasing, "void", lambda *_: None)
    patch.setattr(releasing, "must_be_undone", lambda _: False)
    patch.setattr(region.world.payments, "capture", lambda *_: Declined("card_gone"))


def charged_under_another_key(region: Region, patch: pytest.MonkeyPatch) -> None:
    """What is sent is not what was recorded, so nobody can ever look it up."""
    real = region.world.payments.authorize
    patch.setattr(
        region.world.payments, "authorize", lambda asked: real(msgspec.structs.replace(asked, key=f"{asked.key}/again"))
    )


def mail_sent_at_once(region: Region, patch: pytest.MonkeyPatch) -> None:
    """A confirmation goes out before the order is completed, and the order ends otherwise."""
    for order_id in list(region.evidence.acknowledged):
        region.mail.taken[f"{order_id}.confirmation@second"] += 1


def dead_letter_too_early(region: Region, patch: pytest.MonkeyPatch) -> None:
    """A message is given up after its first delivery."""
    region.down = True
    patch.setattr("tests.simulation.region.REDELIVERY_SECONDS", ())


def token_used_twice(region: Region, patch: pytest.MonkeyPatch) -> None:
    """A task token is good for a second answer."""
    region.evidence.tokens["o-1/token"] = 2


def assignment_drawn_again(region: Region, patch: pytest.MonkeyPatch) -> None:
    """Each claim draws the release anew."""
    real = owning.claimed

    def again(order: Order, at: float, lease_seconds: float) -> Order:
        return real(changed(order, assignments=(*order.assignments, order.assignments[-1])), at, lease_seconds)

    patch.setattr(owning, "claimed", again)


def history_gap(region: Region, patch: pytest.MonkeyPatch) -> None:
    """An event of a history is lost."""
    for run in region.executions.runs.values():
        del run.history[1]


BEFORE: tuple[Plant, ...] = (
    fence_ignored,
    takeover_without_epoch,
    hold_not_released,
    stock_not_taken,
    no_outbox,
    fallback_asleep,
    reservation_left_open,
    charged_under_another_key,
    dead_letter_too_early,
    assignment_drawn_again,
)
AFTER: tuple[Plant, ...] = (mail_sent_at_once, token_used_twice, history_gap)


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    made = Region(tmp_path, Faults(seed=5))
    yield made
    made.close()


@pytest.mark.parametrize("plant", BEFORE, ids=lambda each: each.__name__)
def test_a_planted_bug_is_seen(region: Region, monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    plant(region, monkeypatch)

    with pytest.raises(AssertionError, match=r"seed 5:\nI\d+ "):
        busy_hour(region)


@pytest.mark.parametrize("plant", AFTER, ids=lambda each: each.__name__)
def test_a_wrong_trace_is_seen(region: Region, monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    busy_hour(region)
    plant(region, monkeypatch)

    with pytest.raises(AssertionError, match=r"seed 5:\nI\d+ "):
        region.oracle.at_rest()


def test_the_same_hour_without_a_bug_is_fine(region: Region) -> None:
    busy_hour(region)


def busy_hour(region: Region) -> None:
    """Orders of every kind: one is handed over while its execution works, one is let fall by functions that die."""
    region.breaks = {"authorize-payments": frozenset({"u-unlucky"}), "hand-over-order": frozenset({"u-unlucky"})}
    for token in ("tok_ok", "tok_declined", "tok_timeout_then_ok"):
        region.place(payment_token=token, quantity=1)
    region.place(user_guid="u-unlucky", quantity=1)
    region.run(0.2)
    contested = region.place(quantity=1)
    region.run(0.07)
    region.dispatch(contested)
    order = region.order(contested)
    if order.owner.epoch and is_waiting(order):
        hand_over(region.services, contested, order.owner.epoch, "a test")
        run_job(region.services, JOBS[0][0])
    region.run(sum(REDELIVERY_SECONDS) + 60)
    early = [letter.order_id for letter in region.dead if letter.deliveries <= len(REDELIVERY_SECONDS)]
    region.evidence.dead_too_early.update(early)
    region.settle()
