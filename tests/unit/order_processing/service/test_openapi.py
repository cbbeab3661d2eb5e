"""The API's description describes the API."""

import json
import re
from importlib import resources
from typing import Any

import msgspec
import pytest

from order_processing.domain import Category, NewOrder, OfferKind, OrderStatus, Pipeline
from order_processing.service import requests, views, voucher_desk
from order_processing.service.app import api_routes
from order_processing.service.problems import Problem

API: Any = json.loads(resources.files("order_processing.service").joinpath("openapi.json").read_bytes())
SCHEMAS = API["components"]["schemas"]


class AnyHandlers:
    """Stands for every room with handlers: only their names matter here."""

    def __getattr__(self, name: str) -> str:
        return name


def test_every_route_is_described_and_nothing_else() -> None:
    rooms: Any = AnyHandlers()
    routes = {(route.path, route.method.lower()) for route in api_routes(rooms, rooms, rooms, rooms)}

    assert {(path, method) for path, methods in API["paths"].items() for method in methods} == routes


@pytest.mark.parametrize(
    ("schema", "shape"),
    [
        ("NewOrder", NewOrder),
        ("Receipt", views.Receipt),
        ("Order", views.OrderView),
        ("Voucher", views.VoucherView),
        ("Shipment", views.ShipmentView),
        ("Refund", views.RefundView),
        ("TimelineEntry", views.TimelineView),
        ("Offer", views.OfferView),
        ("VoucherCard", voucher_desk.VoucherCard),
    ],
)
def test_schemas_have_the_fields_that_are_sent(schema: str, shape: type[msgspec.Struct]) -> None:
    assert SCHEMAS[schema]["required"] == list(SCHEMAS[schema]["properties"]) == list(shape.__struct_fields__)


def test_closed_sets_are_listed_whole() -> None:
    offer, order = SCHEMAS["Offer"]["properties"], SCHEMAS["Order"]["properties"]

    assert SCHEMAS["Status"]["enum"] == [status.value for status in OrderStatus]
    assert order["pipeline"]["enum"] == [pipeline.value for pipeline in Pipeline]
    assert offer["kind"]["enum"] == [kind.value for kind in OfferKind]
    assert offer["category"]["enum"] == [category.value for category in Category]


def test_the_limits_are_those_that_are_checked() -> None:
    fields = SCHEMAS["NewOrder"]["properties"]

    assert list(fields) == list(requests.CHECKS)
    assert fields["quantity"]["maximum"] == requests.QUANTITY_MAX
    assert all(requests.CHECKS[name]("a b") for name in fields)
    assert re.fullmatch(fields["unit_id"]["pattern"], "nyc-dining-1")


def test_references_lead_somewhere() -> None:
    for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(API)):
        assert name in SCHEMAS


def test_each_operation_lists_the_statuses_of_its_problems() -> None:
    described = set(API["paths"]["/orders"]["post"]["responses"])
    placing = [
        Problem.KEY_MISSING,
        Problem.INVALID_JSON,
        Problem.INVALID_FIELD,
        Problem.UNKNOWN_OFFER,
        Problem.SLOW_BODY,
        Problem.SOLD_OUT,
        Problem.TOO_LARGE,
        Problem.MEDIA_TYPE,
        Problem.UNAVAILABLE,
    ]

    assert {str(problem.status) for problem in placing} <= described
