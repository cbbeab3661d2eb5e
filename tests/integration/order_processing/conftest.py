"""Stores of every kind behind one fixture, so that one suite judges them all."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from order_processing.clock import ManualClock
from order_processing.stores import OrderStore, SocketOrderStore, SqliteOrderStore
from order_processing.stores.dynamodb import DynamoOrderStore
from order_processing.stores.dynamodb_items import table_definition


def sqlite_direct(tmp_path: Path, stack: ExitStack) -> OrderStore:
    store = SqliteOrderStore(tmp_path / "orders.db")
    stack.callback(store.close)
    return store


def sqlite_over_socket(tmp_path: Path, stack: ExitStack) -> OrderStore:
    writer = SqliteOrderStore(tmp_path / "orders.db")
    writer.serve(tmp_path / "run" / "orders.sock")
    stack.callback(writer.close)
    store = SocketOrderStore(writer.path, tmp_path / "run" / "orders.sock", ManualClock())
    stack.callback(store.close)
    return store


def dynamodb(tmp_path: Path, stack: ExitStack) -> OrderStore:
    stack.enter_context(mock_aws())
    client = boto3.client("dynamodb", region_name="us-east-1")
    client.create_table(**table_definition("orders"))
    store = DynamoOrderStore(client, "orders", ManualClock())
    stack.callback(store.close)
    return store


@pytest.fixture(params=[sqlite_direct, sqlite_over_socket, dynamodb])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OrderStore]:
    """An empty store, of each kind in turn."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with ExitStack() as stack:
        yield request.param(tmp_path, stack)
