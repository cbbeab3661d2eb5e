BEGIN;
PRAGMA user_version = 2;
COMMIT;
