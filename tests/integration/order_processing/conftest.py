"""Stores of every kind behind one fixture, so that one suite judges them all."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from order_processing.clock import ManualClock
from order_processing.stores import OrderStore, SocketOrderStore, SqliteOrderStore
from order_processing.stores.dynamodb import DynamoOrderStore
from order_processing.stores.dynamodb_items import table_definition

_tables = count(1)


@pytest.fixture(scope="module")
def dynamodb_client() -> Iterator[Any]:
    """moto's DynamoDB, started once per module, as that takes most of a second; each store has a table of its own."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        client = boto3.client("dynamodb", region_name="us-east-1")
        yield client
        client.close()


def sqlite_direct(request: pytest.FixtureRequest, stack: ExitStack) -> OrderStore:
    store = SqliteOrderStore(request.getfixturevalue("tmp_path") / "orders.db")
    stack.callback(store.close)
    return store


def sqlite_over_socket(request: pytest.FixtureRequest, stack: ExitStack) -> OrderStore:
    path: Path = request.getfixturevalue("tmp_path")
    writer = SqliteOrderStore(path / "orders.db")
    writer.serve(path / "run" / "orders.sock")
    stack.callback(writer.close)
    store = SocketOrderStore(writer.path, path / "run" / "orders.sock", ManualClock())
    stack.callback(store.close)
    return store


def dynamodb(request: pytest.FixtureRequest, _stack: ExitStack) -> OrderStore:
    client = request.getfixturevalue("dynamodb_client")
    table = f"orders-{next(_tables)}"
    client.create_table(**table_definition(table))
    return DynamoOrderStore(client, table, ManualClock())


@pytest.fixture(params=[sqlite_direct, sqlite_over_socket, dynamodb])
def store(request: pytest.FixtureRequest) -> Iterator[OrderStore]:
    """An empty store, of each kind in turn."""
    with ExitStack() as stack:
        yield request.param(request, stack)
