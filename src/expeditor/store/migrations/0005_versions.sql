BEGIN;

-- Numbers of a state machine's versions are never used again while it lives: a deleted version keeps its row.
CREATE TABLE state_machine_versions (
    machine_id INTEGER NOT NULL REFERENCES state_machines (id),
    number INTEGER NOT NULL,
    revision_id INTEGER NOT NULL REFERENCES state_machine_revisions (id),
    description TEXT,
    created_at REAL NOT NULL,
    deleted_at REAL,
    PRIMARY KEY (machine_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE state_machine_aliases (
    id INTEGER PRIMARY KEY,
    machine_id INTEGER NOT NULL REFERENCES state_machines (id),
    name TEXT NOT NULL,
    description TEXT,
    routing TEXT NOT NULL,               -- JSON: [[version, weight in percent], ...], one or two
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    UNIQUE (machine_id, name)
) STRICT;

-- By which version and alias an execution was started, and how often it was redriven.
ALTER TABLE executions ADD COLUMN version INTEGER;
ALTER TABLE executions ADD COLUMN alias TEXT;
ALTER TABLE executions ADD COLUMN redrive_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN redriven_at REAL;

PRAGMA user_version = 5;
COMMIT;
