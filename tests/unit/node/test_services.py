"""A service starts only where nobody else could answer in its place."""

import asyncio
import os
from collections.abc import Callable
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


@pytest.mark.anyio
async def test_service_that_could_not_be_started_again_is_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "RESTART_SECONDS_FIRST", 0.0)
    with socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    log = tmp_path / "log"
    service = Service(ServiceResource("shop", ("true",), port, "SHOP_PORT", "/healthz", {}), {}, log)
    await service.start()

    log.unlink()
    log.mkdir()
    await until(lambda: service.restarts > 2)
    log.rmdir()
    await until(log.is_file)

    await service.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Lets the event loop work until *condition* holds."""
    async with asyncio.timeout(10.0):
        while not condition():
            await asyncio.to_thread(os.sched_yield)
