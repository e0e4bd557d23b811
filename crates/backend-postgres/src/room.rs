//! How full the tables are.
//!
//! A table keeps its size when rows are deleted, and the next rows take their places. So the size on the disk says
//! how full the tables once were. What the rows need now is estimated from a sample of pages.

use pssp_jobs::{Room, StoreError};
use tokio_postgres::types::Type;

use crate::PostgresBackend;
use crate::jobs::get;

/// About how many pages of a table are read. A page has 8 kB.
const SAMPLE_PAGES: f64 = 500.0;

/// About the bytes of a row beside its columns: its header, its place in the page, and its entries in the indexes.
const ROW_BYTES: f64 = 120.0;

/// The pages of the large tables, and the bytes of all others.
const SIZES: &str = "
    SELECT relname::text, pg_relation_size(c.oid)::double precision / 8192,
        pg_total_relation_size(c.oid)::bigint
    FROM pg_class c WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'";

/// The room, of `limit` bytes.
pub(crate) async fn of(backend: &PostgresBackend, limit: u64) -> Result<Room, StoreError> {
    let schema = &backend.database.target.schema;
    let mut used = 0.0;
    for row in backend.query(SIZES, &[(schema, Type::TEXT)]).await? {
        let (table, pages, bytes): (String, f64, i64) = (get(&row, 0)?, get(&row, 1)?, get(&row, 2)?);
        used += match table.as_str() {
            "jobs" | "requests" | "results" => rows_of(backend, &table, pages).await?,
            _ => bytes as f64,
        };
    }
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

/// About the bytes of the rows of a table. `pages` is the size of its main part.
async fn rows_of(backend: &PostgresBackend, table: &str, pages: f64) -> Result<f64, StoreError> {
    let percent = (100.0 * SAMPLE_PAGES / pages.max(1.0)).min(100.0);
    // Large values lie outside the page; their size is the compressed one.
    let columns = match table {
        "jobs" => "octet_length(head) + octet_length(status)",
        "requests" => "pg_column_size(request)",
        _ => "pg_column_size(result)",
    };
    let sql = format!(
        "SELECT count(*)::double precision, coalesce(sum({columns}), 0)::double precision
         FROM @{table} TABLESAMPLE SYSTEM ({percent:.6})"
    );
    let row = backend.query_unprepared(&sql).await?;
    let number = |at| row.as_ref().map_or(Ok(0.0), |row| get::<f64>(row, at));
    Ok((number(1)? + number(0)? * ROW_BYTES) * 100.0 / percent)
}
