BEGIN IMMEDIATE;

CREATE TABLE orders (
    order_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    updated_at REAL NOT NULL,
    document BLOB NOT NULL
);
-- Sweeps, batch jobs and the console ask for one status of one pipeline at a time, by last change.
CREATE INDEX orders_by_status ON orders (status, pipeline, updated_at);

CREATE TABLE offers (
    unit_id TEXT PRIMARY KEY,
    stock_left INTEGER NOT NULL CHECK (stock_left >= 0),
    document BLOB NOT NULL
);

CREATE TABLE holds (
    hold_id TEXT PRIMARY KEY,
    unit_id TEXT NOT NULL REFERENCES offers (unit_id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    expires_at REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'settled', 'released'))
);
CREATE INDEX holds_open ON holds (expires_at) WHERE state = 'held';

CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    order_id TEXT NOT NULL
) WITHOUT ROWID;

-- The outbox; number keeps the order of writing.
CREATE TABLE notifications (
    number INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    created_at REAL NOT NULL
);

CREATE TABLE voucher_codes (
    code_hash TEXT PRIMARY KEY,
    order_id TEXT NOT NULL
) WITHOUT ROWID;

PRAGMA user_version = 1;
COMMIT;
