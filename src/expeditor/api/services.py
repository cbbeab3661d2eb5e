"""What the endpoint is built from."""

from collections.abc import Iterable
from dataclasses import dataclass

from expeditor.api.guard import Guard
from expeditor.api.lambda_ import lambda_operations
from expeditor.api.server import Api
from expeditor.api.sns import sns_operations
from expeditor.api.stepfunctions import stepfunctions_operations
from expeditor.executions import Engine
from expeditor.functions import Functions
from expeditor.ids import Ids
from expeditor.store import Database
from expeditor.topics import Topics


@dataclass(frozen=True, slots=True)
class Services:
    """The rooms behind the endpoint; all belong to the event loop that serves it.

    Attributes:
        hosts: names of the node beside 127.0.0.1, localhost and [::1] that requests may give as their Host.
    """

    database: Database
    ids: Ids
    engine: Engine
    functions: Functions
    topics: Topics
    hosts: Iterable[str] = ()


def create_api(services: Services) -> Api:
    """The ASGI application: Step Functions, Lambda and SNS on one port."""
    operations = {
        "stepfunctions": stepfunctions_operations(services.engine, services.ids),
        "lambda": lambda_operations(services.functions, services.database),
        "sns": sns_operations(services.topics),
    }
    return Api(operations, Guard(services.hosts), services.ids)
