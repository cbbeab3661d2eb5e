BEGIN IMMEDIATE;

-- Manual acts; number keeps the order of writing.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    audit_id TEXT NOT NULL UNIQUE,
    at REAL NOT NULL,
    subject TEXT NOT NULL,
    document BLOB NOT NULL
);
CREATE INDEX audit_by_subject ON audit (subject, number);

PRAGMA user_version = 2;
COMMIT;
