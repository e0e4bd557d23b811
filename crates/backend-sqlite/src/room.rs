//! How full the file and its disk are.

use std::path::Path;

use pssp_jobs::Room;
use rusqlite::Connection;

/// Bytes of the disk that are not for the file: the write-ahead log, which is cut at 16 MiB, and its index.
const LOG_BYTES: u64 = 24 << 20;

/// The room in the file, which may grow to `max_bytes` and as far as the disk allows. `None` if neither is known.
pub(crate) fn of(db: &Connection, path: &Path, max_bytes: Option<u64>) -> rusqlite::Result<Option<Room>> {
    let number = |sql: &str| db.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0)).map(unsigned);
    let page = number("PRAGMA page_size")?;
    let file = number("PRAGMA page_count")? * page;
    let on_disk = free_bytes(path).map(|free| file.saturating_add(free.saturating_sub(LOG_BYTES)));
    let Some(limit) = on_disk.into_iter().chain(max_bytes).min() else { return Ok(None) };
    let jobs = number("SELECT count(*) FROM jobs WHERE due_at IS NOT NULL")?;
    let residues = number("SELECT residues FROM open")?;
    // Free pages are used again before the file grows.
    let used = file.saturating_sub(number("PRAGMA freelist_count")? * page);
    Ok(Some(Room { used, reserved: Room::of_results(jobs, residues), limit }))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Free bytes of the file system, for users without privileges.
#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let of = rustix::fs::statvfs(path).ok()?;
    Some(of.f_bavail.saturating_mul(of.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
