"""Every route by everybody: who gets in is said once here, so that a new route is refused until somebody lists it."""

from typing import Any

import pytest

from order_processing.service.router import Route

from .conftest import Shop, settings
from .desks import TILL, with_merchants

pytestmark = pytest.mark.anyio

EVERYBODY = {
    "GET /",
    "GET /docs",
    "GET /healthz",
    "GET /merchant",
    "GET /metrics",
    "GET /offers",
    "GET /openapi.json",
    "GET /orders/{order_id}",
    "GET /orders/{order_id}/events",
    "GET /orders/{order_id}/live",
    "GET /orders/{order_id}/vouchers/{number}.pdf",
    "GET /orders/{order_id}/vouchers/{number}.svg",
    "GET /static/{name}",
    "GET /units/{unit_id}",
    "GET /vouchers",
    "POST /merchant/session",
    "POST /merchant/session/end",
    "POST /operator/session",
    "POST /operator/session/end",
    "POST /orders",
    "POST /units/{unit_id}",
    "POST /webhooks/stripe",
}
"""Open to all; an order's id is itself the right to see the order, and a webhook is signed by whoever sends it."""

MERCHANTS = {"POST /vouchers/checks", "POST /vouchers/redemptions", "POST /vouchers/reversals"}
MERCHANT_FORMS = {"POST /merchant/check", "POST /merchant/redeem", "POST /merchant/undo"}
OPERATOR_FORMS = {"POST /operator/reviews/claim", "POST /operator/reviews/decide"}
OTHER_SYSTEMS = {"POST /orders/{order_id}/operations/{operation}"}


def routes_of(shop: Shop) -> list[Route]:
    routes: list[Route] = list(shop.app._router.routes)
    return routes


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


def target(route: Route) -> str:
    return route.path.replace("{number}", "1").replace("{", "").replace("}", "")


def identities(shop: Shop) -> dict[str, dict[str, str]]:
    operator = settings(shop.store.path.parent).operator_token_file.read_text()
    return {
        "nobody": {},
        "a guesser": {"authorization": "Bearer guess"},
        "a merchant": {"authorization": f"Bearer {TILL}"},
        "an operator": {"authorization": f"Bearer {operator}"},
    }


async def status_of(shop: Shop, route: Route, headers: dict[str, str], **more: str) -> int:
    body: list[bytes] = [b"{}"] if route.method == "POST" else []
    given: dict[str, Any] = {"content_type": "application/json", **headers, **more}
    return (await shop.ask(route.method, target(route), *body, headers=given)).status


async def test_every_route_is_listed_with_who_may_use_it(shop: Shop) -> None:
    for route in routes_of(shop):
        if not route.path.startswith("/operator"):
            assert named(route) in EVERYBODY | MERCHANTS | MERCHANT_FORMS | OTHER_SYSTEMS, named(route)


async def test_what_operators_do_is_refused_to_everybody_else(shop: Shop) -> None:
    with_merchants(shop)
    operators = [
        route
        for route in routes_of(shop)
        if route.path.startswith("/operator") and named(route) not in EVERYBODY | OPERATOR_FORMS
    ]

    assert len(operators) > 15
    for who, headers in identities(shop).items():
        for route in operators:
            status = await status_of(shop, route, headers)
            assert (status == 401) == (who != "an operator"), (who, named(route), status)


async def test_what_merchants_do_is_refused_to_everybody_else(shop: Shop) -> None:
    with_merchants(shop)

    for who, headers in identities(shop).items():
        for route in routes_of(shop):
            if named(route) in MERCHANTS:
                assert (await status_of(shop, route, headers) == 401) == (who != "a merchant"), (who, named(route))


async def test_other_systems_need_a_token_too(shop: Shop) -> None:
    for route in routes_of(shop):
        if named(route) in OTHER_SYSTEMS:
            for who in ("nobody", "a guesser", "a merchant"):
                assert await status_of(shop, route, identities(shop)[who]) == 401, named(route)


async def test_forms_lead_those_without_a_session_to_the_door(shop: Shop) -> None:
    form = {"content_type": "application/x-www-form-urlencoded", "sec_fetch_site": "same-origin"}
    for route in routes_of(shop):
        if named(route) in MERCHANT_FORMS | OPERATOR_FORMS:
            for headers in identities(shop).values():
                answer = await shop.ask(route.method, target(route), b"", headers={**form, **headers})
                assert answer.status == 303, named(route)
                assert answer.headers["location"] in ("/merchant", "/operator/reviews")


async def test_no_get_changes_anything(shop: Shop) -> None:
    order_id = (await shop.order()).json["order_id"]
    before = shop.store.order(order_id)

    for route in routes_of(shop):
        if route.method == "GET" and not route.path.endswith(("/events", "/live")):
            headers = {**identities(shop)["an operator"], "host": "127.0.0.1:8080"}
            await shop.ask("GET", target(route).replace("order_id", order_id), headers=headers)

    assert shop.store.order(order_id) == before
