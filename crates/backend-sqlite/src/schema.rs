//! The tables, and the migration of a file from one schema version to the next.

use rusqlite::Connection;

/// `pssp` in ASCII. It marks the file as a database of this program (also for `file(1)`).
pub(crate) const APPLICATION_ID: i32 = 0x7073_7370;

/// One script for each version. `user_version` counts the scripts that have run. Released scripts never change.
pub(crate) const MIGRATIONS: &[&str] = &[V1, V2, V3, V4, V5, V6];

// Inside the file `seq`, an integer, stands for the id of a job. It is short, grows, and is the key of the
// large columns and of the queue, so that a list or a compare-and-set never reads an input or a result. All
// times are milliseconds since 1970. `head`, `status`, `request`, `batch` are JSON.
const V1: &str = "
CREATE TABLE jobs (
    seq        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
    owner      TEXT NOT NULL,
    state      INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    due_at     INTEGER,
    expires_at INTEGER,
    rev        INTEGER NOT NULL DEFAULT 0,
    head       TEXT NOT NULL,
    status     TEXT NOT NULL
) STRICT;
CREATE INDEX jobs_by_owner ON jobs (owner, id);
CREATE INDEX jobs_by_owner_and_state ON jobs (owner, state, id);
-- Holds exactly the jobs that are not terminal; covers the counts by state.
CREATE INDEX jobs_due ON jobs (due_at, state) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_expiry ON jobs (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE requests (seq INTEGER PRIMARY KEY, request TEXT NOT NULL) STRICT;
CREATE TABLE results (seq INTEGER PRIMARY KEY, result BLOB NOT NULL) STRICT;

-- A message of a job has the job's `seq`, so there is one at most; others count down from -1.
CREATE TABLE queue (
    seq        INTEGER PRIMARY KEY,
    job        BLOB,
    body       TEXT,
    visible_at INTEGER NOT NULL,
    -- When it was sent again while delivered: an acknowledgement then keeps the message.
    again_at   INTEGER,
    receives   INTEGER NOT NULL DEFAULT 0,
    -- Random for each delivery; NULL while it waits.
    token      INTEGER
) STRICT;
CREATE INDEX queue_visible ON queue (visible_at);

CREATE TABLE batches (id BLOB NOT NULL UNIQUE, expires_at INTEGER NOT NULL, batch TEXT NOT NULL) STRICT;
CREATE INDEX batches_expiry ON batches (expires_at);

-- Idempotency keys: kind 0 leads to a job, 1 to a batch.
CREATE TABLE keys (
    kind       INTEGER NOT NULL,
    owner      TEXT NOT NULL,
    key        TEXT NOT NULL,
    digest     BLOB NOT NULL,
    target     BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (kind, owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_expiry ON keys (expires_at);

CREATE TABLE dead (
    id         BLOB NOT NULL UNIQUE,
    job        BLOB,
    at         INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    body       TEXT,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_expiry ON dead (expires_at);

-- At most one row: the operator's notice.
CREATE TABLE notice (one INTEGER PRIMARY KEY CHECK (one = 1), notice TEXT NOT NULL) STRICT;

-- One row that a health check writes to.
CREATE TABLE health (one INTEGER PRIMARY KEY CHECK (one = 1), pinged INTEGER NOT NULL) STRICT;
INSERT INTO health VALUES (1, 0);
";

// The key under which a result is found for later jobs; NULL if it is not to be reused.
const V2: &str = "
ALTER TABLE results ADD COLUMN key BLOB;
CREATE INDEX results_by_key ON results (key) WHERE key IS NOT NULL;
";

// Warnings move from the request, which only workers read, to the head, which every poll reads.
// A damaged record stays as it is: whoever reads it reports it.
const V3: &str = "
UPDATE jobs SET head = json_set(head, '$.warnings',
        json((SELECT request ->> '$.warnings' FROM requests WHERE requests.seq = jobs.seq)))
    WHERE json_valid(head) AND EXISTS (
        SELECT 1 FROM requests WHERE requests.seq = jobs.seq
            AND CASE WHEN json_valid(request) THEN json_array_length(request, '$.warnings') > 0 END);
UPDATE requests SET request = json_remove(request, '$.warnings')
    WHERE CASE WHEN json_valid(request) THEN json_array_length(request, '$.warnings') > 0 END;
";

// Owners take turns (queue.rs): a message has a turn while it is ready. Room is kept for results (jobs.rs).
const V4: &str = "
ALTER TABLE queue ADD COLUMN turn INTEGER;
DROP INDEX queue_visible;
CREATE INDEX queue_visible ON queue (visible_at) WHERE turn IS NULL;
CREATE INDEX queue_ready ON queue (turn, seq) WHERE turn IS NOT NULL;

-- The turn of the last ready message of each owner.
CREATE TABLE turns (owner TEXT NOT NULL PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- One row: the latest turn that was delivered.
CREATE TABLE turn (one INTEGER PRIMARY KEY CHECK (one = 1), current INTEGER NOT NULL) STRICT;
INSERT INTO turn VALUES (1, 0);

-- One row: the residues of all jobs that are not terminal, for whose results room is kept.
CREATE TABLE open (one INTEGER PRIMARY KEY CHECK (one = 1), residues INTEGER NOT NULL) STRICT;
INSERT INTO open SELECT 1, ifnull(sum(CASE WHEN json_valid(head) THEN head ->> '$.length' END), 0)
    FROM jobs WHERE due_at IS NOT NULL;
";

// Keys that operators make while the service runs.
const V5: &str = "
CREATE TABLE api_keys (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL, used_at INTEGER) STRICT, WITHOUT ROWID;
";

// Markers of what arrived from other stores (transfer.rs).
const V6: &str = "
CREATE TABLE arrivals (
    name       TEXT NOT NULL PRIMARY KEY,
    move       INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX arrivals_expiry ON arrivals (expires_at);
-- One row: the number of the last move by which something arrived.
CREATE TABLE moves (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL) STRICT;
INSERT INTO moves VALUES (1, 0);
";

/// The content of a file, by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// An empty file.
    Empty,
    /// A database of pssp, with this schema version.
    Ours(usize),
    /// A database of another program.
    Foreign,
}

pub(crate) fn inspect(connection: &Connection) -> rusqlite::Result<Found> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let version = number("PRAGMA user_version")?;
    let application = number("PRAGMA application_id")?;
    Ok(if application == i64::from(APPLICATION_ID) {
        Found::Ours(usize::try_from(version).unwrap_or(usize::MAX))
    } else if application == 0 && version == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
        Found::Empty
    } else {
        Found::Foreign
    })
}

/// Runs the scripts after `version`, in the transaction of the caller.
pub(crate) fn migrate(connection: &Connection, version: usize) -> rusqlite::Result<()> {
    for script in MIGRATIONS.iter().skip(version) {
        connection.execute_batch(script)?;
    }
    let latest = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", latest)
}
