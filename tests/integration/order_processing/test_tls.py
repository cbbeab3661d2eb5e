"""HTTPS in a process that several invocations share: none of them holds up the others while it waits."""

import datetime
import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from greenlet import greenlet

from order_processing.gateways.http_client import HttpConnection, HttpConnections, HttpError

from ..integrations.standins import Answer, Asked, stand_in

SILENCE_SECONDS = 5.0
LONG_BODY = b"x" * 60_000


@pytest.fixture
def server_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server on localhost answers with; its certificate is trusted here."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    from_at = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, from_at, from_at.replace(year=2100))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = tmp_path / "server.pem"
    path.write_bytes(pem + secret)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture
def bell() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_answers_over_tls_arrive_whole_on_one_connection(server_tls: ssl.SSLContext) -> None:
    def respond(asked: Asked) -> Answer:
        return Answer(asked.body)

    with stand_in(respond, server_tls) as server:
        with closing(HttpConnections(f"https://localhost:{server.port}", SILENCE_SECONDS)) as connections:
            answers = [connections.ask("POST", "/", body=body) for body in (LONG_BODY, b"short", LONG_BODY)]

        assert answers == [(200, LONG_BODY), (200, b"short"), (200, LONG_BODY)]


def test_server_that_is_not_trusted_is_asked_nothing(
    server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with stand_in(lambda _: Answer(b"private"), server_tls) as server:
        connection = HttpConnection(f"https://localhost:{server.port}", SILENCE_SECONDS)

        with pytest.raises(HttpError, match="certificate"):
            connection.ask("GET", "/")

        assert server.asked == []


def test_neighbours_go_on_while_an_answer_over_tls_is_awaited(
    server_tls: ssl.SSLContext, bell: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = bell

    def respond(_: Asked) -> Answer:
        theirs.send(b"asked")
        theirs.recv(1)
        return Answer(b"late")

    with stand_in(respond, server_tls) as server:
        task = greenlet(lambda: _asked(f"https://localhost:{server.port}"))
        given = task.switch()
        while not task.dead and not _is_rung(ours, given):
            given = task.switch(True)
        assert not task.dead, given
        ours.send(b"!")
        while not task.dead:
            given = task.switch(True)

    assert given == (200, b"late")


def test_neighbours_go_on_while_a_server_says_nothing_to_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"https://127.0.0.1:{mute.getsockname()[1]}"
        task = greenlet(lambda: HttpConnection(url, SILENCE_SECONDS).ask("GET", "/"))

        _, is_connecting, _ = task.switch()
        _, is_writing, seconds = task.switch(True)

        assert (is_connecting, is_writing, seconds) == (True, False, SILENCE_SECONDS)
        with pytest.raises(HttpError, match="TimeoutError"):
            task.switch(False)


def _asked(url: str) -> tuple[int, bytes]:
    with closing(HttpConnection(url, SILENCE_SECONDS)) as connection:
        return connection.ask("GET", "/")


def _is_rung(bell: socket.socket, wait: Any) -> bool:
    """Waits for what a task waits for, or for the bell; whether only the bell is there."""
    descriptor, is_writing, _ = wait
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT if is_writing else select.POLLIN)
    poll.register(bell, select.POLLIN)
    return [ready for ready, _ in poll.poll(SILENCE_SECONDS * 1000)] == [bell.fileno()]
