BEGIN IMMEDIATE;

-- Functions that are not to be invoked for now: their reserved concurrency is 0.
CREATE TABLE function_pauses (
    name TEXT PRIMARY KEY,
    paused_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 8;
COMMIT;
