//! How full the tables are.
//!
//! A table keeps its size when rows are deleted, and the next rows take their places. So the size on the disk says
//! how full the tables once were. What the rows need now is estimated from a sample of pages.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pssp_jobs::{Room, StoreError};

use crate::PostgresBackend;
use crate::jobs::get;

/// About how many pages of a table are read. A page has 8 kB.
const SAMPLE_PAGES: f64 = 200.0;

/// How long the estimate is used. What open jobs will need is counted anew each time.
const MAX_AGE: Duration = Duration::from_secs(5);

/// About the bytes of a row beside its large columns: its header, its other columns, and its entries in the indexes.
const ROW_BYTES: f64 = 150.0;

/// The tables that grow with the jobs, and the size of the large columns of a row. Large values lie outside the page;
/// their size is the compressed one.
const TABLES: &[(&str, &str)] = &[
    ("jobs", "octet_length(head) + octet_length(status)"),
    ("requests", "pg_column_size(request)"),
    ("results", "pg_column_size(result)"),
    ("queue", "coalesce(octet_length(body), 0)"),
    ("batches", "pg_column_size(batch)"),
    ("keys", "octet_length(owner) + octet_length(key)"),
    ("dead", "pg_column_size(letter)"),
    ("arrivals", "octet_length(name)"),
];

/// The last estimate of the bytes in use, and when it was made.
pub(crate) type Estimate = Mutex<Option<(Instant, f64)>>;

/// The room, of `limit` bytes.
pub(crate) async fn of(backend: &PostgresBackend, limit: u64) -> Result<Room, StoreError> {
    let known = *backend.used.lock().unwrap_or_else(PoisonError::into_inner);
    let used = match known {
        Some((at, used)) if at.elapsed() < MAX_AGE => used,
        _ => {
            let mut used = 0.0;
            for (table, columns) in TABLES {
                used += rows_of(backend, table, columns).await?;
            }
            *backend.used.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), used));
            used
        }
    };
    let open = backend
        .query_one(
            "SELECT count(*), coalesce(sum(residues), 0)::bigint FROM @jobs WHERE due_at IS NOT NULL",
            &[],
        )
        .await?;
    let number = |at| open.as_ref().map_or(Ok(0), |row| get::<i64>(row, at));
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    let reserved = Room::of_results(unsigned(number(0)?), unsigned(number(1)?));
    Ok(Room { used: used as u64, reserved, limit })
}

/// About the bytes of the rows of a table.
async fn rows_of(backend: &PostgresBackend, table: &str, columns: &str) -> Result<f64, StoreError> {
    let sql = format!("SELECT pg_relation_size('@{table}')::double precision / 8192");
    let row = backend.query_one(&sql, &[]).await?;
    let pages = row.map_or(Ok(0.0), |row| get::<f64>(&row, 0))?;
    let percent = (100.0 * SAMPLE_PAGES / pages.max(1.0)).min(100.0);
    let sql = format!(
        "SELECT count(*)::double precision, coalesce(sum({columns}), 0)::double precision
         FROM @{table} TABLESAMPLE SYSTEM ({percent:.6})"
    );
    let row = backend.query_unprepared(&sql).await?;
    let number = |at| row.as_ref().map_or(Ok(0.0), |row| get::<f64>(row, at));
    Ok((number(1)? + number(0)? * ROW_BYTES) * 100.0 / percent)
}
