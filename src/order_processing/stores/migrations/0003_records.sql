BEGIN IMMEDIATE;

-- Small documents that are not an order's: circuit breakers, alerts, received events, open questions.
CREATE TABLE records (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    list TEXT NOT NULL,
    at REAL NOT NULL,
    version INTEGER NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX records_by_list ON records (list, at, key) WHERE list <> '';

PRAGMA user_version = 3;
COMMIT;
