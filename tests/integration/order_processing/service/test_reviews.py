"""The review queue: listed by deadline, claimed by one, decided once, and the waiting execution told."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from order_processing.domain import CLAIM_SECONDS, OrderStatus
from order_processing.operations import claim, request_review, scan_fraud, start_processing
from order_processing.service.callbacks import CallbackError

from .asking import Answer
from .conftest import Shop, settings
from .desks import HTML, cookie_of, send

pytestmark = pytest.mark.anyio

REVIEWS = "/operator/reviews"


async def in_review(shop: Shop, number: int = 1) -> str:
    """An order whose execution waits with the token ``token-NUMBER``."""
    order_id = str((await shop.order(f"k-{number}", user_guid=f"review-{number}")).json["order_id"])
    claimed = claim(shop.services, order_id)
    assert claimed is not None
    start_processing(shop.services, order_id, claimed.epoch)
    scan_fraud(shop.services, order_id, claimed.epoch)
    request_review(shop.services, order_id, claimed.epoch, f"token-{number}")
    return order_id


def bearer(shop: Shop) -> dict[str, str]:
    return {"authorization": f"Bearer {settings(shop.store.path.parent).operator_token_file.read_text()}"}


async def decide(shop: Shop, order_id: str, verdict: str, by: str = "ann", reason: str = "looks odd") -> Answer:
    body = {"actor": by, "verdict": verdict, "reason": reason}
    return await shop.post(f"{REVIEWS}/{order_id}/decision", body, **bearer(shop))


async def test_the_queue_tells_how_old_why_and_how_long_still(shop: Shop) -> None:
    first = await in_review(shop, 1)
    shop.clock.advance(60)
    second = await in_review(shop, 2)

    rows = (await shop.get(REVIEWS, **bearer(shop))).json

    assert [row["order_id"] for row in rows] == [first, second]
    assert (rows[0]["age_seconds"], rows[0]["left_seconds"]) == (60, 3_540)
    assert (rows[0]["score"], rows[0]["reasons"]) == (50, ["the user is watched"])
    assert not {"payment_token", "vouchers"} & rows[0].keys()


@pytest.mark.parametrize(("verdict", "status"), [("approve", "cleared"), ("deny", "rejected")])
async def test_a_decision_is_recorded_and_passed_on(shop: Shop, verdict: str, status: str) -> None:
    order_id = await in_review(shop)

    decided = await decide(shop, order_id, verdict)

    assert (decided.status, decided.json["status"], decided.json["passed_on"]) == (200, status, True)
    told = shop.waiting.answered["token-1"]
    assert (told["order_id"], told["fraud_verdict"]) == (order_id, "cleared" if verdict == "approve" else "fraud")
    (entry,) = shop.store.audits(order_id)
    assert (entry.actor, entry.action, entry.reason) == ("ann", "review", "looks odd")
    assert (await shop.get(REVIEWS, **bearer(shop))).json == []


async def test_a_double_click_decides_once_and_tells_again(shop: Shop) -> None:
    order_id = await in_review(shop)

    first, second = await asyncio.gather(decide(shop, order_id, "approve"), decide(shop, order_id, "approve"))

    assert (first.status, first.body) == (200, second.body)
    assert len(shop.store.audits(order_id)) == 1


async def test_of_two_reviewers_who_disagree_the_first_stands(shop: Shop) -> None:
    order_id = await in_review(shop)
    await decide(shop, order_id, "deny", "ann")

    late = await decide(shop, order_id, "approve", "bob")

    assert (late.status, late.json["type"]) == (409, "/docs#review-decided")
    assert "ann denied this order on" in late.json["detail"]
    order = shop.store.order(order_id)
    assert order is not None
    assert order.status is OrderStatus.REJECTED
    assert shop.waiting.answered["token-1"]["fraud_verdict"] == "fraud"


async def test_a_claim_keeps_others_away_for_a_while(shop: Shop) -> None:
    order_id = await in_review(shop)
    claimed = await shop.post(f"{REVIEWS}/{order_id}/claim", {"actor": "ann"}, **bearer(shop))

    others = [
        await shop.post(f"{REVIEWS}/{order_id}/claim", {"actor": "bob"}, **bearer(shop)),
        await decide(shop, order_id, "approve", "bob"),
    ]
    shop.clock.advance(CLAIM_SECONDS)
    free = (await shop.get(REVIEWS, **bearer(shop))).json[0]

    assert (claimed.status, claimed.json["claimed_by"]) == (200, "ann")
    assert [(other.status, other.json["type"]) for other in others] == [(409, "/docs#review-claimed")] * 2
    assert free["claimed_by"] == ""
    assert (await decide(shop, order_id, "approve", "bob")).status == 200


@pytest.mark.parametrize(
    ("change", "field"), [({"verdict": "maybe"}, "/verdict"), ({"verdict": "deny", "reason": " "}, "/reason")]
)
async def test_a_decision_without_a_verdict_or_a_reason_is_refused(
    shop: Shop, change: dict[str, str], field: str
) -> None:
    order_id = await in_review(shop)
    body = {"actor": "ann", "verdict": "approve", **change}

    answer = await shop.post(f"{REVIEWS}/{order_id}/decision", body, **bearer(shop))

    assert (answer.status, answer.json["field"]) == (422, field)


async def test_orders_that_wait_for_nothing_are_refused(shop: Shop) -> None:
    order_id = (await shop.order()).json["order_id"]

    assert (await decide(shop, order_id, "approve")).json["type"] == "/docs#no-review"
    assert (await decide(shop, "nothing", "approve")).status == 404


async def test_nobody_reviews_without_the_token(shop: Shop) -> None:
    order_id = await in_review(shop)

    assert (await shop.get(REVIEWS)).status == 401
    for path in ("claim", "decision"):
        assert (await shop.post(f"{REVIEWS}/{order_id}/{path}", {"actor": "eve"})).status == 401


async def test_a_decision_for_an_execution_that_is_gone_stands(shop: Shop) -> None:
    order_id = await in_review(shop)
    shop.waiting.gone.add("token-1")

    assert (await decide(shop, order_id, "approve")).json["passed_on"] is False


@dataclass
class Unreachable:
    """Callbacks that fail once."""

    then: Any
    failed: bool = False

    def succeed(self, task_token: str, output: Any) -> bool:
        if not self.failed:
            self.failed = True
            raise CallbackError("no answer")
        return bool(self.then(task_token, output))


async def test_a_decision_that_could_not_be_passed_on_is_passed_on_by_asking_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await in_review(shop)
    monkeypatch.setattr(shop.waiting, "succeed", Unreachable(shop.waiting.succeed).succeed)

    first, second = await decide(shop, order_id, "approve"), await decide(shop, order_id, "approve")

    assert (first.status, second.status, second.json["passed_on"]) == (503, 200, True)


async def signed_in(shop: Shop, name: str = "Ann") -> str:
    token = bearer(shop)["authorization"].removeprefix("Bearer ")
    answer = await send(shop, "/operator/session", {"name": name, "token": token})
    assert (answer.status, answer.headers["location"]) == (303, REVIEWS)
    assert "HttpOnly; SameSite=Strict" in answer.headers["set-cookie"]
    return cookie_of(answer)


async def test_a_reviewer_works_on_the_page(shop: Shop) -> None:
    first, second = await in_review(shop, 1), await in_review(shop, 2)
    assert "Operator&#39;s token" in (await shop.get(REVIEWS, accept=HTML)).text
    cookie = await signed_in(shop)
    queue = await shop.get(REVIEWS, accept=HTML, cookie=cookie)
    assert first in queue.text
    assert "the user is watched" in queue.text

    claimed = await send(shop, f"{REVIEWS}/claim", {"order_id": first}, cookie=cookie)
    approved = await send(shop, f"{REVIEWS}/decide", {"order_id": first, "verdict": "approve"}, cookie=cookie)
    no_reason = await send(shop, f"{REVIEWS}/decide", {"order_id": second, "verdict": "deny"}, cookie=cookie)
    denied = {"order_id": second, "verdict": "deny", "reason": "stolen card"}
    done = await send(shop, f"{REVIEWS}/decide", denied, cookie=cookie)

    assert [answer.headers.get("location") for answer in (claimed, approved, done)] == [
        f"{REVIEWS}?done={what}" for what in ("claimed", "approved", "denied")
    ]
    assert (no_reason.status, "is needed to deny" in no_reason.text.lower()) == (422, True)
    empty = (await shop.get(f"{REVIEWS}?done=denied", accept=HTML, cookie=cookie)).text
    assert "Nothing waits for a decision" in empty
    assert "nothing was charged" in empty


async def test_another_reviewer_sees_who_is_at_it(shop: Shop) -> None:
    order_id = await in_review(shop)
    await send(shop, f"{REVIEWS}/claim", {"order_id": order_id}, cookie=await signed_in(shop, "Ann"))
    bob = await signed_in(shop, "Bob")

    assert "Ann is at it" in (await shop.get(REVIEWS, accept=HTML, cookie=bob)).text
    refused = await send(shop, f"{REVIEWS}/claim", {"order_id": order_id}, cookie=bob)
    assert (refused.status, "Somebody else is at this review" in refused.text) == (409, True)


@pytest.mark.parametrize("path", ["session", "session/end", "reviews/claim", "reviews/decide"])
async def test_foreign_forms_and_strangers_change_nothing(shop: Shop, path: str) -> None:
    await in_review(shop)
    cookie = await signed_in(shop)

    assert (await send(shop, f"/operator/{path}", {}, cookie=cookie, sec_fetch_site="cross-site")).status == 403
    if path.startswith("reviews"):
        assert (await send(shop, f"/operator/{path}", {})).headers["location"] == REVIEWS
    assert len((await shop.get(REVIEWS, **bearer(shop))).json) == 1


async def test_a_wrong_token_a_nameless_person_and_an_old_session_do_not_get_in(shop: Shop) -> None:
    token = bearer(shop)["authorization"].removeprefix("Bearer ")
    cookie = await signed_in(shop)

    assert (await send(shop, "/operator/session", {"name": "Eve", "token": "guess"})).status == 401
    assert (await send(shop, "/operator/session", {"name": " ", "token": token})).status == 422
    shop.clock.advance(12 * 3_600)
    assert "Signed in as" not in (await shop.get(REVIEWS, accept=HTML, cookie=cookie)).text
