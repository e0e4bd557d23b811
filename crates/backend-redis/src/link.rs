//! One connection that all callers share. It is replaced after an error.
//!
//! The driver's own `ConnectionManager` kept a connection that only timed out for ever. Here any time-out or
//! I/O error discards the connection, and the next caller connects again, after a back-off with a cap and
//! jitter. Callers that arrive while one connects share its outcome, so a process makes only one attempt at a
//! time to connect to a server that is down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use pssp_common::Backoff;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::Options;
use crate::error::{breaks_connection, store_error};
use crate::script::Script;
use crate::target::Target;

/// Waits after failures to connect.
pub(crate) const fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(50), Duration::from_secs(2)).with_jitter()
}

/// A connection to one Redis, and how to replace it.
pub(crate) struct Link {
    pub(crate) target: Target,
    client: Client,
    config: AsyncConnectionConfig,
    live: RwLock<Option<Live>>,
    /// Number of completed attempts to connect, failed ones included.
    attempts: AtomicU64,
    connecting: Mutex<Connecting>,
    /// Number of connections that were given up after an error.
    given_up: watch::Sender<u64>,
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    /// Distinguishes this connection from earlier ones.
    number: u64,
}

struct Connecting {
    backoff: Backoff,
    not_before: Instant,
    last: Option<RedisError>,
}

impl Link {
    /// A link without a connection yet. `extra` is added to the response time-out, for commands that block.
    pub(crate) fn new(target: Target, options: &Options, extra: Duration) -> Result<Arc<Self>, RedisError> {
        // If another crate adds a second provider, rustls cannot choose by itself.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::open(target.info.clone())?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.response_timeout + extra));
        Ok(Arc::new(Self {
            target,
            client,
            config,
            live: RwLock::new(None),
            attempts: AtomicU64::new(0),
            connecting: Mutex::new(Connecting { backoff: backoff(), not_before: Instant::now(), last: None }),
            given_up: watch::Sender::new(0),
        }))
    }

    pub(crate) async fn query(&self, command: &Cmd) -> Result<Value, RedisError> {
        let Live { mut connection, number } = self.connection().await?;
        let answer = connection.send_packed_command(command).await;
        self.discard_if_broken(number, answer.and_then(Value::extract_error))
    }

    /// Sends many commands at once. Returns one response for each command.
    pub(crate) async fn query_all(&self, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let count = commands.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let Live { mut connection, number } = self.connection().await?;
        let answer = connection.send_packed_commands(commands, 0, count).await;
        let answer = answer.and_then(|values| values.into_iter().map(Value::extract_error).collect());
        self.discard_if_broken(number, answer)
    }

    /// Runs a script; `fill` adds its arguments. If the server does not have the script (it is new or was
    /// restarted), the script is loaded first.
    pub(crate) async fn eval(
        &self,
        script: &Script,
        fill: impl FnOnce(&mut Cmd),
    ) -> Result<Value, RedisError> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.hash()).arg(1).arg(&self.target.prefix);
        fill(&mut command);
        match self.query(&command).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let mut load = redis::cmd("SCRIPT");
                load.arg("LOAD").arg(script.source());
                self.query(&load).await?;
                self.query(&command).await
            }
            answer => answer,
        }
    }

    /// The error as a category, with the name of this server.
    pub(crate) fn error(&self, error: &RedisError) -> pssp_jobs::StoreError {
        store_error(error, &self.target.to_string())
    }

    /// Changes when a connection is given up.
    pub(crate) fn given_up(&self) -> watch::Receiver<u64> {
        self.given_up.subscribe()
    }

    /// A separate connection for subscriptions. It is neither shared nor replaced.
    pub(crate) async fn listen(&self, limit: Duration) -> Result<redis::aio::PubSub, RedisError> {
        tokio::time::timeout(limit, self.client.get_async_pubsub())
            .await
            .map_err(|_| timed_out("connecting"))?
    }

    fn discard_if_broken<T>(&self, number: u64, answer: Result<T, RedisError>) -> Result<T, RedisError> {
        if let Err(error) = &answer
            && breaks_connection(error)
        {
            let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
            if live.as_ref().is_some_and(|live| live.number == number) {
                *live = None;
                self.given_up.send_modify(|number| *number += 1);
                tracing::warn!(%error, server = %self.target, "connection to redis given up");
            }
        }
        answer
    }

    fn current(&self) -> Option<Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn connection(&self) -> Result<Live, RedisError> {
        if let Some(live) = self.current() {
            return Ok(live);
        }
        self.connect().await
    }

    async fn connect(&self) -> Result<Live, RedisError> {
        let tried = self.attempts.load(Ordering::Acquire);
        let mut connecting = self.connecting.lock().await;
        if let Some(live) = self.current() {
            return Ok(live);
        }
        // Another caller has connected while this one waited for the lock. It failed, and this caller gets the
        // same error.
        if self.attempts.load(Ordering::Acquire) != tried
            && let Some(error) = &connecting.last
        {
            return Err(error.clone());
        }
        tokio::time::sleep_until(connecting.not_before).await;
        let made = self.client.get_multiplexed_async_connection_with_config(&self.config).await;
        let number = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        match made {
            Ok(connection) => {
                if connecting.backoff.reset() {
                    tracing::info!(server = %self.target, "connected to redis again");
                }
                let live = Live { connection, number };
                *self.live.write().unwrap_or_else(PoisonError::into_inner) = Some(live.clone());
                // The wait also applies after a success, for a server that accepts a connection and closes it
                // at once.
                connecting.last = None;
                connecting.not_before = Instant::now() + backoff().next_wait();
                Ok(live)
            }
            Err(error) => {
                connecting.not_before = Instant::now() + connecting.backoff.next_wait();
                connecting.last = Some(error.clone());
                tracing::debug!(%error, server = %self.target, "cannot connect to redis");
                Err(error)
            }
        }
    }
}

pub(crate) fn timed_out(doing: &str) -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, format!("timed out while {doing}")).into()
}
