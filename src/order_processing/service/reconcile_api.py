"""``/operator/reconciliations``: compares what is recorded in different places, and mends it on request."""

import msgspec

from order_processing.domain import PATIENCE_SECONDS, Act
from order_processing.gateways import ExecutionRegister
from order_processing.operations import Reconciler, ReconciliationPage, Services
from order_processing.service.acting import told
from order_processing.service.fields import json_texts
from order_processing.service.http import JSON, Reply
from order_processing.service.operators import Operators
from order_processing.service.problems import Problem, field_problem
from order_processing.service.router import Request, Route

PAGE_USUAL = 100
PAGE_MAX = 500


class ReconcileApi:
    """Handlers; every one of them asks for ``Authorization: Bearer TOKEN`` first.

    Args:
        executions: how the state machines' executions stand.
    """

    def __init__(self, services: Services, operators: Operators, executions: ExecutionRegister) -> None:
        self._services = services
        self._operators = operators
        self._executions = executions
        self._encode = msgspec.json.Encoder().encode

    @property
    def routes(self) -> tuple[Route, ...]:
        """Everything here; not part of the public description."""
        return (Route("POST", "/operator/reconciliations", self.reconcile),)

    async def reconcile(self, request: Request) -> Reply:
        """``POST /operator/reconciliations``: one page of orders, those changed at ``since`` first.

        Orders that changed within the last ``patience`` seconds, 600 by default, are left out. With ``apply`` ``yes``,
        and then ``actor`` and ``reason``, what is found is mended. ``next_since`` of the answer is where to go on; null
        at the end.
        """
        self._operators.demand_token(request)
        fields = await json_texts(request, ("since",), ("limit", "patience", "apply", "actor", "reason"))
        since = _number("since", fields["since"], float("inf"))
        patience = _number("patience", fields.get("patience", str(PATIENCE_SECONDS)), 86_400.0)
        limit = int(_number("limit", fields.get("limit", str(PAGE_USUAL)), PAGE_MAX))
        if fields.get("apply", "no") not in ("yes", "no"):
            raise field_problem(Problem.INVALID_FIELD, "/apply", "is yes or no")
        applies = fields.get("apply") == "yes"
        act = Act(fields.get("actor", ""), fields.get("reason", "")) if applies else None

        def compare() -> ReconciliationPage:
            return Reconciler(self._services, self._executions, patience).page(since, max(1, limit), act)

        return Reply(200, self._encode(await told(compare)), JSON)


def _number(name: str, text: str, most: float) -> float:
    try:
        number = float(text[:32])
    except ValueError:
        raise field_problem(Problem.INVALID_FIELD, f"/{name}", "is a number") from None
    if not 0 <= number <= most or number == float("inf"):
        raise field_problem(Problem.INVALID_FIELD, f"/{name}", f"is between 0 and {most:g}")
    return number
