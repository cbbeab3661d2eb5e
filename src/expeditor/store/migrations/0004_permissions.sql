BEGIN;

-- Statements of functions' resource policies, as AddPermission makes them; kept and shown, not enforced.
CREATE TABLE function_permissions (
    arn TEXT NOT NULL,                   -- of the function, version or alias
    statement_id TEXT NOT NULL,
    statement TEXT NOT NULL,             -- JSON
    PRIMARY KEY (arn, statement_id)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 4;
COMMIT;
