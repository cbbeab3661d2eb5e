"""Where AWS services are reached: what the node's own environment says, and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from expeditor.errors import ExpeditorError
from expeditor.settings import REGION

EVERY_SERVICE = "AWS_ENDPOINT_URL"
OWN_SERVICES = frozenset({"SFN", "Lambda", "SNS"})
"""Service ids that the node answers itself."""


class NoEndpointError(ExpeditorError):
    """A service has no address it may be reached at.

    Attributes:
        service_id: AWS's id of the service, such as ``CloudWatch Logs``.
        variable: the environment variable that gives the address.
    """

    def __init__(self, service_id: str, variable: str, problem: str) -> None:
        super().__init__(f"{problem}; start the node with {variable}=http://host:port to say where {service_id} is")
        self.service_id = service_id
        self.variable = variable


def endpoint_variable(service_id: str) -> str:
    """The AWS SDKs' name of the variable with a service's endpoint, such as ``AWS_ENDPOINT_URL_CLOUDWATCH_LOGS``.

    Source: AWS SDKs and Tools reference, "Service-specific endpoints".
    """
    return f"{EVERY_SERVICE}_{service_id.replace(' ', '_').replace('-', '_').upper()}"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses and credentials for calls to AWS services.

    Attributes:
        environment: of the node; the AWS SDKs' variables are read, nothing else.
        own_url: the node's own AWS endpoint, for the services it answers itself.
    """

    environment: Mapping[str, str]
    own_url: str | None = None

    def url(self, service_id: str) -> str:
        """The address of a service.

        A variable for the service wins; the node's own services come next, then the address for every service.

        Raises:
            NoEndpointError: nothing names an address. AWS's public addresses are never the default.
        """
        variable = endpoint_variable(service_id)
        named = self.environment.get(variable)
        if named:
            return _checked(named, service_id, variable)
        if service_id in OWN_SERVICES and self.own_url is not None:
            return self.own_url
        shared = self.elsewhere
        if shared is None:
            raise NoEndpointError(service_id, variable, f"no endpoint is configured for {service_id}")
        return _checked(shared, service_id, EVERY_SERVICE)

    def has_elsewhere(self, service_id: str) -> bool:
        """Whether a service the node answers itself can be reached at another address as well."""
        return bool(self.environment.get(endpoint_variable(service_id)) or self.elsewhere)

    @property
    def elsewhere(self) -> str | None:
        """The address for every service; None when it is the node's own, which would only answer itself."""
        shared = self.environment.get(EVERY_SERVICE)
        return None if not shared or shared.rstrip("/") == self.own_url else shared

    @property
    def region(self) -> str:
        """The region that calls are signed for."""
        return self.environment.get("AWS_REGION") or self.environment.get("AWS_DEFAULT_REGION") or REGION

    @property
    def credentials(self) -> tuple[str, str, str | None]:
        """Access key, secret key and session token; made-up ones, which the node's API takes, if there are none."""
        return (
            self.environment.get("AWS_ACCESS_KEY_ID") or "expeditor",
            self.environment.get("AWS_SECRET_ACCESS_KEY") or "expeditor",
            self.environment.get("AWS_SESSION_TOKEN") or None,
        )


def _checked(url: str, service_id: str, variable: str) -> str:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise NoEndpointError(service_id, variable, f"{variable} is {url!r}, which is no address")
    return url
