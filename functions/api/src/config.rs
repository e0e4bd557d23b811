//! What an operator may set.

use std::time::Duration;

use pssp_jobs::ApiKey;
use pssp_jobs::intake::Rules;

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Longest sequence, in residues.
    pub max_residues: usize,
    /// Most records of a batch.
    pub max_batch_records: usize,
    /// Largest body of a request that is no batch, in bytes, also after unpacking gzip.
    pub max_body_bytes: usize,
    /// Largest body of a batch, in bytes, also after unpacking gzip.
    pub max_batch_bytes: usize,
    /// The most bytes of bodies that all requests together hold in memory; beyond that new requests get a 503.
    /// A batch counts twice, for its body and for its records.
    pub max_buffered_bytes: usize,
    /// Requests in hand at the same time (not counting streams that have begun); beyond that new
    /// ones get a 503.
    pub max_in_flight: usize,
    /// Requests that wait for a job, event streams and streams of results, at the same time.
    pub max_waits: usize,
    /// Whether a stored result answers a job that asks the same of the same method, where there is one.
    pub reuse: bool,
    /// Pause before a job of the classic `/run` may start: old clients expect to see it submitted.
    pub classic_delay: Duration,
    /// Most jobs that the classic list shows, newest first.
    pub classic_list: usize,
    /// Whether the classic `jobid=ALL` may delete everything.
    pub allow_delete_all: bool,
    /// The keys of callers. Without any, everybody may call, as the owner `public`.
    pub api_keys: Vec<ApiKey>,
    /// The key of the operator, for `/v1/admin`; without it nobody is let in there.
    pub admin_key: Option<ApiKey>,
    /// Origins whose pages may call (CORS); none by default, `*` for all.
    pub cors_origins: Vec<String>,
    /// How long a request may take, without the time that it asked to wait.
    pub request_timeout: Duration,
    /// The same for the submission of a batch.
    pub batch_timeout: Duration,
    /// How long a sender may pause within a body.
    pub body_idle: Duration,
    /// Longest time that `Prefer: wait` may ask for.
    pub max_wait: Duration,
    /// Whether answers go out in pieces. Where they do not (a gateway collects them), an event stream is
    /// answered with what is new, if need be after a wait, and the client connects again.
    pub streaming: bool,
    /// Largest answer, in bytes as sent; for a gateway that collects answers and has a limit.
    pub max_answer_bytes: Option<usize>,
    /// How often an event stream shows that it lives.
    pub sse_heartbeat: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_residues: 10_000,
            max_batch_records: 10_000,
            max_body_bytes: 1 << 20,
            max_batch_bytes: 32 << 20,
            max_buffered_bytes: 128 << 20,
            max_in_flight: 16_384,
            max_waits: 4_096,
            reuse: true,
            classic_delay: Duration::from_secs(1),
            classic_list: 1_000,
            allow_delete_all: false,
            api_keys: Vec::new(),
            admin_key: None,
            cors_origins: Vec::new(),
            request_timeout: Duration::from_secs(30),
            batch_timeout: Duration::from_mins(2),
            body_idle: Duration::from_secs(10),
            max_wait: Duration::from_secs(20),
            streaming: true,
            max_answer_bytes: None,
            sse_heartbeat: Duration::from_secs(15),
        }
    }
}

impl Config {
    /// What is accepted as a job.
    pub(crate) const fn rules(&self) -> Rules {
        Rules { max_residues: self.max_residues, max_records: self.max_batch_records }
    }
}
