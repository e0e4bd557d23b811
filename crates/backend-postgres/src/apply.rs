//! Transitions of jobs: compare-and-set of the status, with the result, the dead letter and the message, in one
//! statement.

use std::collections::HashSet;
use std::sync::Arc;

use pssp_jobs::batcher::Call;
use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::rows::{ChangeRow, state_code, state_of, to_json};
use pssp_jobs::{Change, Fence, JobId, StoreError};
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::Fault;
use crate::group::{Member, each};
use crate::now;

/// Its parameters are the time and then one array for each column. Returns for each transition, in order: whether it
/// was made, and the state and attempt that the job had before, which are NULL if there is no such job.
///
/// The jobs are locked in the order of their ids, so that two statements never wait for each other in a circle.
const APPLY: &str = now!(
    ", input AS (
        SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::text[], $10::bytea[], $11::bytea[], $12::bigint[], $13::text[], $14::bigint[])
        WITH ORDINALITY AS t (id, from_state, from_attempt, state, attempt, due_at, expires_at, status, result, key,
            delay, letter, letter_expires, n)
    ), locked AS MATERIALIZED (
        SELECT j.id, j.owner, j.state, j.attempt FROM @jobs j JOIN input ON input.id = j.id
        ORDER BY j.id FOR UPDATE OF j
    ), hit AS MATERIALIZED (
        SELECT input.*, locked.owner FROM input JOIN locked USING (id)
        WHERE locked.state = input.from_state AND locked.attempt = input.from_attempt
    ), changed AS (
        UPDATE @jobs j SET state = hit.state::smallint, attempt = hit.attempt, due_at = hit.due_at,
            expires_at = hit.expires_at, status = hit.status
        FROM hit WHERE j.id = hit.id
    ), results AS (
        INSERT INTO @results AS r (id, result, key) SELECT id, result, key FROM hit WHERE result IS NOT NULL
        ON CONFLICT (id) DO UPDATE SET result = excluded.result, key = excluded.key
    ), letters AS (
        INSERT INTO @dead (id, job, expires_at, letter)
        SELECT id, true, letter_expires, letter FROM hit WHERE letter IS NOT NULL
        ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, letter = excluded.letter
    ), unburied AS (
        DELETE FROM @dead d USING hit WHERE d.id = hit.id AND hit.from_state = 3 AND hit.letter IS NULL
    ), sent AS (
        -- A message that waits there stays if it is due earlier. If it is delivered, its receipt becomes invalid.
        INSERT INTO @queue AS q (id, owner, visible_at)
        SELECT id, owner, (SELECT ms FROM now) + delay FROM hit WHERE delay IS NOT NULL
        ON CONFLICT (id) DO UPDATE SET
            visible_at = CASE WHEN q.token IS NULL THEN least(q.visible_at, excluded.visible_at)
                              ELSE excluded.visible_at END,
            turn = CASE WHEN q.token IS NULL THEN q.turn END, again_at = NULL, token = NULL
    ), settled AS (
        -- A terminal job needs no message. One that a sweep sends while this statement waits for the job stays: its
        -- receiver finds that the job has ended.
        DELETE FROM @queue q USING hit WHERE q.id = hit.id AND hit.delay IS NULL AND hit.due_at IS NULL
    )
    SELECT hit.id IS NOT NULL, locked.state::bigint, locked.attempt
    FROM input LEFT JOIN locked USING (id) LEFT JOIN hit USING (n) ORDER BY n"
);

/// A transition, encoded by its caller.
#[derive(Debug)]
pub(crate) struct Transition {
    row: ChangeRow,
    /// Milliseconds until the message of the change, if any, is delivered.
    delay: Option<i64>,
    letter: Option<String>,
}

impl Transition {
    pub(crate) fn of(change: &Change) -> Result<Self, StoreError> {
        let row = ChangeRow::of(change, None)?;
        let delay =
            change.send.map(|delay| i64::try_from(delay.min(MAX_DELAY).as_millis()).unwrap_or(i64::MAX));
        let letter = row.letter.as_ref().map(|(letter, _)| to_json(letter)).transpose()?;
        Ok(Self { row, delay, letter })
    }
}

/// The outcome of one transition.
#[derive(Debug)]
pub(crate) struct Outcome {
    made: bool,
    /// The state and attempt before.
    found: Option<(i64, i64)>,
}

impl Outcome {
    pub(crate) fn answer(&self) -> Result<(), StoreError> {
        match self.found {
            _ if self.made => Ok(()),
            None => Err(StoreError::NotFound),
            Some((state, attempt)) => Err(StoreError::Conflict(Fence {
                state: state_of(state)?,
                attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            })),
        }
    }
}

impl Member for Transition {
    type Outcome = Outcome;

    async fn statement(database: &Database, now: Option<i64>, calls: &[Self]) -> Result<Vec<Outcome>, Fault> {
        apply(database, now, calls).await
    }
}

impl Call for Transition {
    type Answer = Result<Outcome, Fault>;
    type Error = Fault;

    fn bytes(&self) -> usize {
        self.row.status.status.len() + self.row.result.as_ref().map_or(0, |result| result.bytes.len())
    }
}

/// Makes a group of transitions. Those of one job go into separate statements, in order.
pub(crate) async fn run(
    database: Arc<Database>,
    now: Option<i64>,
    group: Vec<Transition>,
) -> Result<Vec<Result<Outcome, Fault>>, Fault> {
    let mut outcomes = Vec::with_capacity(group.len());
    let mut rest = group.as_slice();
    while !rest.is_empty() {
        let mut ids: HashSet<JobId> = HashSet::new();
        let (part, others) = rest.split_at(rest.iter().take_while(|next| ids.insert(next.row.id)).count());
        outcomes.extend(each(&database, now, part).await);
        rest = others;
    }
    Ok(outcomes)
}

async fn apply(database: &Database, now: Option<i64>, changes: &[Transition]) -> Result<Vec<Outcome>, Fault> {
    fn column<'a, T>(changes: &'a [Transition], of: impl Fn(&'a Transition) -> T) -> Vec<T> {
        changes.iter().map(of).collect()
    }
    let rows = database
        .query(
            APPLY,
            &[
                (&now, Type::INT8),
                (&column(changes, |c| c.row.id.uuid()), Type::UUID_ARRAY),
                (&column(changes, |c| state_code(c.row.from_state)), Type::INT8_ARRAY),
                (&column(changes, |c| c.row.from_attempt), Type::INT8_ARRAY),
                (&column(changes, |c| c.row.status.state), Type::INT8_ARRAY),
                (&column(changes, |c| c.row.status.attempt), Type::INT8_ARRAY),
                (&column(changes, |c| c.row.status.due_at), Type::INT8_ARRAY),
                (&column(changes, |c| c.row.status.expires_at), Type::INT8_ARRAY),
                (&column(changes, |c| c.row.status.status.as_str()), Type::TEXT_ARRAY),
                (&column(changes, |c| c.row.result.as_ref().map(|r| r.bytes.as_ref())), Type::BYTEA_ARRAY),
                (
                    &column(changes, |c| {
                        c.row
                            .result
                            .as_ref()
                            .and_then(|r| r.key.as_ref())
                            .map(|key| key.as_bytes().as_slice())
                    }),
                    Type::BYTEA_ARRAY,
                ),
                (&column(changes, |c| c.delay), Type::INT8_ARRAY),
                (&column(changes, |c| c.letter.as_deref()), Type::TEXT_ARRAY),
                (&column(changes, |c| c.row.letter.as_ref().map(|(_, expires)| *expires)), Type::INT8_ARRAY),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let found = row.try_get::<_, Option<i64>>(1)?.zip(row.try_get(2)?);
            Ok(Outcome { made: row.try_get(0)?, found })
        })
        .collect::<Result<_, tokio_postgres::Error>>()
        .map_err(|error| Fault::of(&error))
}
