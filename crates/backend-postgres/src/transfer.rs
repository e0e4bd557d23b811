//! Reading all of the schema, and taking what another store had.

use async_trait::async_trait;
use futures::stream::{self, StreamExt as _};
use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::rows::{NewRow, from_json, millis, to_json};
use pssp_jobs::stored_key::StoredKey;
use pssp_jobs::transfer::{PART_BYTES, Part, bytes_of, place_of};
use pssp_jobs::{
    Arrived, Batch, BatchId, Crossing, Entry, IdempotencyKey, JobId, Owner, Scan, StoreError, Timestamp,
    Transfer,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::create::{Columns, put_fresh};
use crate::database::{Database, Param};
use crate::error::Fault;
use crate::group::{Member, each};
use crate::jobs::{get, record};
use crate::{PostgresBackend, now};

/// Most statements of one call at the same time.
const CONCURRENCY: usize = 8;

/// The tables in the order of a scan.
const STEPS: usize = 6;

/// Reads jobs after $1, at most $2 and about $3 bytes. The first column is the number of jobs that could be read.
const SCAN_JOBS: &str = "
    WITH page AS MATERIALIZED (
        SELECT id, sum(coalesce(octet_length(request), 0) + coalesce(octet_length(result), 0))
            OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
        FROM (SELECT id FROM @jobs WHERE id > $1 ORDER BY id LIMIT $2) AS ids
        LEFT JOIN @requests USING (id) LEFT JOIN @results USING (id)
    )
    SELECT (SELECT count(*) FROM page), id, head, status, request, result
    FROM page JOIN @jobs USING (id) LEFT JOIN @requests USING (id) LEFT JOIN @results USING (id)
    WHERE coalesce(bytes_before, 0) < $3 ORDER BY id";

/// Marks the arrival $2 of the move $3, until $4, unless this move or a later one has marked it. Of two statements for
/// one entry the second waits for the first, and sees its marker.
macro_rules! marked {
    () => {
        ", marked AS (
            INSERT INTO @arrivals AS a (name, move, expires_at) VALUES ($2, $3, $4)
            ON CONFLICT (name) DO UPDATE SET move = excluded.move, expires_at = excluded.expires_at
            WHERE a.move < excluded.move RETURNING name
        )"
    };
}

/// The outcome of an arrival whose row is in `put`.
macro_rules! outcome {
    () => {
        " SELECT EXISTS (SELECT FROM marked), EXISTS (SELECT FROM put)"
    };
}

/// Jobs that arrive: one array for each column, then the move and until when its markers are kept. Returns for each job,
/// in order: whether its arrival is marked now, and whether the job is stored.
const JOBS: &str = now!(
    ", input AS (
        SELECT * FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::bytea[], $14::text[],
            $15::text[], $16::bigint[])
        WITH ORDINALITY AS t (id, owner, state, attempt, due_at, expires_at, residues, head, status, request, delay,
            result, marker, letter, letter_expires, n)
    ), marked AS (
        INSERT INTO @arrivals AS a (name, move, expires_at) SELECT marker, $17, $18 FROM input ORDER BY marker
        ON CONFLICT (name) DO UPDATE SET move = excluded.move, expires_at = excluded.expires_at
        WHERE a.move < excluded.move RETURNING name
    ), fresh AS (
        SELECT input.* FROM input JOIN marked ON name = marker
    ), ",
    put_fresh!(),
    ", letters AS (
        INSERT INTO @dead (id, job, expires_at, letter)
        SELECT id, true, letter_expires, letter FROM new WHERE letter IS NOT NULL ON CONFLICT (id) DO NOTHING
    )
    SELECT name IS NOT NULL, made.id IS NOT NULL
    FROM input LEFT JOIN marked ON name = marker LEFT JOIN made USING (id) ORDER BY n"
);

const BATCH: &str = now!(
    marked!(),
    ", put AS (
        INSERT INTO @batches (id, expires_at, batch) SELECT $5, $6, $7 FROM marked
        ON CONFLICT (id) DO NOTHING RETURNING 1
    )",
    outcome!()
);

const LETTER: &str = now!(
    marked!(),
    ", put AS (
        INSERT INTO @dead (id, job, expires_at, letter) SELECT $5, false, $6, $7 FROM marked
        ON CONFLICT (id) DO NOTHING RETURNING 1
    )",
    outcome!()
);

const NOTICE: &str = now!(
    marked!(),
    ", put AS (
        INSERT INTO @notice (one, notice) SELECT true, $5 FROM marked ON CONFLICT (one) DO NOTHING RETURNING 1
    )",
    outcome!()
);

const API_KEY: &str = now!(
    marked!(),
    ", put AS (
        INSERT INTO @api_keys (id, record, used_at) SELECT $5, $6, $7 FROM marked
        ON CONFLICT (id) DO NOTHING RETURNING 1
    )",
    outcome!()
);

/// An idempotency key, in place of one that has expired.
const KEY: &str = now!(
    ", put AS (
        INSERT INTO @keys AS k (kind, owner, key, digest, target, expires_at)
        VALUES ($2::bigint::smallint, $3, $4, $5, $6, $7)
        ON CONFLICT (kind, owner, key) DO UPDATE SET
            digest = excluded.digest, target = excluded.target, expires_at = excluded.expires_at
        WHERE k.expires_at <= (SELECT ms FROM now) RETURNING 1
    )
    SELECT true, EXISTS (SELECT FROM put)"
);

fn arrived(row: &Row) -> Result<Arrived, tokio_postgres::Error> {
    Ok(match (row.try_get(0)?, row.try_get(1)?) {
        (true, true) => Arrived::New,
        (true, false) => Arrived::Exists,
        (false, _) => Arrived::Before,
    })
}

/// A job that arrives, encoded.
struct Arriving {
    row: NewRow,
    marker: String,
    delay: Option<i64>,
    letter: Option<String>,
    crossing: Crossing,
}

impl Arriving {
    fn of(entry: &Entry, record: &pssp_jobs::Record, crossing: Crossing) -> Result<Self, StoreError> {
        let row = NewRow::arriving(record)?;
        let longest = i64::try_from(MAX_DELAY.as_millis()).unwrap_or(i64::MAX);
        let delay = row.start_at.map(|at| (at - crossing.now.as_millis()).clamp(0, longest));
        let letter = row.letter.as_ref().map(|(letter, _)| to_json(letter)).transpose()?;
        Ok(Self { row, marker: entry.marker().unwrap_or_default(), delay, letter, crossing })
    }
}

impl Member for Arriving {
    type Outcome = Arrived;

    async fn statement(database: &Database, now: Option<i64>, jobs: &[Self]) -> Result<Vec<Arrived>, Fault> {
        let Some(crossing) = jobs.first().map(|job| job.crossing) else { return Ok(Vec::new()) };
        let columns = Columns::of(jobs.iter().map(|job| (&job.row, job.delay)));
        let markers: Vec<_> = jobs.iter().map(|job| job.marker.as_str()).collect();
        let letters: Vec<_> = jobs.iter().map(|job| job.letter.as_deref()).collect();
        let expiries: Vec<_> = jobs.iter().map(|job| job.row.letter.as_ref().map(|(_, at)| *at)).collect();
        let (number, until) = (crossing.number as i64, crossing.markers_until().as_millis());
        let given: [Param<'_>; 1] = [(&now, Type::INT8)];
        let of_arrivals: [Param<'_>; 5] = [
            (&markers, Type::TEXT_ARRAY),
            (&letters, Type::TEXT_ARRAY),
            (&expiries, Type::INT8_ARRAY),
            (&number, Type::INT8),
            (&until, Type::INT8),
        ];
        let rows = database.query(JOBS, &[&given[..], &columns.params(), &of_arrivals].concat()).await?;
        rows.iter().map(arrived).collect::<Result<_, _>>().map_err(|error| Fault::of(&error))
    }
}

impl PostgresBackend {
    /// Takes an entry that is no job.
    async fn arrive_one(&self, entry: &Entry, crossing: Crossing) -> Result<Arrived, StoreError> {
        let (time, number) = (self.time.given(), crossing.number as i64);
        let (marker, until) = (entry.marker(), crossing.markers_until().as_millis());
        let mark: [Param<'_>; 4] =
            [(&time, Type::INT8), (&marker, Type::TEXT), (&number, Type::INT8), (&until, Type::INT8)];
        let put = async |sql: &str, more: &[Param<'_>]| {
            let row = self.query_one(sql, &[&mark, more].concat()).await?;
            let row = row.ok_or_else(|| pssp_jobs::error::corrupt("answer", "no row"))?;
            arrived(&row).map_err(|error| pssp_jobs::error::corrupt("answer", error))
        };
        match entry {
            Entry::Job(record) => {
                let job = Arriving::of(entry, record, crossing)?;
                let outcome = each(&self.database, time, &[job]).await.pop();
                let outcome = outcome.unwrap_or_else(|| Err(Fault::refused("no answer".to_owned())));
                outcome.map_err(|fault| self.database.error(fault))
            }
            Entry::Batch(batch) => {
                let (id, expires_at, json) = (batch.id.uuid(), batch.expires_at.as_millis(), to_json(batch)?);
                put(BATCH, &[(&id, Type::UUID), (&expires_at, Type::INT8), (&json, Type::TEXT)]).await
            }
            Entry::JobKey(key, id) => self.arrive_key(0, key, id.uuid()).await,
            Entry::BatchKey(key, id) => self.arrive_key(1, key, id.uuid()).await,
            Entry::Letter { letter, expires_at } => {
                let (id, expires_at, json) = (letter.id.uuid(), expires_at.as_millis(), to_json(letter)?);
                put(LETTER, &[(&id, Type::UUID), (&expires_at, Type::INT8), (&json, Type::TEXT)]).await
            }
            Entry::Notice(notice) => put(NOTICE, &[(&to_json(notice)?, Type::TEXT)]).await,
            Entry::ApiKey(key) => {
                let (json, used_at) = (to_json(key)?, millis(key.used_at));
                put(API_KEY, &[(&key.id, Type::TEXT), (&json, Type::TEXT), (&used_at, Type::INT8)]).await
            }
        }
    }

    async fn arrive_key(&self, kind: i64, key: &IdempotencyKey, id: Uuid) -> Result<Arrived, StoreError> {
        let row = self
            .query_one(
                KEY,
                &[
                    (&self.time.given(), Type::INT8),
                    (&kind, Type::INT8),
                    (&key.owner.as_str(), Type::TEXT),
                    (&key.key, Type::TEXT),
                    (&key.digest.as_slice(), Type::BYTEA),
                    (&id, Type::UUID),
                    (&key.expires_at.as_millis(), Type::INT8),
                ],
            )
            .await?;
        let row = row.ok_or_else(|| pssp_jobs::error::corrupt("answer", "no row"))?;
        Ok(if get(&row, 1)? { Arrived::New } else { Arrived::Exists })
    }

    async fn scan_keys(&self, part: &mut Part, after: &str) -> Result<bool, StoreError> {
        let mut after = after.split('/');
        let kind: i64 = after.next().and_then(|kind| kind.parse().ok()).unwrap_or(-1);
        let mut text = || text_of(after.next().unwrap_or_default());
        let (owner, key) = (text()?, text()?);
        let rows = self
            .query(
                "SELECT kind::bigint, owner, key, digest, target, expires_at FROM @keys
                 WHERE (kind, owner, key) > ($1::bigint::smallint, $2, $3) ORDER BY kind, owner, key LIMIT $4",
                &[(&kind, Type::INT8), (&owner, Type::TEXT), (&key, Type::TEXT), (&part_size(part), Type::INT8)],
            )
            .await?;
        add_rows(part, &rows, |part, row| {
            let (kind, owner, key): (i64, String, String) = (get(row, 0)?, get(row, 1)?, get(row, 2)?);
            let place = format!("{kind}/{}/{}", place_of(owner.as_bytes()), place_of(key.as_bytes()));
            let digest: &[u8] = get(row, 3)?;
            let digest =
                <[u8; 32]>::try_from(digest).map_err(|_| pssp_jobs::error::corrupt("digest", "length"));
            let (target, expires_at): (Uuid, i64) = (get(row, 4)?, get(row, 5)?);
            let entry = digest.map(|digest| {
                let expires_at = Timestamp::from_millis(expires_at);
                let key = IdempotencyKey { owner: Owner::new(owner), key, digest, expires_at };
                match kind {
                    0 => Entry::JobKey(key, JobId::from(target)),
                    _ => Entry::BatchKey(key, BatchId::from(target)),
                }
            });
            part.add(place, 0, "idempotency key", entry);
            Ok(())
        })
    }

    async fn scan_jobs(&self, part: &mut Part, after: &str) -> Result<bool, StoreError> {
        let (after, size, bytes) = (uuid_of(after)?, part_size(part), PART_BYTES as i64);
        let params = [(&after as _, Type::UUID), (&size as _, Type::INT8), (&bytes as _, Type::INT8)];
        let rows = self.query(SCAN_JOBS, &params).await?;
        let found = rows.first().map(|row| get::<i64>(row, 0)).transpose()?.unwrap_or(0);
        let cut = usize::try_from(found).unwrap_or(0) > rows.len();
        let more = add_rows(part, &rows, |part, row| {
            let id: Uuid = get(row, 1)?;
            let bytes = [2, 3, 4].into_iter().filter_map(|at| get::<Option<&str>>(row, at).ok().flatten());
            let bytes = bytes.map(str::len).sum::<usize>();
            let bytes = bytes + get::<Option<&[u8]>>(row, 5)?.map_or(0, <[u8]>::len);
            part.add(
                place_of(id.as_bytes()),
                bytes,
                &format!("job {id}"),
                record(row, 2).and_then(Entry::of_job),
            );
            Ok(())
        })?;
        Ok(more || cut)
    }

    /// Rows of a table with an id and JSON, after an id.
    async fn scan_json(
        &self,
        part: &mut Part,
        (sql, after): (&str, &str),
        (what, entry): (&str, FromJson),
    ) -> Result<bool, StoreError> {
        let rows = self.query(sql, &[(&uuid_of(after)?, Type::UUID), (&part_size(part), Type::INT8)]).await?;
        add_rows(part, &rows, |part, row| {
            let (id, json, expires_at): (Uuid, &str, i64) = (get(row, 0)?, get(row, 1)?, get(row, 2)?);
            let place = place_of(id.as_bytes());
            part.add(place, json.len(), &format!("{what} {id}"), entry(json, expires_at));
            Ok(())
        })
    }

    async fn scan_api_keys(&self, part: &mut Part, after: &str) -> Result<bool, StoreError> {
        let sql = "SELECT id, record, used_at FROM @api_keys WHERE id > $1 ORDER BY id LIMIT $2";
        let rows = self.query(sql, &[(&text_of(after)?, Type::TEXT), (&part_size(part), Type::INT8)]).await?;
        add_rows(part, &rows, |part, row| {
            let (id, json): (&str, &str) = (get(row, 0)?, get(row, 1)?);
            let used_at = get::<Option<i64>>(row, 2)?.map(Timestamp::from_millis);
            let key = from_json::<StoredKey>("key", json).map(|key| StoredKey { used_at, ..key });
            part.add(place_of(id.as_bytes()), json.len(), &format!("key {id}"), key.map(Entry::ApiKey));
            Ok(())
        })
    }
}

/// Makes an entry of its JSON and its time of expiry.
type FromJson = fn(&str, i64) -> Result<Entry, StoreError>;

fn part_size(part: &Part) -> i64 {
    i64::try_from(part.wanted()).unwrap_or(i64::MAX)
}

fn uuid_of(place: &str) -> Result<Uuid, StoreError> {
    let bytes = bytes_of(place)?;
    Ok(if bytes.is_empty() { Uuid::nil() } else { Uuid::from_slice(&bytes).map_err(|e| refused(&e))? })
}

fn text_of(place: &str) -> Result<String, StoreError> {
    String::from_utf8(bytes_of(place)?).map_err(|error| refused(&error))
}

fn refused(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Refused(format!("this is no place of a scan: {error}").into())
}

/// Adds rows to the part until it is full. Returns whether there are more.
fn add_rows(
    part: &mut Part,
    rows: &[Row],
    mut add: impl FnMut(&mut Part, &Row) -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    for row in rows {
        if part.is_full() {
            return Ok(true);
        }
        add(part, row)?;
    }
    Ok(false)
}

#[async_trait]
impl Transfer for PostgresBackend {
    async fn scan(&self, from: Option<&str>, limit: usize) -> Result<Scan, StoreError> {
        let (mut part, after) = Part::begin(from, limit)?;
        let more = match part.step() {
            0 => self.scan_keys(&mut part, after).await?,
            1 => {
                let sql = "SELECT id, batch, expires_at FROM @batches WHERE id > $1 ORDER BY id LIMIT $2";
                let entry = |json: &str, _| from_json::<Batch>("batch", json).map(Entry::Batch);
                self.scan_json(&mut part, (sql, after), ("batch", entry)).await?
            }
            2 => self.scan_jobs(&mut part, after).await?,
            3 => {
                let sql = "SELECT id, letter, expires_at FROM @dead WHERE id > $1 AND NOT job
                           ORDER BY id LIMIT $2";
                let entry = |json: &str, expires_at| {
                    let expires_at = Timestamp::from_millis(expires_at);
                    from_json("dead letter", json).map(|letter| Entry::Letter { letter, expires_at })
                };
                self.scan_json(&mut part, (sql, after), ("dead letter", entry)).await?
            }
            4 => {
                let rows = self.query("SELECT notice FROM @notice", &[]).await?;
                add_rows(&mut part, &rows, |part, row| {
                    let json: &str = get(row, 0)?;
                    let notice = from_json("notice", json).map(Entry::Notice);
                    part.add("1".to_owned(), json.len(), "notice", notice);
                    Ok(())
                })?
            }
            _ => self.scan_api_keys(&mut part, after).await?,
        };
        Ok(part.end(more, STEPS))
    }

    async fn arrive(&self, entries: &[Entry], crossing: Crossing) -> Vec<Result<Arrived, StoreError>> {
        let last = "UPDATE @moves SET last = $1 WHERE last < $1";
        if let Err(fault) = self.database.query(last, &[(&(crossing.number as i64), Type::INT8)]).await {
            return entries.iter().map(|_| Err(self.database.error(fault.clone()))).collect();
        }
        // The jobs share a statement.
        let (mut jobs, mut others, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for (n, entry) in entries.iter().enumerate() {
            match entry {
                Entry::Job(record) => match Arriving::of(entry, record, crossing) {
                    Ok(job) => jobs.push((n, job)),
                    Err(error) => outcomes.push((n, Err(error))),
                },
                _ => others.push((n, entry)),
            }
        }
        let (places, jobs): (Vec<usize>, Vec<Arriving>) = jobs.into_iter().unzip();
        let due = jobs.iter().any(|job| job.delay.is_some());
        let made = each(&self.database, self.time.given(), &jobs).await;
        let made = made.into_iter().map(|made| made.map_err(|fault| self.database.error(fault)));
        outcomes.extend(places.into_iter().zip(made));
        let mut arriving = Vec::with_capacity(others.len());
        for (n, entry) in others {
            arriving.push(async move { (n, self.arrive_one(entry, crossing).await) });
        }
        let arriving = stream::iter(arriving).buffer_unordered(CONCURRENCY);
        outcomes.extend(arriving.collect::<Vec<_>>().await);
        outcomes.sort_by_key(|(n, _)| *n);
        for (n, outcome) in &outcomes {
            if let (Entry::Job(record), Ok(Arrived::New)) = (&entries[*n], outcome) {
                self.changed(record.job.id());
            }
        }
        if due {
            self.message_arrived();
        }
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn last_move(&self) -> Result<u64, StoreError> {
        let row = self.query_one("SELECT last FROM @moves", &[]).await?;
        let last = row.map(|row| get::<i64>(&row, 0)).transpose()?;
        Ok(last.and_then(|last| u64::try_from(last).ok()).unwrap_or(0))
    }
}
