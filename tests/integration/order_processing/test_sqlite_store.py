"""What is particular to the SQLite store: one writer, other processes over a socket, restarts."""

import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import apsw
import pytest

from order_processing.clock import ManualClock
from order_processing.domain import OrderStatus
from order_processing.stores import (
    CommitUnknownError,
    ConflictError,
    OrderFilter,
    PutOffer,
    PutOrder,
    SocketOrderStore,
    SqliteOrderStore,
    StoreUnavailableError,
    TakeStock,
)
from order_processing.stores.connections import StoreFileError
from order_processing.stores.framing import FRAME_BYTES_MAX, unix_socket
from order_processing.stores.writer import EXIT_SOFTWARE

from ...order_samples import an_offer, an_order


def test_what_was_committed_is_there_after_the_writer_was_closed_and_opened(tmp_path: Path) -> None:
    first = SqliteOrderStore(tmp_path / "orders.db")
    first.commit((PutOrder(an_order(), None),)).result()
    first.close()

    second = SqliteOrderStore(tmp_path / "orders.db")
    try:
        assert second.order("o-1") == an_order()
    finally:
        second.close()


def test_what_was_acknowledged_survives_the_kill_of_the_writer(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "from order_processing.stores import SqliteOrderStore, PutOffer\n"
        "from order_processing.stores.catalogue import seed\n"
        "store = SqliteOrderStore(Path(sys.argv[1])); print(seed(store), flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "orders.db")], capture_output=True, text=True, check=False
    )
    assert (killed.returncode, killed.stderr) == (-9, "")

    store = SqliteOrderStore(tmp_path / "orders.db")
    try:
        assert len(store.offers()) == int(killed.stdout)
    finally:
        store.close()


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    store = SqliteOrderStore(tmp_path / "orders.db")
    try:
        with pytest.raises(StoreFileError, match="has a writer already"):
            SqliteOrderStore(tmp_path / "orders.db")
    finally:
        store.close()


def test_a_query_is_compiled_once_whatever_it_is_asked_for(tmp_path: Path) -> None:
    store = SqliteOrderStore(tmp_path / "orders.db")
    compiled: list[object] = []

    def ask(number: int) -> None:
        store.records(f"g-{number}", number, since=number)
        store.records_count(f"g-{number}", number, since=number, until=number + 1)
        store.orders(OrderFilter(updated_since=number, limit=number))
        store.holds_expired(number, number)
        store.unpublished(number)
        store.audits(f"s-{number}", number)

    def authorizer(*details: object) -> int:  # which SQLite asks while it compiles
        compiled.append(details)
        return apsw.SQLITE_OK

    try:
        store._readers.get().authorizer = authorizer
        ask(1)
        assert compiled
        compiled.clear()
        ask(2)
        assert compiled == []
    finally:
        store.close()


def test_a_file_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "orders.db"))
    connection.pragma("user_version", 99)
    connection.close()

    with pytest.raises(StoreFileError, match="newer release"):
        SqliteOrderStore(tmp_path / "orders.db")


def test_one_refused_transaction_does_not_hurt_the_others_of_its_commit(tmp_path: Path) -> None:
    store = SqliteOrderStore(tmp_path / "orders.db")
    entered, go_on = threading.Event(), threading.Event()

    def hold_the_writer(_: "Future[None]") -> None:
        entered.set()
        go_on.wait(10)

    try:
        store.commit((PutOffer(an_offer(stock_left=1)),)).add_done_callback(hold_the_writer)
        assert entered.wait(10)
        taken = [store.commit((TakeStock("spa", f"o-{number}", 1, 1.0),)) for number in range(3)]
        written = store.commit((PutOrder(an_order(), None),))
        go_on.set()

        assert [future.exception(10) is None for future in taken] == [True, False, False]
        assert written.exception(10) is None
    finally:
        go_on.set()
        store.close()


def test_listeners_hear_which_orders_changed_and_not_which_did_not(tmp_path: Path) -> None:
    store = SqliteOrderStore(tmp_path / "orders.db")
    heard: list[list[str]] = []
    store.listen(lambda written: heard.append([each.order_id for each in written]))
    try:
        store.commit((PutOffer(an_offer()),)).result()
        store.commit((PutOrder(an_order(), None),)).result()
        store.commit((PutOrder(an_order(), None),)).exception()
        store.commit((PutOrder(an_order(order_id="o-2"), None),)).result()
    finally:
        store.close()

    assert heard == [["o-1"], ["o-2"]]


def test_a_disk_that_is_full_loses_nothing_acknowledged_and_recovers(tmp_path: Path) -> None:
    store = SqliteOrderStore(tmp_path / "orders.db")
    try:
        store.commit((PutOrder(an_order(), None),)).result()
        connection = store._writer._connection
        connection.pragma("max_page_count", connection.pragma("page_count"))
        failures = [
            store.commit((PutOrder(an_order(order_id=f"o-{number}", problem="x" * 5_000), None),)).exception()
            for number in range(2, 4)
        ]
        assert isinstance(failures[0], StoreUnavailableError)
        assert store.order("o-2") is None
        store.commit((PutOrder(an_order(order_id="o-4"), None),)).result()  # the writer opened the file anew
        assert {order.order_id for order in store.orders(OrderFilter())} >= {"o-1", "o-4"}
    finally:
        store.close()


def socket_store(tmp_path: Path) -> SocketOrderStore:
    return SocketOrderStore(tmp_path / "orders.db", tmp_path / "orders.sock", ManualClock())


def test_a_client_goes_on_with_a_restarted_writer(tmp_path: Path) -> None:
    client = socket_store(tmp_path)
    for version in (1, 2):
        writer = SqliteOrderStore(tmp_path / "orders.db")
        writer.serve(tmp_path / "orders.sock")
        order = an_order(version=version, status=OrderStatus.PROCESSING)
        client.commit((PutOrder(order, None if version == 1 else 1),)).result()
        writer.close()

    client.close()


def test_without_a_writer_a_commit_is_known_not_to_have_happened(tmp_path: Path) -> None:
    client = socket_store(tmp_path)

    failure = client.commit((PutOrder(an_order(), None),)).exception()

    assert isinstance(failure, StoreUnavailableError)
    client.close()


def test_a_writer_whose_queue_is_full_holds_up_nobody_in_the_kernel(tmp_path: Path) -> None:
    client = socket_store(tmp_path)
    with unix_socket() as stopped, unix_socket() as in_queue:
        stopped.bind(str(tmp_path / "orders.sock"))
        stopped.listen(0)
        in_queue.connect(str(tmp_path / "orders.sock"))

        failure = client.commit((PutOrder(an_order(), None),)).exception()

    assert isinstance(failure, StoreUnavailableError)
    client.close()


def test_a_writer_that_hangs_up_before_it_answers_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    listening = unix_socket()
    listening.bind(str(tmp_path / "orders.sock"))
    listening.listen()

    def hang_up() -> None:
        accepted, _ = listening.accept()
        accepted.recv(100)
        accepted.close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    client = socket_store(tmp_path)
    try:
        assert isinstance(client.commit((PutOrder(an_order(), None),)).exception(), CommitUnknownError)
    finally:
        thread.join()
        listening.close()
        client.close()


def test_a_peer_that_speaks_nonsense_is_dropped_and_the_writer_goes_on(tmp_path: Path) -> None:
    writer = SqliteOrderStore(tmp_path / "orders.db")
    writer.serve(tmp_path / "orders.sock")
    client = socket_store(tmp_path)
    try:
        for nonsense in (
            b"\x00\x00\x00\x01\xc1",
            (FRAME_BYTES_MAX + 1).to_bytes(4, "big"),
            b"\x00\x00\x00\x02\x91\x91",
        ):
            peer = unix_socket()
            peer.settimeout(10)
            peer.connect(str(tmp_path / "orders.sock"))
            peer.sendall(nonsense)
            assert peer.recv(1) == b""
            peer.close()
        client.commit((PutOrder(an_order(), None),)).result()
        with pytest.raises(ConflictError):
            client.commit((PutOrder(an_order(), None),)).result()
    finally:
        client.close()
        writer.close()


def test_a_socket_far_down_the_tree_can_be_reached(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    writer = SqliteOrderStore(tmp_path / "orders.db")
    writer.serve(deep / "orders.sock")
    client = SocketOrderStore(tmp_path / "orders.db", deep / "orders.sock", ManualClock())
    try:
        client.commit((PutOrder(an_order(), None),)).result()
        assert client.order("o-1") == an_order()
    finally:
        client.close()
        writer.close()
    assert not (deep / "orders.sock").exists()


def test_whoever_stops_waiting_for_a_commit_does_not_stop_it(tmp_path: Path) -> None:
    store = SqliteOrderStore(tmp_path / "orders.db")
    try:
        assert not store.commit((PutOrder(an_order(), None),)).cancel()
        store.commit((PutOrder(an_order(order_id="o-2"), None),)).result()
        assert store.order("o-1") == an_order()
    finally:
        store.close()


def test_a_process_without_a_free_file_descriptor_goes_on_and_takes_new_peers_later(tmp_path: Path) -> None:
    script = (
        "import os, resource, sys; from pathlib import Path\n"
        "from order_processing.stores import SqliteOrderStore\n"
        "from order_processing.stores.catalogue import seed\n"
        "from order_processing.stores.framing import unix_socket\n"
        "store = SqliteOrderStore(Path(sys.argv[1]) / 'orders.db'); store.serve(Path(sys.argv[1]) / 's')\n"
        "knocking, taken = unix_socket(), [seed(store)] and []\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "try:\n"
        "    while True: taken.append(os.dup(0))\n"
        "except OSError: pass\n"
        "knocking.connect(str(Path(sys.argv[1]) / 's'))\n"
        "print(store.commit(()).result(10)); [os.close(each) for each in taken]\n"
        "knocking.sendall(b'\\0\\0\\0\\1\\x90'); knocking.settimeout(10); print(knocking.recv(9)); store.close()"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False, timeout=30
    )

    assert (done.returncode, done.stdout.splitlines()) == (0, ["None", r"b'\x00\x00\x00\x01\x90'"]), done.stderr


def test_a_fault_of_the_writer_ends_its_process(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from order_processing.stores import SqliteOrderStore\n"
        "from order_processing.stores.catalogue import seed\n"
        "store = SqliteOrderStore(Path(sys.argv[1])); store._writer._commit = None; seed(store)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "orders.db")], capture_output=True, text=True, check=False
    )

    assert ended.returncode == EXIT_SOFTWARE
    assert "ended by a fault" in ended.stderr


def test_the_writer_sees_every_commit_however_they_come_in(tmp_path: Path) -> None:
    store = SqliteOrderStore(tmp_path / "orders.db")
    unanswered: list[int] = []

    def commit_many(thread: int) -> None:
        for number in range(300):
            future = store.commit((PutOffer(an_offer(unit_id=f"unit-{thread}-{number}")),))
            try:
                future.result(timeout=10)
            except TimeoutError:
                unanswered.append(number)
                return

    threads = [threading.Thread(target=commit_many, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert unanswered == []  # before the close, for which a writer that sleeps on would never be ready
    assert len(store.offers()) == 8 * 300
    store.close()
