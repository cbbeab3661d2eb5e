BEGIN;

-- Version numbers are never used again, also after a function was deleted and created anew.
CREATE TABLE function_numbers (
    name TEXT PRIMARY KEY,
    last_version INTEGER NOT NULL
) WITHOUT ROWID;

-- One row per version; '$LATEST' is the only one that may change.
CREATE TABLE function_versions (
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    number INTEGER NOT NULL,             -- 0 for $LATEST, so that versions sort as numbers
    digest TEXT NOT NULL,                -- over code, configuration and environment
    code_sha256 TEXT NOT NULL,           -- base64, as AWS reports it
    code_bytes INTEGER NOT NULL,
    artifact TEXT NOT NULL,              -- folder under artifacts/
    configuration BLOB NOT NULL,         -- JSON
    revision_id TEXT NOT NULL,
    modified_at REAL NOT NULL,
    PRIMARY KEY (name, version)
) WITHOUT ROWID;

CREATE TRIGGER function_versions_never_change BEFORE UPDATE ON function_versions
WHEN OLD.version <> '$LATEST'
BEGIN
    SELECT RAISE(ABORT, 'a published version never changes');
END;

CREATE TABLE function_aliases (
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    version TEXT NOT NULL,
    weights BLOB NOT NULL,               -- JSON object: version -> share, 0 to 1
    description TEXT NOT NULL,
    revision_id TEXT NOT NULL,
    PRIMARY KEY (name, alias)
) WITHOUT ROWID;

-- Every move of an alias, with where it pointed before (NULL: it did not exist) and after (NULL: deleted).
CREATE TABLE function_alias_moves (
    move INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    moved_at REAL NOT NULL,
    version_before TEXT,
    weights_before BLOB,
    version_after TEXT,
    weights_after BLOB
);
CREATE INDEX function_alias_moves_by_alias ON function_alias_moves (name, alias, move);

-- Events of InvocationType=Event: accepted, to be run at least once. Failed ones stay until they are dropped.
CREATE TABLE function_events (
    event_id TEXT PRIMARY KEY,           -- also the request id of its invocations
    name TEXT NOT NULL,
    qualifier TEXT,
    payload BLOB NOT NULL,
    client_context BLOB,
    accepted_at REAL NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL,
    failed_at REAL,                      -- NULL while it is still to be run
    error BLOB                           -- JSON: the last error object
) WITHOUT ROWID;
CREATE INDEX function_events_waiting ON function_events (due_at) WHERE failed_at IS NULL;
CREATE INDEX function_events_failed ON function_events (name, failed_at) WHERE failed_at IS NOT NULL;

PRAGMA user_version = 1;
COMMIT;
