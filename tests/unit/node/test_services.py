"""A service starts only where nobody else could answer in its place."""

from pathlib import Path
from socket import socket

import pytest

from expeditor.node import services
from expeditor.node.application import ServiceResource
from expeditor.node.services import Service, ServiceError
from expeditor.settings import HOST


@pytest.mark.anyio
async def test_service_does_not_start_where_somebody_else_has_its_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "PORT_SECONDS_MAX", 0.0)
    with socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        service = Service(ServiceResource("shop", ("true",), port, "SHOP_PORT", "/healthz", {}), {}, tmp_path / "log")

        with pytest.raises(ServiceError, match=f"port {port} of shop is taken .*SHOP_PORT"):
            await service.start()

    assert service.pid is None
