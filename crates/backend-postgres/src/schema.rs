//! The tables, and the migration of a schema from one version to the next.

use std::time::Duration;

use pssp_jobs::StoreError;
use tokio_postgres::types::Type;

use crate::database::Database;

/// One script for each version, and the oldest version whose programs still work on the tables after it. Released
/// scripts never change. A script may add, but not alter what the release before reads and writes: during a rolling
/// update both run. The table `schema_version` has a row for each script that has run.
const MIGRATIONS: &[(&str, usize)] = &[(V1, 1), (V2, 1)];

/// The oldest server that is supported by its makers.
const OLDEST: i32 = 14;

/// How long a migration may take, with the time that it waits for another process that migrates.
const LIMIT: Duration = Duration::from_mins(10);

/// The lock of migrations: `pssp` in ASCII. A transaction holds it until it ends.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1886614384)";

// In statements `@` stands for the schema. All times are milliseconds since 1970. `head`, `status`, `request`, `batch`,
// `letter`, `notice`, `record` are JSON.
//
// - The large columns have tables of their own, so that a transition copies neither an input nor a result.
// - An index on a column that changes with every transition is partial: it holds open jobs only, so finished ones
//   cost nothing.
// - In tables whose rows live shortly, autovacuum removes dead rows after thousands, not after a share of the table.
const V1: &str = "
CREATE TABLE @jobs (
    id         uuid NOT NULL PRIMARY KEY,
    owner      text COLLATE \"C\" NOT NULL,
    state      smallint NOT NULL,
    attempt    bigint NOT NULL,
    residues   bigint NOT NULL,
    due_at     bigint,
    expires_at bigint,
    head       text NOT NULL,
    status     text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_limit = 2000);
CREATE INDEX jobs_by_owner ON @jobs (owner, id);
-- Nearly all kept jobs are finished (2); these are found by the index above.
CREATE INDEX jobs_by_owner_and_state ON @jobs (owner, state, id) WHERE state <> 2;
-- Holds exactly the jobs that are not terminal; covers the counts by state and the sum of residues.
CREATE INDEX jobs_due ON @jobs (due_at) INCLUDE (state, residues) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_expiry ON @jobs (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE @requests (id uuid NOT NULL PRIMARY KEY, request text NOT NULL);
-- `key` finds the result for later jobs; NULL if it is not to be reused.
CREATE TABLE @results (id uuid NOT NULL PRIMARY KEY, result bytea NOT NULL, key bytea);
CREATE INDEX results_by_key ON @results (key, id) WHERE key IS NOT NULL;

-- The message of a job has the job's id, so there is one at most; others have a random id and a body.
CREATE TABLE @queue (
    id         uuid NOT NULL PRIMARY KEY,
    owner      text COLLATE \"C\",
    body       text,
    visible_at bigint NOT NULL,
    -- When it was sent again while delivered: an acknowledgement then keeps the message.
    again_at   bigint,
    receives   integer NOT NULL DEFAULT 0,
    -- Random for each delivery; NULL while it waits.
    token      uuid,
    -- Its place among the ready messages; NULL while it is delayed or hidden.
    turn       bigint
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
CREATE INDEX queue_visible ON @queue (visible_at) WHERE turn IS NULL;
CREATE INDEX queue_ready ON @queue (turn, id) WHERE turn IS NOT NULL;
CREATE INDEX queue_by_owner ON @queue (owner, turn) WHERE turn IS NOT NULL;
-- Its last value is the latest turn that was delivered.
CREATE SEQUENCE @turn;

CREATE TABLE @batches (id uuid NOT NULL PRIMARY KEY, expires_at bigint NOT NULL, batch text NOT NULL);
CREATE INDEX batches_expiry ON @batches (expires_at);

-- Idempotency keys: kind 0 leads to a job, 1 to a batch.
CREATE TABLE @keys (
    kind       smallint NOT NULL,
    owner      text COLLATE \"C\" NOT NULL,
    key        text COLLATE \"C\" NOT NULL,
    digest     bytea NOT NULL,
    target     uuid NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (kind, owner, key)
);
CREATE INDEX keys_expiry ON @keys (expires_at);

-- `job` says whether the letter is of a failed job, whose id it then has.
CREATE TABLE @dead (
    id         uuid NOT NULL PRIMARY KEY,
    job        boolean NOT NULL,
    expires_at bigint NOT NULL,
    letter     text NOT NULL
);
CREATE INDEX dead_expiry ON @dead (expires_at);

-- At most one row: the operator's notice.
CREATE TABLE @notice (one boolean NOT NULL PRIMARY KEY CHECK (one), notice text NOT NULL);

CREATE TABLE @api_keys (id text COLLATE \"C\" NOT NULL PRIMARY KEY, record text NOT NULL, used_at bigint);

-- One row that a health check writes to.
CREATE TABLE @health (one boolean NOT NULL PRIMARY KEY CHECK (one), pinged bigint NOT NULL) WITH (fillfactor = 10);
INSERT INTO @health VALUES (true, 0);
";

// Markers of what arrived from other stores (transfer.rs).
const V2: &str = "
CREATE TABLE @arrivals (
    name       text COLLATE \"C\" NOT NULL PRIMARY KEY,
    move       bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX arrivals_expiry ON @arrivals (expires_at);
-- One row: the number of the last move by which something arrived.
CREATE TABLE @moves (one boolean NOT NULL PRIMARY KEY CHECK (one), last bigint NOT NULL);
INSERT INTO @moves VALUES (true, 0);
";

/// Makes the tables, or brings those of an older release up to date. Of many processes that start at the same time
/// one does it, and the others wait.
///
/// # Errors
/// [`StoreError::Refused`] with the remedy if the server is too old, the tables are those of a later release, or there are
/// none and `make_tables` is false.
pub(crate) async fn migrate(database: &Database, make_tables: bool) -> Result<(), StoreError> {
    let refused = |why: String| StoreError::Refused(format!("{}: {why}", database.target).into());
    let fault = |fault| database.error(fault);
    let rows = database.query("SELECT current_setting('server_version_num')::integer", &[]).await;
    let server: i32 = one(&rows.map_err(fault)?)?;
    if server / 10_000 < OLDEST {
        return Err(refused(format!("PostgreSQL {} is too old: use {OLDEST} or newer", server / 10_000)));
    }
    let encoding = database.query("SELECT current_setting('server_encoding')", &[]).await;
    let encoding: String = one(&encoding.map_err(fault)?)?;
    if encoding != "UTF8" {
        return Err(refused(format!("the database is in {encoding}: create it with ENCODING 'UTF8'")));
    }
    let found = version(database).await?;
    let latest = MIGRATIONS.len();
    if found.version == 0 && !make_tables {
        return Err(refused(format!(
            "there are no tables of pssp in the schema {}: name the schema that the service uses (?schema=…)",
            database.target.schema
        )));
    }
    if found.version >= latest && found.oldest_program > latest {
        return Err(refused(format!(
            "the schema {} is of a later release of pssp: use that release (here {latest}, there {})",
            database.target.schema, found.version
        )));
    }
    if found.version >= latest {
        return Ok(());
    }
    database.script(&upgrade(&database.target.schema), LIMIT).await.map_err(fault)?;
    tracing::info!(
        server = %database.target, schema = database.target.schema, from = found.version, to = latest,
        "tables are up to date"
    );
    Ok(())
}

/// What the tables say of themselves; zeros if there are none.
struct Found {
    version: usize,
    /// Programs from this version on work with the tables.
    oldest_program: usize,
}

async fn version(database: &Database) -> Result<Found, StoreError> {
    let fault = |fault| database.error(fault);
    let name = format!("\"{}\".schema_version", database.target.schema);
    let there = database.query("SELECT to_regclass($1) IS NOT NULL", &[(&name, Type::TEXT)]).await;
    if !one::<bool>(&there.map_err(fault)?)? {
        return Ok(Found { version: 0, oldest_program: 0 });
    }
    let number = async |column: &str| {
        let sql = format!("SELECT coalesce(max({column}), 0) FROM @schema_version");
        let rows = database.query(&sql, &[]).await;
        one::<i32>(&rows.map_err(fault)?).map(|number| usize::try_from(number).unwrap_or(0))
    };
    Ok(Found { version: number("version").await?, oldest_program: number("oldest_program").await? })
}

/// The script that brings the tables from any version up to the latest. Each step runs if no other process was faster.
fn upgrade(schema: &str) -> String {
    let mut script = format!("{LOCK};\n");
    // A user who may make no schema can be given one.
    script.push_str(&format!(
        "DO $do$ BEGIN IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = '{schema}') THEN\n\
         CREATE SCHEMA \"{schema}\"; END IF; END $do$;\n\
         CREATE TABLE IF NOT EXISTS @schema_version\n\
         (version integer NOT NULL PRIMARY KEY, oldest_program integer NOT NULL);\n"
    ));
    for (at, (step, oldest)) in MIGRATIONS.iter().enumerate() {
        let version = at + 1;
        script.push_str(&format!(
            "DO $do$ BEGIN IF NOT EXISTS (SELECT FROM @schema_version WHERE version = {version}) THEN\n{step}\n\
             INSERT INTO @schema_version VALUES ({version}, {oldest}); END IF; END $do$;\n"
        ));
    }
    script
}

fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(rows: &[tokio_postgres::Row]) -> Result<T, StoreError> {
    let missing = || pssp_jobs::error::corrupt("answer", "no row");
    rows.first().ok_or_else(missing)?.try_get(0).map_err(|error| pssp_jobs::error::corrupt("answer", error))
}
