BEGIN;
PRAGMA user_version = 1;
COMMIT;
