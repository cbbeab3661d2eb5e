BEGIN;

-- Definitions are immutable and stored once per content.
CREATE TABLE definitions (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    text TEXT NOT NULL
);

-- A deleted state machine keeps its row, because its executions still name it; creating the name again revives it.
CREATE TABLE state_machines (
    id INTEGER PRIMARY KEY,
    arn TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE INDEX state_machines_deleting ON state_machines (id) WHERE status = 'DELETING';

-- What a state machine was from one create or update to the next; an execution stays on the revision it started with.
CREATE TABLE state_machine_revisions (
    id INTEGER PRIMARY KEY,
    machine_id INTEGER NOT NULL REFERENCES state_machines (id),
    definition_id INTEGER NOT NULL REFERENCES definitions (id),
    label TEXT,
    role_arn TEXT NOT NULL,
    logging TEXT NOT NULL,
    tracing TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE INDEX state_machine_revisions_by_machine ON state_machine_revisions (machine_id, id);

CREATE TABLE resource_tags (
    arn TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
) WITHOUT ROWID;

CREATE TABLE activities (
    id INTEGER PRIMARY KEY,
    arn TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at REAL NOT NULL
);

CREATE TABLE executions (
    id INTEGER PRIMARY KEY,
    machine_id INTEGER NOT NULL REFERENCES state_machines (id),
    revision_id INTEGER NOT NULL REFERENCES state_machine_revisions (id),
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    input BLOB NOT NULL,
    output BLOB,
    error TEXT,
    cause TEXT,
    started_at REAL NOT NULL,
    stopped_at REAL,
    seed BLOB NOT NULL,
    secret TEXT NOT NULL,
    started_by TEXT,
    trace_header TEXT
);
CREATE UNIQUE INDEX executions_by_name ON executions (machine_id, name);
-- Serves recovery (what is RUNNING), lists of a machine with and without a status, and counts.
CREATE INDEX executions_by_status ON executions (status, machine_id, id);

-- Outcomes in the order they were handled: everything an execution needs beside its definition and input.
CREATE TABLE journal (
    execution_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (execution_id, seq)
) WITHOUT ROWID;

PRAGMA user_version = 3;
COMMIT;
