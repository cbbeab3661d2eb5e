BEGIN IMMEDIATE;

-- Which execution a map run belongs to; what happened in it is found by replaying that execution.
CREATE TABLE map_runs (
    arn TEXT PRIMARY KEY,
    execution_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 7;
COMMIT;
