BEGIN IMMEDIATE;

-- Tells a notification that is being published from one that was put in its place meanwhile.
ALTER TABLE notifications ADD COLUMN version INTEGER NOT NULL DEFAULT 0;

PRAGMA user_version = 4;
COMMIT;
