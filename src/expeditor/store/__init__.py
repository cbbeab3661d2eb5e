"""Durable tables in one SQLite file: the writer with group commit, migrations, one module per table group."""

from expeditor.store.database import CommitUnknownError, Database, StoreError

__all__ = ["CommitUnknownError", "Database", "StoreError"]
