//! The connections of one process to the server.
//!
//! Almost every call is one statement, which is a transaction by itself. So nothing is open between two messages, a
//! pooler between pssp and the server may give each statement to another connection, and the server ends no idle
//! transaction of ours.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolConfig, Timeouts};
use futures::future::join;
use pssp_jobs::StoreError;
use tokio::sync::watch;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{IsolationLevel, Row};

use crate::Options;
use crate::connect::{Own, Servers};
use crate::error::{Fault, refused};
use crate::target::Target;

/// A value for a statement, with its type.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection of the pool.
type Client = Object<Servers>;

/// How often a statement is tried that the server undid because of another one.
const TRIES: u32 = 5;

/// Time-out of the request to stop a statement.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);

/// The server, by a pool of connections.
pub(crate) struct Database {
    pub(crate) target: Target,
    servers: Servers,
    pool: Pool<Servers>,
    limit: Duration,
    /// Number of connections that were given up after an error.
    given_up: watch::Sender<u64>,
}

impl Database {
    /// Without a connection yet.
    pub(crate) fn new(target: Target, options: &Options) -> Result<Self, StoreError> {
        let servers = Servers::new(&target, options)?;
        let limits = Timeouts {
            wait: Some(options.response_timeout),
            // Each server has its own limit.
            create: None,
            recycle: Some(options.response_timeout),
        };
        let pool = Pool::builder(servers.clone())
            .config(PoolConfig { timeouts: limits, ..PoolConfig::new(target.connections) })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| refused(&error.to_string()))?;
        Ok(Self { target, servers, pool, limit: options.response_timeout, given_up: watch::Sender::new(0) })
    }

    /// Runs one statement, in which `@` stands for the schema, and returns its rows.
    pub(crate) async fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
        let sql = self.sql(sql);
        let mut tries = 1;
        loop {
            let client = self.client().await?;
            let answer = self.within(run(&client, self.target.prepared, &sql, params)).await;
            match self.checked(client, answer) {
                Err(fault) if fault.undone && tries < TRIES => tries += 1,
                answer => return answer,
            }
        }
    }

    /// The same for a statement whose text is always another one, so that no connection keeps it.
    pub(crate) async fn query_unprepared(&self, sql: &str) -> Result<Vec<Row>, Fault> {
        let client = self.client().await?;
        let answer = self.within(run(&client, false, &self.sql(sql), &[])).await;
        self.checked(client, answer)
    }

    /// Runs two statements, the second one without waiting for the first one's response. Each is a transaction, and has
    /// an outcome of its own.
    pub(crate) async fn query_two(
        &self,
        first: (&str, &[Param<'_>]),
        second: (&str, &[Param<'_>]),
    ) -> Result<(Result<Vec<Row>, Fault>, Result<Vec<Row>, Fault>), Fault> {
        let (one, two) = (self.sql(first.0), self.sql(second.0));
        let client = self.client().await?;
        let prepared = self.target.prepared;
        let answers = self
            .within(async {
                Ok(join(run(&client, prepared, &one, first.1), run(&client, prepared, &two, second.1)).await)
            })
            .await;
        let of = |answer: Result<Vec<Row>, tokio_postgres::Error>| answer.map_err(|error| Fault::of(&error));
        let (one, two) = match answers {
            Ok((one, two)) => (of(one), of(two)),
            Err(fault) => return self.checked(client, Err(fault)),
        };
        let broken = [&one, &two]
            .into_iter()
            .find_map(|answer| answer.as_ref().err().filter(|fault| fault.breaks_connection).cloned());
        drop(self.checked(client, broken.map_or(Ok(()), Err)));
        Ok((one, two))
    }

    /// Runs two statements in one transaction: `lock` returns the ids of the rows that it locks, and `then` gets them
    /// as its one parameter. The second statement sees all that others wrote before they gave the locks free, which
    /// a single statement would not see. Returns the rows of `lock`.
    pub(crate) async fn lock_then(
        &self,
        lock: (&str, &[Param<'_>]),
        then: &str,
    ) -> Result<Vec<uuid::Uuid>, Fault> {
        let (lock_sql, then) = (self.sql(lock.0), self.sql(then));
        let mut tries = 1;
        loop {
            let mut client = self.client().await?;
            let answer = self
                .within(async {
                    let transaction = client
                        .build_transaction()
                        .isolation_level(IsolationLevel::ReadCommitted)
                        .start()
                        .await?;
                    let rows = transaction.query_typed(&lock_sql, lock.1).await?;
                    let ids =
                        rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<uuid::Uuid>, _>>()?;
                    if !ids.is_empty() {
                        transaction.query_typed(&then, &[(&ids, Type::UUID_ARRAY)]).await?;
                    }
                    transaction.commit().await?;
                    Ok(ids)
                })
                .await;
            match self.checked(client, answer) {
                Err(fault) if fault.undone && tries < TRIES => tries += 1,
                answer => return answer,
            }
        }
    }

    /// Runs several statements without parameters, as one transaction. `limit` is its time-out.
    pub(crate) async fn script(&self, sql: &str, limit: Duration) -> Result<(), Fault> {
        let client = self.client().await?;
        let sql = format!("BEGIN ISOLATION LEVEL READ COMMITTED; {}; COMMIT", self.sql(sql));
        let answer = match tokio::time::timeout(limit, client.batch_execute(&sql)).await {
            Ok(answer) => answer.map_err(|error| Fault::of(&error)),
            Err(_) => Err(Fault::timed_out()),
        };
        // After an error the transaction is still open.
        self.checked(client, answer.map_err(Fault::breaking))
    }

    /// A connection of its own, for notifications.
    pub(crate) async fn own(&self) -> Result<Own, Fault> {
        self.servers.connect().await
    }

    /// Changes when a connection is given up.
    pub(crate) fn given_up(&self) -> watch::Receiver<u64> {
        self.given_up.subscribe()
    }

    /// The error as a category, with the name of this server.
    pub(crate) fn error(&self, fault: Fault) -> StoreError {
        fault.into_store_error(&self.target.to_string())
    }

    fn sql(&self, sql: &str) -> String {
        sql.replace('@', &format!("\"{}\".", self.target.schema))
    }

    async fn client(&self) -> Result<Client, Fault> {
        self.pool.get().await.map_err(Fault::of_pool)
    }

    async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Fault> {
        match tokio::time::timeout(self.limit, call).await {
            Ok(answer) => answer.map_err(|error| Fault::of(&error)),
            Err(_) => Err(Fault::timed_out()),
        }
    }

    /// Gives the connection back, or gives it up if it must not be used again. A statement that took too long is stopped
    /// on the server too, where it would otherwise go on waiting, and be carried out in the end.
    fn checked<T>(&self, client: Client, answer: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(fault) = &answer
            && fault.breaks_connection
        {
            if fault.timed_out {
                let (cancel, tls) = (client.cancel_token(), self.servers.tls());
                tokio::spawn(async move {
                    drop(tokio::time::timeout(CANCEL_LIMIT, cancel.cancel_query(tls)).await);
                });
            }
            drop(Object::take(client));
            self.given_up.send_modify(|number| *number += 1);
            tracing::warn!(error = %fault, server = %self.target, "connection to postgres given up: {fault}");
        }
        answer
    }
}

async fn run(
    client: &Client,
    prepared: bool,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    if !prepared {
        return client.query_typed(sql, params).await;
    }
    let types: Vec<Type> = params.iter().map(|(_, kind)| kind.clone()).collect();
    let statement = client.prepare_typed_cached(sql, &types).await?;
    let values: Vec<&(dyn ToSql + Sync)> = params.iter().map(|(value, _)| *value).collect();
    client.query(&statement, &values).await
}
