BEGIN IMMEDIATE;

-- Outcomes are appended where the table ends, whichever executions they belong to, so that a commit of many executions
-- writes a few pages. Ordered by execution, each outcome had a page of its own to write, and one beyond 1 KB two more.
ALTER TABLE journal RENAME TO journal_by_execution;
CREATE TABLE journal (
    execution_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (execution_id, seq)
);
INSERT INTO journal SELECT execution_id, seq, event FROM journal_by_execution ORDER BY execution_id, seq;
DROP TABLE journal_by_execution;

PRAGMA user_version = 6;
COMMIT;
