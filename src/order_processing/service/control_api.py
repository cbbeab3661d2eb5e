"""``/operator``: what operators do to orders by hand; every act names who does it and why, and is audited."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from order_processing.domain import Act, Order, OrderStatus, Pipeline
from order_processing.gateways import ExecutionRegister, ExecutionsUnreachableError
from order_processing.operations import (
    Services,
    StuckFilter,
    StuckGroup,
    give_up,
    hand_to,
    pause_order,
    perform,
    record_act,
    redrive,
    resolve_payments,
    resume_order,
    stuck_groups,
    stuck_orders,
)
from order_processing.service import strict_json
from order_processing.service.acting import told
from order_processing.service.fields import json_texts
from order_processing.service.http import JSON, Reply, demand_media_type, read_body
from order_processing.service.operator_api import OrderRow, chosen, number, row_of
from order_processing.service.operators import Operators
from order_processing.service.problems import Problem, field_problem
from order_processing.service.router import Request, Route

_log = logging.getLogger(__name__)

LIMIT_USUAL = 100
LIMIT_MAX = 1_000

Fields = Mapping[str, str]


def _hand_over(services: Services, order_id: str, act: Act, fields: Fields) -> Order:
    names = {pipeline.value: pipeline for pipeline in Pipeline}
    if fields["to"] not in names:
        raise field_problem(Problem.INVALID_FIELD, "/to", f"is one of {', '.join(names)}")
    return hand_to(services, order_id, names[fields["to"]], act, to_release=fields.get("release", ""))


def _redrive(services: Services, order_id: str, act: Act, fields: Fields) -> Order:
    return redrive(services, order_id, act, to_release=fields.get("release", ""))


def _pause(services: Services, order_id: str, act: Act, _: Fields) -> Order:
    return pause_order(services, order_id, act)


def _resume(services: Services, order_id: str, act: Act, _: Fields) -> Order:
    return resume_order(services, order_id, act)


def _resolve(services: Services, order_id: str, act: Act, _: Fields) -> Order:
    return resolve_payments(services, order_id, act)


def _cancel(services: Services, order_id: str, act: Act, _: Fields) -> Order:
    return give_up(services, order_id, OrderStatus.CANCELLED, act)


def _fail(services: Services, order_id: str, act: Act, _: Fields) -> Order:
    return give_up(services, order_id, OrderStatus.FAILED, act)


Perform = Callable[[Services, str, Act, Fields], Order]

ACTS: Mapping[str, tuple[Perform, tuple[str, ...], tuple[str, ...]]] = {
    "hand-over": (_hand_over, ("to",), ("release",)),
    "redrive": (_redrive, (), ("release",)),
    "pause": (_pause, (), ()),
    "resume": (_resume, (), ()),
    "resolve": (_resolve, (), ()),
    "cancel": (_cancel, (), ()),
    "fail": (_fail, (), ()),
}
"""By the last part of its path: an act, and the fields it needs and takes besides ``actor`` and ``reason``."""


class StuckView(msgspec.Struct, frozen=True):
    """What does not get further."""

    groups: list[StuckGroup]
    orders: list[OrderRow]


class ControlApi:
    """Handlers; every one of them asks for ``Authorization: Bearer TOKEN`` first.

    Args:
        executions: where those that an act has fenced off are stopped.
        wake: tells the relay that there may be something to publish.
    """

    def __init__(
        self, services: Services, operators: Operators, executions: ExecutionRegister, wake: Callable[[], None]
    ) -> None:
        self._services = services
        self._operators = operators
        self._executions = executions
        self._wake = wake
        self._encode = msgspec.json.Encoder().encode

    @property
    def routes(self) -> tuple[Route, ...]:
        """Everything here; not part of the public description."""
        acts = (Route("POST", f"/operator/orders/{{order_id}}/{name}", partial(self._act, name=name)) for name in ACTS)
        return (
            *acts,
            Route("POST", "/orders/{order_id}/operations/{operation}", self.operate),
            Route("GET", "/operator/stuck", self.stuck),
            Route("GET", "/operator/audit", self.audit),
            Route("POST", "/operator/audit", self.record),
        )

    async def operate(self, request: Request) -> Reply:
        """``POST /orders/{order_id}/operations/{operation}``: one step of a pipeline, for systems that drive orders.

        The body is the step's event, with the ``epoch`` of the order's owner; the answer is the step's. An epoch that
        is not the order's any more is answered 409, ``error`` StaleOwnerError. ``take-over-order`` gives an epoch.
        """
        self._operators.demand_token(request)
        demand_media_type(request.scope, JSON)
        document = strict_json.parse(await read_body(request.scope, request.receive))
        if not isinstance(document, dict):
            raise field_problem(Problem.INVALID_FIELD, "", "must be an object")
        event = {**document, "order_id": request.parameters["order_id"]}
        answer = await told(lambda: perform(self._services, request.parameters["operation"], event))
        return Reply(200, self._encode(answer), JSON)

    async def stuck(self, request: Request) -> Reply:
        """``GET /operator/stuck``: orders that do not get further, the longest waiting first, and grouped.

        Query: ``status``, ``pipeline``, ``release``, ``error`` (a part of the problem), ``older_than`` (seconds),
        ``paused`` (yes or no), ``limit`` (at most 1000).
        """
        self._operators.demand_token(request)
        query = request.query(("status", "pipeline", "release", "error", "older_than", "paused", "limit"))
        if query.get("paused") not in (None, "yes", "no"):
            raise field_problem(Problem.BAD_REQUEST, "paused", "is yes or no")
        wanted = StuckFilter(
            status=chosen(OrderStatus, query, "status"),
            pipeline=chosen(Pipeline, query, "pipeline"),
            release=query.get("release", ""),
            error=query.get("error", ""),
            older_than_seconds=number(query, "older_than", 0, float("inf")),
            paused=None if "paused" not in query else query["paused"] == "yes",
            limit=int(number(query, "limit", LIMIT_USUAL, LIMIT_MAX, least=1)),
        )
        orders = await asyncio.to_thread(stuck_orders, self._services, wanted)
        view = StuckView(stuck_groups(orders, self._services.clock.now()), [row_of(order) for order in orders])
        return Reply(200, self._encode(view), JSON)

    async def audit(self, request: Request) -> Reply:
        """``GET /operator/audit``: manual acts, newest first. Query: ``subject``, ``limit`` (at most 1000)."""
        self._operators.demand_token(request)
        query = request.query(("subject", "limit"))
        limit = int(number(query, "limit", LIMIT_USUAL, LIMIT_MAX, least=1))
        return Reply(200, self._encode(self._services.store.audits(query.get("subject") or None, limit)), JSON)

    async def record(self, request: Request) -> Reply:
        """``POST /operator/audit``: records an act done elsewhere, such as on the node."""
        self._operators.demand_token(request)
        fields = await json_texts(request, ("actor", "reason", "action", "subject"), ("detail",))
        act = Act(fields["actor"], fields["reason"])
        after = {"detail": fields["detail"]} if "detail" in fields else {}
        entry = await told(lambda: record_act(self._services, fields["action"], fields["subject"], act, after=after))
        return Reply(201, self._encode(entry), JSON)

    async def _act(self, request: Request, name: str) -> Reply:
        """Carries an act of ``ACTS`` out and answers with the order as it is then."""
        self._operators.demand_token(request)
        carry_out, required, optional = ACTS[name]
        fields = await json_texts(request, ("actor", "reason", *required), optional)
        act = Act(fields["actor"], fields["reason"])
        order_id = request.parameters["order_id"]
        order = await told(lambda: self._carried_out(carry_out, order_id, act, fields))
        self._wake()
        return Reply(200, self._encode(row_of(order)), JSON)

    def _carried_out(self, carry_out: Perform, order_id: str, act: Act, fields: Fields) -> Order:
        """Does the act, and stops the execution that it has fenced off, which may wait for a person for an hour yet."""
        before = self._services.store.order(order_id)
        order = carry_out(self._services, order_id, act, fields)
        if before is not None and before.owner.execution not in ("", order.owner.execution):
            try:
                self._executions.stop(before.owner.release, before.owner.execution, act.reason)
            except ExecutionsUnreachableError as error:
                _log.warning("%s; the order is fenced all the same", error)
        return order
