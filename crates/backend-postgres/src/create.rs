//! Creation of jobs: the record, the input, the key, and the message or the result of each, in one statement.

use std::collections::HashSet;
use std::sync::Arc;

use pssp_jobs::batcher::Call;
use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::rows::NewRow;
use pssp_jobs::{Created, JobId, StoreError, Submission};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::database::{Database, Param};
use crate::error::Fault;
use crate::group::{Member, each};
use crate::now;

/// The parts of a statement that store the jobs of `fresh`: the record, the input, and the message or the result of each. A
/// job whose id exists is left out. `made` has the ids of those that are stored, and `new` their values.
macro_rules! put_fresh {
    () => {
        "made AS (
        INSERT INTO @jobs (id, owner, state, attempt, residues, due_at, expires_at, head, status)
        SELECT id, owner, state::smallint, attempt, residues, due_at, expires_at, head, status FROM fresh
        ON CONFLICT (id) DO NOTHING RETURNING id
    ), new AS (
        SELECT fresh.* FROM fresh JOIN made USING (id)
    ), requests AS (
        INSERT INTO @requests (id, request) SELECT id, request FROM new
    ), results AS (
        INSERT INTO @results (id, result) SELECT id, result FROM new WHERE result IS NOT NULL
    ), owners AS (
        SELECT owner, greatest(
            (SELECT last_value FROM @turn),
            (SELECT max(turn) FROM @queue q WHERE q.owner = o.owner AND q.turn IS NOT NULL)) AS last
        FROM (SELECT DISTINCT owner FROM new WHERE delay = 0) AS o
    ), messages AS (
        INSERT INTO @queue (id, owner, visible_at, turn)
        SELECT id, owner, (SELECT ms FROM now) + delay,
            CASE WHEN delay = 0 THEN last + row_number() OVER (PARTITION BY owner, delay = 0 ORDER BY n) END
        FROM new LEFT JOIN owners USING (owner) WHERE delay IS NOT NULL
    )"
    };
}
pub(crate) use put_fresh;

/// Its parameters are the time and then one array for each column. Returns for each job, in order: whether it was
/// made; the id that its key leads to, and whether that was used for the same request, if it has a key.
///
/// A key that exists is written anew with what it has. So the statement waits for another one that makes the same key
/// at the same time, and sees what that wrote.
const CREATE: &str = now!(
    ", input AS (
        SELECT * FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::bytea[], $14::text[],
            $15::bytea[], $16::bigint[])
        WITH ORDINALITY AS t (id, owner, state, attempt, due_at, expires_at, residues, head, status, request, delay,
            result, key, digest, key_expires, n)
    ), claimed AS (
        INSERT INTO @keys AS k (kind, owner, key, digest, target, expires_at)
        SELECT 0, owner, key, digest, id, key_expires FROM input WHERE key IS NOT NULL ORDER BY owner, key
        ON CONFLICT (kind, owner, key) DO UPDATE SET
            digest = CASE WHEN k.expires_at > (SELECT ms FROM now) THEN k.digest ELSE excluded.digest END,
            target = CASE WHEN k.expires_at > (SELECT ms FROM now) THEN k.target ELSE excluded.target END,
            expires_at = CASE WHEN k.expires_at > (SELECT ms FROM now) THEN k.expires_at
                              ELSE excluded.expires_at END
        RETURNING k.owner, k.key, k.digest, k.target
    ), fresh AS (
        SELECT input.* FROM input LEFT JOIN claimed USING (owner, key)
        WHERE input.key IS NULL OR claimed.target = input.id
    ), ",
    put_fresh!(),
    "
    SELECT made.id IS NOT NULL, claimed.target, claimed.digest = input.digest
    FROM input LEFT JOIN made USING (id) LEFT JOIN claimed USING (owner, key) ORDER BY n"
);

/// A job to be created, encoded by its caller.
#[derive(Debug)]
pub(crate) struct NewJob {
    row: NewRow,
    /// Milliseconds until its message is delivered; `None` for a finished job, which has no message.
    delay: Option<i64>,
}

impl NewJob {
    pub(crate) fn of(submission: &Submission) -> Result<Self, StoreError> {
        let row = NewRow::of(submission)?;
        let delay = submission.delay().min(MAX_DELAY).as_millis();
        let delay = row.start_at.map(|_| i64::try_from(delay).unwrap_or(i64::MAX));
        Ok(Self { row, delay })
    }

    pub(crate) fn has_message(&self) -> bool {
        self.delay.is_some()
    }
}

/// The outcome for one job.
#[derive(Debug)]
pub(crate) struct Outcome {
    made: bool,
    target: Option<Uuid>,
    same: Option<bool>,
}

impl Outcome {
    pub(crate) fn answer(&self) -> Result<Created<JobId>, StoreError> {
        match (self.made, self.target, self.same) {
            (true, ..) => Ok(Created::New),
            (false, None, _) => Err(StoreError::Exists),
            (false, Some(target), Some(true)) => Ok(Created::Existing(JobId::from(target))),
            (false, Some(_), _) => Err(StoreError::KeyReused),
        }
    }
}

impl Member for NewJob {
    type Outcome = Outcome;

    async fn statement(database: &Database, now: Option<i64>, calls: &[Self]) -> Result<Vec<Outcome>, Fault> {
        create(database, now, calls).await
    }
}

impl Call for NewJob {
    type Answer = Result<Outcome, Fault>;
    type Error = Fault;

    fn bytes(&self) -> usize {
        let row = &self.row;
        row.head.len()
            + row.request.len()
            + row.status.status.len()
            + row.result.as_ref().map_or(0, bytes::Bytes::len)
    }
}

/// Creates a group of jobs. Jobs with the same id or key go into separate statements, since a statement must not write
/// a row twice.
pub(crate) async fn run(
    database: Arc<Database>,
    now: Option<i64>,
    group: Vec<NewJob>,
) -> Result<Vec<Result<Outcome, Fault>>, Fault> {
    let mut outcomes = Vec::with_capacity(group.len());
    let mut rest = group.as_slice();
    while !rest.is_empty() {
        let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
        let distinct = rest.iter().take_while(|job| {
            let key = job.row.key.as_ref().map(|key| (key.owner.as_str(), key.key.as_str()));
            ids.insert(job.row.id) && key.is_none_or(|key| keys.insert(key))
        });
        let (part, others) = rest.split_at(distinct.count());
        outcomes.extend(each(&database, now, part).await);
        rest = others;
    }
    Ok(outcomes)
}

/// The columns of jobs that are stored ([`put_fresh`]): an array for each.
pub(crate) struct Columns<'a> {
    ids: Vec<Uuid>,
    owners: Vec<&'a str>,
    numbers: [Vec<Option<i64>>; 6],
    texts: [Vec<&'a str>; 3],
    results: Vec<Option<&'a [u8]>>,
}

impl<'a> Columns<'a> {
    /// Of rows, each with the milliseconds until its message is delivered, if it has one.
    pub(crate) fn of(rows: impl Iterator<Item = (&'a NewRow, Option<i64>)> + Clone) -> Self {
        let number = |of: fn(&NewRow) -> Option<i64>| rows.clone().map(|(row, _)| of(row)).collect();
        let text = |of: fn(&NewRow) -> &str| rows.clone().map(|(row, _)| of(row)).collect();
        Self {
            ids: rows.clone().map(|(row, _)| row.id.uuid()).collect(),
            owners: text(|row| &row.owner),
            numbers: [
                number(|row| Some(row.status.state)),
                number(|row| Some(row.status.attempt)),
                number(|row| row.status.due_at),
                number(|row| row.status.expires_at),
                number(|row| Some(row.residues)),
                rows.clone().map(|(_, delay)| delay).collect(),
            ],
            texts: [text(|row| &row.head), text(|row| &row.status.status), text(|row| &row.request)],
            results: rows.map(|(row, _)| row.result.as_deref()).collect(),
        }
    }

    /// As parameters $2 to $13.
    pub(crate) fn params(&self) -> [Param<'_>; 12] {
        let [state, attempt, due_at, expires_at, residues, delay] = &self.numbers;
        let [head, status, request] = &self.texts;
        [
            (&self.ids, Type::UUID_ARRAY),
            (&self.owners, Type::TEXT_ARRAY),
            (state, Type::INT8_ARRAY),
            (attempt, Type::INT8_ARRAY),
            (due_at, Type::INT8_ARRAY),
            (expires_at, Type::INT8_ARRAY),
            (residues, Type::INT8_ARRAY),
            (head, Type::TEXT_ARRAY),
            (status, Type::TEXT_ARRAY),
            (request, Type::TEXT_ARRAY),
            (delay, Type::INT8_ARRAY),
            (&self.results, Type::BYTEA_ARRAY),
        ]
    }
}

async fn create(database: &Database, now: Option<i64>, jobs: &[NewJob]) -> Result<Vec<Outcome>, Fault> {
    let columns = Columns::of(jobs.iter().map(|job| (&job.row, job.delay)));
    let keys = || jobs.iter().map(|job| job.row.key.as_ref());
    let texts: Vec<_> = keys().map(|key| key.map(|key| key.key.as_str())).collect();
    let digests: Vec<_> = keys().map(|key| key.map(|key| key.digest.as_slice())).collect();
    let expiries: Vec<_> = keys().map(|key| key.map(|key| key.expires_at.as_millis())).collect();
    let given: [Param<'_>; 1] = [(&now, Type::INT8)];
    let of_keys: [Param<'_>; 3] =
        [(&texts, Type::TEXT_ARRAY), (&digests, Type::BYTEA_ARRAY), (&expiries, Type::INT8_ARRAY)];
    let params = [&given[..], &columns.params(), &of_keys].concat();
    let rows = database.query(CREATE, &params).await?;
    rows.iter()
        .map(|row| Ok(Outcome { made: row.try_get(0)?, target: row.try_get(1)?, same: row.try_get(2)? }))
        .collect::<Result<_, tokio_postgres::Error>>()
        .map_err(|error| Fault::of(&error))
}
