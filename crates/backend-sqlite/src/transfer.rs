//! Reading all of the file, and taking what another store had.

use async_trait::async_trait;
use pssp_jobs::rows::{self, NewRow, from_json, to_json};
use pssp_jobs::stored_key::StoredKey;
use pssp_jobs::transfer::{Part, bytes_of, place_of};
use pssp_jobs::{
    Arrived, BatchId, Created, Crossing, DeadLetter, Entry, IdempotencyKey, Owner, Scan, StoreError,
    Timestamp, Transfer,
};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use crate::SqliteBackend;
use crate::dead;
use crate::error::Fault;
use crate::ids::{IdBytes, job_id};
use crate::jobs::{self, KeyKind, put_key};
use crate::task::Tx;

/// Reads the records of one table after a place into a part. Returns whether there are more.
type Step = fn(&Connection, &mut Part, &str) -> Result<bool, Fault>;

/// The tables in the order of a scan.
const STEPS: &[Step] = &[scan_keys, scan_batches, scan_jobs, scan_letters, scan_notice, scan_api_keys];

/// Adds rows to the part until it is full. `add` adds one. Returns whether there are more.
fn fill(
    db: &Connection,
    part: &mut Part,
    sql: &str,
    after: &[&dyn rusqlite::ToSql],
    mut add: impl FnMut(&mut Part, &Row<'_>) -> rusqlite::Result<()>,
) -> Result<bool, Fault> {
    let mut select = db.prepare_cached(sql)?;
    let wanted = part.wanted() as i64;
    let after = after.iter().copied().chain([&wanted as &dyn rusqlite::ToSql]);
    let mut rows = select.query(rusqlite::params_from_iter(after))?;
    while let Some(row) = rows.next()? {
        if part.is_full() {
            return Ok(true);
        }
        add(part, row)?;
    }
    Ok(false)
}

fn scan_keys(db: &Connection, part: &mut Part, after: &str) -> Result<bool, Fault> {
    let mut after = after.split('/');
    let kind: i64 = after.next().and_then(|kind| kind.parse().ok()).unwrap_or(-1);
    let mut text = || -> Result<String, StoreError> {
        let bytes = bytes_of(after.next().unwrap_or_default())?;
        String::from_utf8(bytes).map_err(|error| StoreError::Refused(error.into()))
    };
    let (owner, key) = (text()?, text()?);
    let sql = "SELECT kind, owner, key, digest, target, expires_at FROM keys
               WHERE (kind, owner, key) > (?1, ?2, ?3) ORDER BY kind, owner, key LIMIT ?4";
    fill(db, part, sql, &[&kind, &owner, &key], |part, row| {
        let (kind, owner, key): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let place = format!("{kind}/{}/{}", place_of(owner.as_bytes()), place_of(key.as_bytes()));
        let (digest, target): ([u8; 32], IdBytes) = (row.get(3)?, row.get(4)?);
        let expires_at = Timestamp::from_millis(row.get(5)?);
        let key = IdempotencyKey { owner: Owner::new(owner), key, digest, expires_at };
        let entry = if kind == KeyKind::Job as i64 {
            Entry::JobKey(key, job_id(target))
        } else {
            Entry::BatchKey(key, BatchId::from(Uuid::from_bytes(target)))
        };
        part.add(place, 0, "idempotency key", Ok(entry));
        Ok(())
    })
}

fn scan_batches(db: &Connection, part: &mut Part, after: &str) -> Result<bool, Fault> {
    let sql = "SELECT id, batch FROM batches WHERE id > ?1 ORDER BY id LIMIT ?2";
    fill(db, part, sql, &[&bytes_of(after)?], |part, row| {
        let (id, json): (IdBytes, String) = (row.get(0)?, row.get(1)?);
        let what = format!("batch {}", Uuid::from_bytes(id));
        part.add(place_of(&id), json.len(), &what, from_json("batch", &json).map(Entry::Batch));
        Ok(())
    })
}

/// By `seq`, which no other job gets while this one is there.
fn scan_jobs(db: &Connection, part: &mut Part, after: &str) -> Result<bool, Fault> {
    let after: i64 = after.parse().unwrap_or(i64::MIN);
    let sql = "SELECT seq, id, head, status, request, result FROM jobs
               LEFT JOIN requests USING (seq) LEFT JOIN results USING (seq)
               WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    fill(db, part, sql, &[&after], |part, row| {
        let (seq, id): (i64, IdBytes) = (row.get(0)?, row.get(1)?);
        let [head, status]: [String; 2] = [row.get(2)?, row.get(3)?];
        let (request, result): (Option<String>, Option<Vec<u8>>) = (row.get(4)?, row.get(5)?);
        let bytes = request.as_ref().map_or(0, String::len) + result.as_ref().map_or(0, Vec::len);
        let record = rows::record(&head, &status, request.as_deref(), result);
        let what = format!("job {}", job_id(id));
        part.add(seq.to_string(), bytes + head.len() + status.len(), &what, record.and_then(Entry::of_job));
        Ok(())
    })
}

fn scan_letters(db: &Connection, part: &mut Part, after: &str) -> Result<bool, Fault> {
    let sql = "SELECT id, at, reason, body, expires_at FROM dead WHERE id > ?1 AND job IS NULL
               ORDER BY id LIMIT ?2";
    fill(db, part, sql, &[&bytes_of(after)?], |part, row| {
        let (id, body): (IdBytes, Option<String>) = (row.get(0)?, row.get(3)?);
        let bytes = body.as_ref().map_or(0, String::len);
        let at = Timestamp::from_millis(row.get(1)?);
        let letter = DeadLetter { id: job_id(id), job: None, at, reason: row.get(2)?, body };
        let expires_at = Timestamp::from_millis(row.get(4)?);
        part.add(place_of(&id), bytes, "dead letter", Ok(Entry::Letter { letter, expires_at }));
        Ok(())
    })
}

fn scan_notice(db: &Connection, part: &mut Part, _: &str) -> Result<bool, Fault> {
    fill(db, part, "SELECT notice FROM notice LIMIT ?1", &[], |part, row| {
        let json: String = row.get(0)?;
        part.add("1".to_owned(), json.len(), "notice", from_json("notice", &json).map(Entry::Notice));
        Ok(())
    })
}

fn scan_api_keys(db: &Connection, part: &mut Part, after: &str) -> Result<bool, Fault> {
    let after = String::from_utf8_lossy(&bytes_of(after)?).into_owned();
    let sql = "SELECT id, record, used_at FROM api_keys WHERE id > ?1 ORDER BY id LIMIT ?2";
    fill(db, part, sql, &[&after], |part, row| {
        let (id, json, used_at): (String, String, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let key = from_json::<StoredKey>("key", &json);
        let key = key.map(|key| StoredKey { used_at: used_at.map(Timestamp::from_millis), ..key });
        part.add(place_of(id.as_bytes()), json.len(), &format!("key {id}"), key.map(Entry::ApiKey));
        Ok(())
    })
}

/// An entry as rows, encoded by the caller.
struct Parcel {
    marker: Option<String>,
    rows: Rows,
}

enum Rows {
    Job(Box<NewRow>),
    Batch { id: IdBytes, expires_at: i64, json: String },
    Key(KeyKind, IdempotencyKey, IdBytes),
    Letter(DeadLetter, i64),
    Notice(String),
    ApiKey { id: String, json: String, used_at: Option<i64> },
}

impl Parcel {
    fn of(entry: &Entry) -> Result<Self, StoreError> {
        let rows = match entry {
            Entry::Job(record) => Rows::Job(Box::new(NewRow::arriving(record)?)),
            Entry::Batch(batch) => Rows::Batch {
                id: batch.id.uuid().into_bytes(),
                expires_at: batch.expires_at.as_millis(),
                json: to_json(batch)?,
            },
            Entry::JobKey(key, id) => Rows::Key(KeyKind::Job, key.clone(), id.uuid().into_bytes()),
            Entry::BatchKey(key, id) => Rows::Key(KeyKind::Batch, key.clone(), id.uuid().into_bytes()),
            Entry::Letter { letter, expires_at } => Rows::Letter(letter.clone(), expires_at.as_millis()),
            Entry::Notice(notice) => Rows::Notice(to_json(notice)?),
            Entry::ApiKey(key) => {
                Rows::ApiKey { id: key.id.clone(), json: to_json(key)?, used_at: rows::millis(key.used_at) }
            }
        };
        Ok(Self { marker: entry.marker(), rows })
    }

    fn arrive(&self, tx: &mut Tx<'_>, crossing: Crossing) -> Result<Arrived, Fault> {
        let now = crossing.now.as_millis();
        if let Some(name) = &self.marker {
            // A marker that exists is written anew if the move is a later one.
            let marked = tx
                .db
                .prepare_cached(
                    "INSERT INTO arrivals (name, move, expires_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT (name) DO UPDATE SET move = excluded.move, expires_at = excluded.expires_at
                     WHERE move < excluded.move",
                )?
                .execute(params![name, crossing.number as i64, crossing.markers_until().as_millis()])?;
            if marked == 0 {
                return Ok(Arrived::Before);
            }
        }
        let insert = |sql: &str, values: &[&dyn rusqlite::ToSql]| tx.db.prepare_cached(sql)?.execute(values);
        let written = match &self.rows {
            Rows::Job(row) => match jobs::create(tx, row, now) {
                Ok(Created::New) => 1,
                Ok(Created::Existing(_)) | Err(Fault::Answer(StoreError::Exists)) => 0,
                Err(fault) => return Err(fault),
            },
            Rows::Batch { id, expires_at, json } => insert(
                "INSERT INTO batches (id, expires_at, batch) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
                &[id, expires_at, json],
            )?,
            Rows::Key(kind, key, id) => {
                let free = "SELECT NOT EXISTS (SELECT 1 FROM keys
                            WHERE kind = ?1 AND owner = ?2 AND key = ?3 AND expires_at > ?4)";
                let values = params![*kind as i64, key.owner.as_str(), key.key, now];
                let free: bool = tx.db.prepare_cached(free)?.query_row(values, |row| row.get(0))?;
                if free {
                    put_key(tx.db, *kind, key, *id)?;
                }
                usize::from(free)
            }
            Rows::Letter(letter, expires_at) => {
                let there = "SELECT EXISTS (SELECT 1 FROM dead WHERE id = ?1)";
                let id = letter.id.uuid().into_bytes();
                let there: bool = tx.db.prepare_cached(there)?.query_row([id], |row| row.get(0))?;
                if !there {
                    dead::put(tx.db, letter, *expires_at)?;
                }
                usize::from(!there)
            }
            Rows::Notice(json) => {
                insert("INSERT INTO notice VALUES (1, ?1) ON CONFLICT (one) DO NOTHING", &[json])?
            }
            Rows::ApiKey { id, json, used_at } => insert(
                "INSERT INTO api_keys (id, record, used_at) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
                &[id, json, used_at],
            )?,
        };
        Ok(if written == 1 { Arrived::New } else { Arrived::Exists })
    }
}

#[async_trait]
impl Transfer for SqliteBackend {
    async fn scan(&self, from: Option<&str>, limit: usize) -> Result<Scan, StoreError> {
        let (mut part, after) = Part::begin(from, limit)?;
        let after = after.to_owned();
        let Some(step) = STEPS.get(part.step()) else { return Ok(Scan::default()) };
        self.readers
            .read(move |db| {
                let more = step(db, &mut part, &after)?;
                Ok(part.end(more, STEPS.len()))
            })
            .await
    }

    async fn arrive(&self, entries: &[Entry], crossing: Crossing) -> Vec<Result<Arrived, StoreError>> {
        let parcels: Vec<Result<Parcel, StoreError>> = entries.iter().map(Parcel::of).collect();
        let (mut whole, mut outcomes) = (Vec::new(), Vec::new());
        for parcel in parcels {
            outcomes.push(parcel.map(|parcel| whole.push(parcel)));
        }
        let arrived = self
            .writer
            .write(whole.len(), move |tx| {
                let last = "UPDATE moves SET last = max(last, ?1)";
                tx.db.prepare_cached(last)?.execute([crossing.number as i64])?;
                whole.iter().map(|parcel| parcel.arrive(tx, crossing)).collect::<Result<Vec<_>, _>>()
            })
            .await;
        let mut arrived = arrived.map(Vec::into_iter);
        let answer = |outcome: Result<(), StoreError>| {
            outcome?;
            match &mut arrived {
                Ok(arrived) => arrived.next().ok_or_else(crate::store::lost),
                Err(error) => Err(error.copied()),
            }
        };
        outcomes.into_iter().map(answer).collect()
    }

    async fn last_move(&self) -> Result<u64, StoreError> {
        self.readers
            .read(|db| {
                let last: i64 = db.query_row("SELECT last FROM moves", [], |row| row.get(0))?;
                Ok(u64::try_from(last).unwrap_or(0))
            })
            .await
    }
}
