"""The order service as a process: it starts, ends, is killed and starts again on its data."""

import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .running import END_SECONDS_MAX, Process, running_service
from .sns_stand_in import MEMBER, SnsStandIn, sns_stand_in

CLIENTS = 8
ACKNOWLEDGED_BEFORE_KILL = 60


@pytest.fixture
def sns() -> Iterator[SnsStandIn]:
    with sns_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def service(tmp_path: Path, sns: SnsStandIn) -> Iterator[Process]:
    with running_service(tmp_path, sns.url) as process:
        process.sell(10_000)
        yield process


def test_sigterm_ends_it_cleanly_and_frees_the_port(service: Process) -> None:
    assert service.process is not None
    service.process.send_signal(signal.SIGTERM)

    assert service.ended() == 0
    service.start(service.port)
    assert service.ask("GET", "/healthz")[0] == 200


def test_open_streams_do_not_keep_it_from_ending(service: Process) -> None:
    order_id = service.order("k-1")[2]["order_id"]
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("GET", f"/orders/{order_id}/events")
    stream = connection.getresponse()
    assert stream.readline() == b"retry: 1000\n"
    assert service.process is not None
    service.process.send_signal(signal.SIGTERM)

    assert b"event: order" in stream.read()
    assert service.ended() == 0
    connection.close()


def test_a_killed_service_remembers_its_orders_and_announces_them(service: Process, sns: SnsStandIn) -> None:
    sns.status = 500
    _, _, first = service.order("k-1")
    service.kill()
    sns.status = 200
    already = len(sns.requests)
    service.start()

    status, headers, second = service.order("k-1")

    assert (status, second, headers["idempotent-replayed"]) == (201, first, "true")
    with sns.arrived:
        assert sns.arrived.wait_for(lambda: len(sns.requests) > already, END_SECONDS_MAX)
    assert first["order_id"] in sns.requests[-1][MEMBER.format(1, "Message")]


def test_no_acknowledged_order_is_lost_when_it_is_killed_under_load(service: Process) -> None:
    acknowledged: dict[str, str] = {}
    enough = threading.Event()

    def buy(client: int) -> None:
        for number in range(10_000):
            key = f"{client}-{number}"
            try:
                status, _, body = service.order(key)
            except (OSError, http.client.HTTPException):
                return
            assert status == 201
            acknowledged[key] = body["order_id"]
            if len(acknowledged) >= ACKNOWLEDGED_BEFORE_KILL:
                enough.set()

    clients = [threading.Thread(target=buy, args=(client,)) for client in range(CLIENTS)]
    for client in clients:
        client.start()
    assert enough.wait(END_SECONDS_MAX)
    service.kill()
    for client in clients:
        client.join()
    service.start()

    assert len(acknowledged) >= ACKNOWLEDGED_BEFORE_KILL
    for key, order_id in acknowledged.items():
        status, headers, body = service.order(key)
        assert (status, body["order_id"], headers["idempotent-replayed"]) == (201, order_id, "true")


def test_it_ends_with_whoever_started_it(tmp_path: Path, sns: SnsStandIn) -> None:
    starter = (
        "import subprocess, sys\n"
        "command = [sys.executable, '-m', 'order_processing.service']\n"
        "child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    environment = Process(tmp_path, sns.url).environment()
    parent = subprocess.Popen([sys.executable, "-c", starter], env=environment, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = os.pidfd_open(int(parent.stdout.readline()))

    parent.kill()
    parent.wait()

    poller = select.poll()
    poller.register(child, select.POLLIN)
    assert poller.poll(END_SECONDS_MAX * 1000), "the service outlived its parent"
    os.close(child)
    parent.stdout.close()


def test_a_second_service_on_the_same_data_says_why_it_cannot_start(service: Process) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "order_processing.service"],
        env=service.environment(),
        capture_output=True,
        text=True,
        timeout=END_SECONDS_MAX,
    )

    assert second.returncode == 1
    assert "has a writer already" in second.stderr


def test_missing_settings_are_all_named() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "order_processing.service"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=END_SECONDS_MAX,
    )

    assert ended.returncode == 1
    for name in ("ORDERS_DB", "ORDERS_SOCKET", "VOUCHER_KEY_FILE", "ORDER_NOTIFICATIONS_TOPIC_ARN"):
        assert name in ended.stderr


def test_a_step_that_nobody_takes_elsewhere_is_refused_at_start(tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("ORDERS_DB", "ORDERS_SOCKET", "VOUCHER_KEY_FILE")}
    ended = subprocess.run(
        [sys.executable, "-m", "order_processing.service"],
        env={
            "PATH": os.environ["PATH"],
            "ORDER_NOTIFICATIONS_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:orders",
            "REMOTE_OPERATIONS": "fraud-scam=https://a.example/",
            **files,
        },
        capture_output=True,
        text=True,
        timeout=END_SECONDS_MAX,
    )

    assert ended.returncode == 1
    assert "cannot start: REMOTE_OPERATIONS names 'fraud-scam', which is no step; there are " in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000, 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: 1\r\n" * 100 + b"\r\n", 431),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n", 421),
        (b"GET / HTTP/1.0\r\n\r\n", 421),
    ],
    ids=["long header", "many headers", "long target", "no HTTP", "two lengths", "two hosts", "no host"],
)
def test_a_malformed_head_is_refused_with_a_problem(service: Process, request_head: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(request_head)
        answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in answer
