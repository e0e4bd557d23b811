//! The queue: at most one row for each job, so that a message that is sent again merges with the first one.
//!
//! Owners take turns. A message that is due has a `turn`: one more than that of the last ready message of its owner,
//! and later than the latest delivered turn. Messages are delivered in the order of their turns, so a turn has one
//! message of each owner. (Of an owner for whom several processes create jobs at the same moment it may have one message
//! of each process, since they do not wait for each other.) A message without a turn waits for `visible_at`.
//!
//! A row waits (`token` is NULL) or is delivered (`token` is random, and the row is hidden until `visible_at`). If a
//! message is sent again while it is delivered, the new time is stored in `again_at`. The message then becomes visible
//! at that time at the latest, and an acknowledgement of the old delivery leaves it in the queue.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::{Delivery, JobId, JobQueue, JobReceiver, Message, Receipt, StoreError};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::announce::ARRIVED;
use crate::database::Database;
use crate::jobs::{get, record};
use crate::{PostgresBackend, now};

/// Most messages in one receive.
const MAX_RECEIVE: usize = 1000;

/// Shortest sleep of a receiver that has found nothing. A message may be due that another process is just taking.
const SHORTEST_SLEEP: Duration = Duration::from_millis(10);

/// A row that becomes visible later than this from now on was written before the clock jumped back.
const HORIZON: Duration = Duration::from_secs(MAX_DELAY.as_secs() * 2);

/// Gives a turn to messages whose time has come, or that were hidden before the clock jumped back ($2 is the horizon
/// in ms). A message that was delivered before, or that belongs to no job, is next. One process at a time does this, or
/// two would give out the same turns; the others go on without.
const MAKE_READY: &str = now!(
    ", mine AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(1886614384, hashtext('@queue')) AS ok
    ), due AS MATERIALIZED (
        SELECT id, owner, receives, visible_at FROM @queue
        WHERE (SELECT ok FROM mine) AND turn IS NULL AND visible_at <= (SELECT ms FROM now)
        ORDER BY visible_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), far AS MATERIALIZED (
        SELECT id, owner, receives, visible_at FROM @queue
        WHERE (SELECT ok FROM mine) AND turn IS NULL AND visible_at > (SELECT ms FROM now) + $2
        ORDER BY visible_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), ready AS (
        SELECT id, owner, visible_at, owner IS NOT NULL AND receives = 0 AS in_turn
        FROM (SELECT * FROM due UNION ALL SELECT * FROM far) AS found
    ), owners AS (
        SELECT owner, (SELECT max(turn) FROM @queue q WHERE q.owner = o.owner AND q.turn IS NOT NULL) AS last
        FROM (SELECT DISTINCT owner FROM ready WHERE in_turn) AS o
    ), placed AS (
        SELECT id, (SELECT last_value FROM @turn) AS current, last,
            CASE WHEN in_turn THEN row_number() OVER (PARTITION BY owner, in_turn ORDER BY visible_at, id) END AS n
        FROM ready LEFT JOIN owners USING (owner)
    )
    UPDATE @queue q SET turn = CASE WHEN n IS NULL THEN current ELSE greatest(current, last) + n END
    FROM placed WHERE q.id = placed.id"
);

/// Takes ready messages in the order of their turns: at most $2, hidden for $3 ms ($4 is the horizon). With the first
/// 256 it reads the job and the request. If a message was sent again for a future time within the horizon, that time
/// stays after this delivery; if the time has passed, this delivery serves it.
///
/// Rows are named by arrays and by single lookups, so that no plan, however old, reads the whole of a table.
const TAKE: &str = now!(
    ", picked AS MATERIALIZED (
        SELECT id, turn FROM @queue WHERE turn IS NOT NULL ORDER BY turn, id LIMIT $2 FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE @queue q SET turn = NULL, receives = receives + 1, token = gen_random_uuid(),
            again_at = CASE WHEN again_at > ms AND again_at <= ms + $4 THEN again_at END,
            visible_at = least(ms + $3, CASE WHEN again_at > ms AND again_at <= ms + $4 THEN again_at END)
        FROM now WHERE q.id = ANY (ARRAY(SELECT id FROM picked))
        RETURNING q.id, q.token, q.receives, q.body
    ), numbered AS (
        SELECT taken.*, row_number() OVER (ORDER BY turn, id) AS n FROM taken JOIN picked USING (id)
    )
    SELECT t.id, t.token, t.receives, t.body, head, status, request, NULL::bytea,
        -- The latest delivered turn. It is set once for the whole statement.
        (SELECT CASE WHEN latest > last_value THEN setval('@turn', latest) END
         FROM @turn, (SELECT max(turn) AS latest FROM picked) AS l)
    FROM numbered t
    LEFT JOIN LATERAL (
        SELECT head, status FROM @jobs j WHERE j.id = t.id AND n <= 256 AND t.body IS NULL LIMIT 1
    ) AS job ON true
    LEFT JOIN LATERAL (
        SELECT request FROM @requests r WHERE r.id = t.id AND job.head IS NOT NULL LIMIT 1
    ) AS input ON true
    ORDER BY n"
);

/// Milliseconds until the next message is due, negative if its time has passed; 0 if one is ready, NULL if there is
/// none.
const NEXT: &str = now!(
    " SELECT CASE WHEN EXISTS (SELECT FROM @queue WHERE turn IS NOT NULL) THEN 0
        ELSE (SELECT min(visible_at) FROM @queue WHERE turn IS NULL) - (SELECT ms FROM now) END"
);

/// Puts the message of job $2 into the queue after $3 ms, or merges it with the message that is there. If there is no
/// such job, the body $4 is put there: the receiver of the message will find that out.
const SEND: &str = now!(
    ", job AS (SELECT id, owner FROM @jobs WHERE id = $2)
    INSERT INTO @queue AS q (id, owner, body, visible_at)
    SELECT coalesce(job.id, gen_random_uuid()), owner, CASE WHEN job.id IS NULL THEN $4 END, ms + $3
    FROM now LEFT JOIN job ON true
    ON CONFLICT (id) DO UPDATE SET
        visible_at = least(q.visible_at, excluded.visible_at),
        again_at = CASE WHEN q.token IS NOT NULL THEN least(q.again_at, excluded.visible_at) END"
);

/// Deletes a delivered message, or keeps it as a new one if it was sent again meanwhile.
const ACK: &str = "
    WITH acknowledged AS (DELETE FROM @queue WHERE id = $1 AND token = $2 AND again_at IS NULL)
    UPDATE @queue SET visible_at = again_at, again_at = NULL, token = NULL, receives = 0, turn = NULL
    WHERE id = $1 AND token = $2 AND again_at IS NOT NULL RETURNING id";

/// Makes a delivered message visible again after $4 ms. From now on there is one message.
const RETRY: &str = now!(
    " UPDATE @queue SET visible_at = least(ms + $4, again_at), again_at = NULL, token = NULL, turn = NULL
    FROM now WHERE id = $2 AND token = $3"
);

/// Hides a delivered message for $4 ms from now on.
const EXTEND: &str = now!(
    " UPDATE @queue SET visible_at = least(ms + $4, again_at), turn = NULL
    FROM now WHERE id = $2 AND token = $3 RETURNING id"
);

/// Returns messages to the queue as if they had not been delivered, and wakes receivers.
const PUT_BACK: &str = "
    WITH back AS (
        UPDATE @queue q SET visible_at = 0, token = NULL, again_at = NULL, receives = receives - 1,
            turn = (SELECT last_value FROM @turn)
        FROM unnest($1::uuid[], $2::uuid[]) AS t (id, token) WHERE q.id = t.id AND q.token = t.token
        RETURNING q.id
    )
    SELECT pg_notify($3, '') FROM back LIMIT 1";

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The parts of a receipt.
#[derive(Debug, Clone, Copy)]
struct Token {
    id: Uuid,
    token: Uuid,
}

impl Token {
    fn of(receipt: &Receipt) -> Option<Self> {
        let (id, token) = receipt.token().split_once('/')?;
        Some(Self { id: id.parse().ok()?, token: token.parse().ok()? })
    }

    fn receipt(self) -> Receipt {
        Receipt::new(format!("{}/{}", self.id.simple(), self.token.simple()))
    }
}

fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    let token = Token { id: get(row, 0)?, token: get(row, 1)? };
    let body: Option<String> = get(row, 3)?;
    // A record that cannot be read is left out. The claim reads it again and reports the error.
    let read = get::<Option<&str>>(row, 6)?.and_then(|_| record(row, 4).ok());
    Ok(Delivery {
        body: body.unwrap_or_else(|| Message::new(JobId::from(token.id)).encode()),
        receives: u32::try_from(get::<i32>(row, 2)?).unwrap_or(u32::MAX),
        receipt: token.receipt(),
        record: read.map(Box::new),
    })
}

/// What a receive found. If it is dropped with messages in it, since the receiver was dropped meanwhile, they are
/// returned to the queue at once. Otherwise they would stay hidden until their visibility timeout.
struct Taken {
    deliveries: Vec<Delivery>,
    /// If there are none: how long until the next message is due.
    next: Option<Duration>,
    database: Arc<Database>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let tokens = self.deliveries.iter().filter_map(|delivery| Token::of(&delivery.receipt));
        let (ids, tokens): (Vec<Uuid>, Vec<Uuid>) = tokens.map(|t| (t.id, t.token)).unzip();
        let Ok(runtime) = Handle::try_current() else { return };
        if ids.is_empty() {
            return;
        }
        let database = self.database.clone();
        runtime.spawn(async move {
            let channel = database.target.channel(ARRIVED);
            let params = [
                (&ids as _, Type::UUID_ARRAY),
                (&tokens as _, Type::UUID_ARRAY),
                (&channel as _, Type::TEXT),
            ];
            // After an error the visibility timeouts end.
            if let Err(fault) = database.query(PUT_BACK, &params).await {
                tracing::debug!(error = %fault, "messages were not returned: {fault}");
            }
        });
    }
}

async fn take(
    database: Arc<Database>,
    now: Option<i64>,
    max: usize,
    visibility: Duration,
) -> Result<Taken, StoreError> {
    let (horizon, max, hidden) = (millis(HORIZON), max as i64, millis(visibility));
    let fault = |fault| database.error(fault);
    let (ready, rows) = database
        .query_two(
            (MAKE_READY, &[(&now, Type::INT8), (&horizon, Type::INT8)]),
            (TAKE, &[(&now, Type::INT8), (&max, Type::INT8), (&hidden, Type::INT8), (&horizon, Type::INT8)]),
        )
        .await
        .map_err(fault)?;
    if let Err(fault) = ready {
        tracing::debug!(error = %fault, "no message was made ready this time: {fault}");
    }
    let readable = |row| {
        delivery(row).inspect_err(|error| tracing::error!(%error, "a message cannot be read: {error}")).ok()
    };
    let deliveries: Vec<Delivery> = rows.map_err(fault)?.iter().filter_map(readable).collect();
    if !deliveries.is_empty() {
        return Ok(Taken { deliveries, next: None, database: database.clone() });
    }
    let rows = database.query(NEXT, &[(&now, Type::INT8)]).await.map_err(fault)?;
    let next = rows.first().map(|row| get::<Option<i64>>(row, 0)).transpose()?.flatten();
    let next = next.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    Ok(Taken { deliveries, next, database: database.clone() })
}

impl PostgresBackend {
    /// Puts a raw body into the queue, as a foreign sender does.
    ///
    /// # Errors
    /// As for [`JobQueue::send`].
    pub async fn inject(&self, body: &str) -> Result<(), StoreError> {
        let sql = now!(
            " INSERT INTO @queue (id, body, visible_at) SELECT gen_random_uuid(), $2, (SELECT ms FROM now)"
        );
        self.query(sql, &[(&self.time.given(), Type::INT8), (&body, Type::TEXT)]).await?;
        self.message_arrived();
        Ok(())
    }

    /// Takes messages in a task of its own, which ends also if the caller is dropped meanwhile.
    async fn take(&self, max: usize, visibility: Duration) -> Result<Taken, StoreError> {
        let taking = tokio::spawn(take(self.database.clone(), self.time.given(), max, visibility));
        taking.await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.into())))
    }
}

#[async_trait]
impl JobQueue for PostgresBackend {
    async fn send(&self, message: &Message, delay: Duration) -> Result<(), StoreError> {
        let (id, delay) = (message.job.uuid(), millis(delay.min(MAX_DELAY)));
        self.query(
            SEND,
            &[
                (&self.time.given(), Type::INT8),
                (&id, Type::UUID),
                (&delay, Type::INT8),
                (&message.encode(), Type::TEXT),
            ],
        )
        .await?;
        self.message_arrived();
        Ok(())
    }
}

#[async_trait]
impl JobReceiver for PostgresBackend {
    /// The visibility is at most twice the longest delay: a message that is hidden for longer counts as hidden
    /// before the clock jumped back.
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        let deadline = Instant::now() + wait;
        loop {
            // This is created before the look, so that no later message is missed.
            let mut arrival = std::pin::pin!(self.listener.arrival());
            arrival.as_mut().enable();
            let mut taken = self.take(max.clamp(1, MAX_RECEIVE), visibility.min(HORIZON)).await?;
            let now = Instant::now();
            if !taken.deliveries.is_empty() || now >= deadline {
                return Ok(std::mem::take(&mut taken.deliveries));
            }
            let longest = self.listener.poll_interval();
            let next_look = now + taken.next.map_or(longest, |next| next.clamp(SHORTEST_SLEEP, longest));
            drop(tokio::time::timeout_at(next_look.min(deadline), arrival).await);
        }
    }

    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError> {
        let Some(Token { id, token }) = Token::of(&receipt) else { return Ok(()) };
        let kept = self.query(ACK, &[(&id, Type::UUID), (&token, Type::UUID)]).await?;
        if !kept.is_empty() {
            self.message_arrived();
        }
        Ok(())
    }

    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError> {
        let Some(token) = Token::of(&receipt) else { return Ok(()) };
        self.settle(RETRY, token, after.min(MAX_DELAY)).await?;
        self.message_arrived();
        Ok(())
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<bool, StoreError> {
        let Some(token) = Token::of(receipt) else { return Ok(false) };
        Ok(!self.settle(EXTEND, token, visibility.min(HORIZON)).await?.is_empty())
    }
}

impl PostgresBackend {
    async fn settle(&self, sql: &str, token: Token, after: Duration) -> Result<Vec<Row>, StoreError> {
        self.query(
            sql,
            &[
                (&self.time.given(), Type::INT8),
                (&token.id, Type::UUID),
                (&token.token, Type::UUID),
                (&millis(after), Type::INT8),
            ],
        )
        .await
    }
}
