"""Waiting for sockets: by the thread itself, or by giving way to whoever shares the process."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from greenlet import greenlet

from order_processing.waiting import connect, pause, readable, writable

ANSWERS_AT_ONCE = 5.0


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def asked(wait: Any, *answers: bool) -> tuple[list[Any], Any]:
    """What *wait* passes to its parent greenlet, which answers as given; and what it gives in the end."""
    task = greenlet(wait)
    passed = [task.switch()]
    for answer in answers:
        passed.append(task.switch(answer))
    assert task.dead
    return passed[:-1], passed[-1]


def test_thread_of_its_own_waits_until_something_has_arrived(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.send(b"x")

    assert readable(ours, ANSWERS_AT_ONCE)


def test_thread_of_its_own_waits_no_longer_than_it_may(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair

    assert not readable(ours, 0.001)


def test_shared_thread_is_given_way(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    number = ours.fileno()

    assert asked(lambda: readable(ours, 3.0), True) == ([(number, False, 3.0)], True)
    assert asked(lambda: writable(ours, 4.0), False) == ([(number, True, 4.0)], False)
    assert asked(lambda: pause(5.0), False) == ([(-1, False, 5.0)], None)


def test_connection_is_made_and_has_its_timeout(server: socket.socket) -> None:
    with connect(server.getsockname(), ANSWERS_AT_ONCE) as connection:
        accepted, _ = server.accept()
        with accepted:
            connection.sendall(b"hello")

            assert accepted.recv(5) == b"hello"
            assert connection.gettimeout() == ANSWERS_AT_ONCE


def test_connection_to_a_name_tries_all_its_addresses(server: socket.socket) -> None:
    with connect(("localhost", server.getsockname()[1]), ANSWERS_AT_ONCE) as connection:
        assert connection.getpeername() == server.getsockname()


def test_connection_that_is_refused_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()

    with pytest.raises(ConnectionRefusedError):
        connect(address, ANSWERS_AT_ONCE)


def test_connection_that_takes_too_long_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as busy:
        address = busy.getsockname()
        in_queue = connect(address, ANSWERS_AT_ONCE)  # fills the queue of those that wait to be accepted
        with in_queue, pytest.raises(TimeoutError, match=r"no connection within 0\.01 s"):
            connect(address, 0.01)


def test_shared_thread_is_given_way_while_a_connection_is_made(server: socket.socket) -> None:
    def make() -> bool:
        with connect(server.getsockname(), 3.0):
            return True

    passed, made = asked(make, True)

    assert made
    assert [(writing, seconds) for _, writing, seconds in passed] == [(True, 3.0)]
