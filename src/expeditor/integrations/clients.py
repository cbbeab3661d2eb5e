"""botocore clients, made on first use and kept. Everything here runs on the pool's threads."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import msgspec

from expeditor.errors import ExpeditorError
from expeditor.integrations.endpoints import Endpoints
from expeditor.integrations.naming import BOTOCORE_NAMES, service_prefix

Client: TypeAlias = Any

CONNECT_SECONDS_MAX = 5
READ_SECONDS_MAX = 65
"""Longer than the services' longest polls, which answer after 60 seconds."""


class UnknownServiceError(ExpeditorError):
    """There is no AWS service of that name."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that can be called.

    Attributes:
        prefix: what the names of its errors begin with in SDK integrations.
        methods: the client's methods by lower-case action.
        errors: names of the model's error shapes, by what the service calls them on the wire.
    """

    prefix: str
    client: Client
    methods: Mapping[str, str]
    errors: Mapping[str, str]

    def operation(self, action: str) -> Any:
        """The model of an action. Raises UnknownServiceError when the service has no such action."""
        method = self.methods.get(action.lower())
        if method is None:
            raise UnknownServiceError(f"{self.client.meta.service_model.service_name} has no action {action}")
        model = self.client.meta.service_model.operation_model(self.client.meta.method_to_api_mapping[method])
        if model.has_event_stream_output or model.has_event_stream_input:
            raise UnknownServiceError(f"{action} streams events, which a task cannot wait for")
        return model

    def call(self, action: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Calls an action once and waits for its answer. Raises botocore's errors."""
        answered: dict[str, Any] = getattr(self.client, self.methods[action.lower()])(**fields)
        return answered


class Clients:
    """Makes clients that reach services at the configured endpoints, and only there.

    Nothing of the user's AWS configuration is read, no credentials are looked up, and no call is repeated: the state
    machine's Retry does that.

    Attributes:
        endpoints: where services are.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self._services: dict[str, Service] = {}
        self._making = threading.Lock()
        self._session: Any = None
        self._names: dict[str, str] = {}

    def service(self, name: str) -> Service:
        """A service by Step Functions' name, such as ``cloudwatchlogs``.

        Raises:
            UnknownServiceError: there is no such service.
            NoEndpointError: the node was not told where it is.
        """
        with self._making:
            if name not in self._services:
                self._services[name] = self._made(name)
            return self._services[name]

    def _made(self, name: str) -> Service:
        if self._session is None:
            self._session = _session()
            known = self._session.get_available_services()
            self._names = {each.replace("-", ""): each for each in known} | dict(BOTOCORE_NAMES)
        if name not in self._names:
            raise UnknownServiceError(f"Step Functions knows no service {name}")
        client_name = self._names[name]
        model = self._session.get_service_model(client_name)
        client = self._client(client_name, model)
        return Service(
            prefix=service_prefix(model.service_id),
            client=client,
            methods={known.lower(): method for method, known in client.meta.method_to_api_mapping.items()},
            errors={
                code: shape.name
                for shape in client.meta.service_model.error_shapes
                for code in (shape.name, shape.error_code)
            },
        )

    def _client(self, name: str, model: Any) -> Client:
        from botocore.config import Config

        url = self.endpoints.url(model.service_id)
        key, secret, token = self.endpoints.credentials
        config = Config(
            connect_timeout=CONNECT_SECONDS_MAX,
            read_timeout=READ_SECONDS_MAX,
            retries={"total_max_attempts": 1},
            # The service has the last word on its parameters, as it has with AWS's SDK for Java.
            parameter_validation=False,
            inject_host_prefix=False,
            proxies={},
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            account_id_endpoint_mode="disabled",
            # Whatever the environment says: these would choose other hosts than the configured one.
            use_dualstack_endpoint=False,
            use_fips_endpoint=False,
            max_pool_connections=16,
        )
        client = self._session.create_client(
            name,
            region_name=self.endpoints.region,
            endpoint_url=url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=config,
        )
        client.meta.events.register("before-send", partial(_check_host, urlsplit(url).netloc))
        if model.metadata["protocol"] == "json":
            client.meta.events.register("after-call", _check_json)
        return client


def _check_host(netloc: str, request: Any, **_: Any) -> None:
    """Names in a request, such as a bucket's ARN, never lead to another host than the configured one."""
    if urlsplit(request.url).netloc != netloc:
        raise ValueError(f"the request would go to {urlsplit(request.url).netloc} instead of {netloc}")


def _check_json(http_response: Any, **_: Any) -> None:
    """botocore takes an answer that is no JSON for an empty one, so that writing to a web page would seem to work."""
    from botocore.parsers import ResponseParserError

    try:
        msgspec.json.decode(http_response.content or b"{}", type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise ResponseParserError(f"the answer is no JSON object: {error}") from error


def _session() -> Any:
    """A session that reads no files of the user's.

    Imported here: botocore takes a fifth of a second, and most nodes never call another service.
    """
    from botocore.session import Session

    nowhere = (None, None, os.devnull, None)
    unset = (None, None, None, None)
    chosen = (None, None, "legacy", None)
    return Session(
        session_vars={
            "config_file": nowhere,
            "credentials_file": nowhere,
            "profile": unset,
            "defaults_mode": chosen,
        }
    )
