//! One connection that heals: shared by all callers, replaced as soon as it is in doubt.
//!
//! The driver's own `ConnectionManager` went on using a connection that only timed out, for ever.
//! Here any time-out or I/O error discards the connection on which it happened, and the next caller
//! dials again, after a capped back-off with jitter. Callers that come while one dials share its
//! outcome, so a server that is down sees one attempt at a time from a process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Options;
use crate::error::{breaks_connection, store_error};
use crate::script::Script;
use crate::target::Target;

/// Wait after the first failure to connect; doubles with each further one.
const BACKOFF_BASE: Duration = Duration::from_millis(50);
/// The longest wait.
const BACKOFF_CAP: Duration = Duration::from_secs(2);

/// Wait before try number `failures + 1`: exponential, capped, with jitter in its upper half.
pub(crate) fn backoff(failures: u32) -> Duration {
    let full = BACKOFF_BASE.saturating_mul(1 << failures.min(10)).min(BACKOFF_CAP);
    full.mul_f64(0.5 + 0.5 * rand::random::<f64>())
}

/// A connection to one Redis, and how to make it anew.
pub(crate) struct Link {
    pub(crate) target: Target,
    client: Client,
    config: AsyncConnectionConfig,
    live: RwLock<Option<Live>>,
    /// Attempts to connect that are over, failed ones included.
    attempts: AtomicU64,
    dialling: Mutex<Dialling>,
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    /// Tells this connection from those before it.
    number: u64,
}

struct Dialling {
    failures: u32,
    not_before: Instant,
    last: Option<RedisError>,
}

impl Link {
    /// Nothing is connected yet. `extra` is added to the response time-out: for commands that block.
    pub(crate) fn new(target: Target, options: &Options, extra: Duration) -> Result<Arc<Self>, RedisError> {
        // Where another crate brings a second provider, rustls could not choose on its own.
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
            dialling: Mutex::new(Dialling { failures: 0, not_before: Instant::now(), last: None }),
        }))
    }

    /// Sends one command.
    pub(crate) async fn query(&self, command: &Cmd) -> Result<Value, RedisError> {
        let Live { mut connection, number } = self.connection().await?;
        let answer = connection.send_packed_command(command).await;
        self.watched(number, answer.and_then(Value::extract_error))
    }

    /// Sends many commands at once; one answer a command.
    pub(crate) async fn query_all(&self, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let count = commands.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let Live { mut connection, number } = self.connection().await?;
        let answer = connection.send_packed_commands(commands, 0, count).await;
        let answer = answer.and_then(|values| values.into_iter().map(Value::extract_error).collect());
        self.watched(number, answer)
    }

    /// Runs a script; `fill` adds its arguments. A server that does not know it (new, or restarted)
    /// is given it.
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

    /// The error as a category, naming this server.
    pub(crate) fn error(&self, error: &RedisError) -> pssp_jobs::StoreError {
        store_error(error, &self.target.to_string())
    }

    /// A listening connection of its own, not shared and not replaced.
    pub(crate) async fn listen(&self, limit: Duration) -> Result<redis::aio::PubSub, RedisError> {
        tokio::time::timeout(limit, self.client.get_async_pubsub())
            .await
            .map_err(|_| timed_out("connecting"))?
    }

    fn watched<T>(&self, number: u64, answer: Result<T, RedisError>) -> Result<T, RedisError> {
        if let Err(error) = &answer
            && breaks_connection(error)
        {
            let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
            if live.as_ref().is_some_and(|live| live.number == number) {
                *live = None;
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
        self.dial().await
    }

    async fn dial(&self) -> Result<Live, RedisError> {
        let tried = self.attempts.load(Ordering::Acquire);
        let mut dialling = self.dialling.lock().await;
        if let Some(live) = self.current() {
            return Ok(live);
        }
        // Somebody has tried while we waited for our turn: his failure is ours.
        if self.attempts.load(Ordering::Acquire) != tried
            && let Some(error) = &dialling.last
        {
            return Err(error.clone());
        }
        tokio::time::sleep_until(dialling.not_before).await;
        let made = self.client.get_multiplexed_async_connection_with_config(&self.config).await;
        let number = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        match made {
            Ok(connection) => {
                if dialling.failures > 0 {
                    tracing::info!(server = %self.target, "connected to redis again");
                }
                let live = Live { connection, number };
                *self.live.write().unwrap_or_else(PoisonError::into_inner) = Some(live.clone());
                // A server that accepts and then hangs up is not dialled in a tight loop either.
                dialling.failures = 0;
                dialling.last = None;
                dialling.not_before = Instant::now() + backoff(0);
                Ok(live)
            }
            Err(error) => {
                dialling.not_before = Instant::now() + backoff(dialling.failures);
                dialling.failures += 1;
                dialling.last = Some(error.clone());
                tracing::debug!(%error, server = %self.target, "cannot connect to redis");
                Err(error)
            }
        }
    }
}

pub(crate) fn timed_out(doing: &str) -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, format!("timed out while {doing}")).into()
}
