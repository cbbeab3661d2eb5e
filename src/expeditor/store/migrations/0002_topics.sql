BEGIN;

CREATE TABLE topics (
    topic_arn TEXT PRIMARY KEY,
    attributes TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE subscriptions (
    subscription_id INTEGER PRIMARY KEY,
    subscription_arn TEXT NOT NULL UNIQUE,
    topic_arn TEXT NOT NULL REFERENCES topics (topic_arn),
    protocol TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    attributes TEXT NOT NULL,
    paused INTEGER NOT NULL,
    created_at REAL NOT NULL
) STRICT;

-- The text of a message, once, however many subscriptions wait for it; gone with its last delivery and dead letter.
CREATE TABLE messages (
    message_key INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL,
    topic_arn TEXT NOT NULL,
    notification BLOB NOT NULL,
    published_at REAL NOT NULL
) STRICT;

-- One row per message and subscription until the endpoint took it.
CREATE TABLE deliveries (
    delivery_id INTEGER PRIMARY KEY,
    subscription_id INTEGER NOT NULL,
    message_key INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL,
    first_error TEXT,
    first_failed_at REAL,
    last_error TEXT,
    last_failed_at REAL
) STRICT;
CREATE INDEX deliveries_of_subscription ON deliveries (subscription_id);
CREATE INDEX deliveries_of_message ON deliveries (message_key);

CREATE TABLE queues (
    queue_name TEXT PRIMARY KEY,
    created_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
-- Where dead letters of subscriptions without a queue of their own are kept.
INSERT INTO queues VALUES ('discarded', 0.0);

CREATE TABLE dead_letters (
    dead_letter_id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue_name TEXT NOT NULL,
    message_key INTEGER NOT NULL,
    subscription_arn TEXT NOT NULL,
    protocol TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    first_error TEXT,
    first_failed_at REAL,
    last_error TEXT,
    last_failed_at REAL,
    dead_at REAL NOT NULL
) STRICT;
CREATE INDEX dead_letters_of_queue ON dead_letters (queue_name);
CREATE INDEX dead_letters_of_message ON dead_letters (message_key);

CREATE TABLE schedules (
    schedule_name TEXT PRIMARY KEY,
    expression TEXT NOT NULL,
    next_at REAL NOT NULL,
    last_started_at REAL,
    last_ended_at REAL,
    last_error TEXT
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;
COMMIT;
