BEGIN;
PRAGMA user_version = 3;
COMMIT;
