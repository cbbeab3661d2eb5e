"""The AWS endpoint: an ASGI application that speaks the wire protocols of Step Functions, Lambda and SNS.

``create_api`` builds it from the rooms behind it; ``is_aws_request`` tells its requests from those of a console that
shares its port. How a service registers its operations stands in ``expeditor.api.protocol``.
"""

from expeditor.api.protocol import Answer, Call, Operation, Operations
from expeditor.api.reference import render
from expeditor.api.server import Api, is_aws_request
from expeditor.api.services import Services, create_api

__all__ = [
    "Answer",
    "Api",
    "Call",
    "Operation",
    "Operations",
    "Services",
    "create_api",
    "is_aws_request",
    "render",
]
