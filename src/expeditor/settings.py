"""Settings of a node: where it keeps its files and where it listens."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from expeditor.errors import ExpeditorError

ACCOUNT = "000000000000"
REGION = "us-east-1"
HOST = "127.0.0.1"


class SettingsError(ExpeditorError):
    """A setting has a value that cannot be used."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``expeditor up`` needs to know.

    Attributes:
        home: directory of all durable files (``EXPEDITOR_HOME``; an empty value counts as none).
        node_port: AWS endpoint and console (``NODE_PORT``).
        shop_port: order service (``SHOP_PORT``).
    """

    home: Path
    node_port: int
    shop_port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the three settings; defaults are ``./.expeditor``, 8081 and 8080.

        Raises:
            SettingsError: a port is not a number between 1 and 65535.
        """
        return cls(
            home=Path(environment.get("EXPEDITOR_HOME") or ".expeditor").resolve(),
            node_port=_port(environment, "NODE_PORT", 8081),
            shop_port=_port(environment, "SHOP_PORT", 8080),
        )

    @property
    def endpoint_url(self) -> str:
        """Address of the AWS endpoint."""
        return f"http://{HOST}:{self.node_port}"

    @property
    def flags_file(self) -> Path:
        """The document of flags that both A/B points read."""
        return self.home / "experiments.json"

    @property
    def operator_token_file(self) -> Path:
        """What a program shows to the shop to be taken for an operator."""
        return self.home / "secrets" / "operator.token"

    @property
    def shop_url(self) -> str:
        """Address of the shop."""
        return f"http://{HOST}:{self.shop_port}"


def aws_environment(endpoint_url: str) -> dict[str, str]:
    """Variables that make any AWS SDK or tool speak to this node.

    ``AWS_DISABLE_HOST_PREFIX_INJECTION`` matters for StartSyncExecution and TestState, whose host would become
    ``sync-127.0.0.1``. The node accepts any credentials on loopback; SDKs want to see some.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "expeditor",
        "AWS_SECRET_ACCESS_KEY": "expeditor",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def is_loopback(host: str) -> bool:
    """Whether *host* can only be reached from this machine."""
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise SettingsError(f"{name} is {text!r}; give a port between 1 and 65535")
    return int(text)
