//! The settings that an operator may change.

use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;
use pssp_jobs::ApiKey;
use pssp_jobs::intake::Rules;

/// Who a caller without a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anonymous {
    /// All such callers are one owner, `public`.
    Shared,
    /// Each client is an owner of its own, and whoever knows the id of a job may read it.
    Unlisted,
    /// Refused.
    Refused,
}

/// The settings that an operator may change.
#[derive(Debug, Clone)]
pub struct Config {
    /// The longest sequence, in residues.
    pub max_residues: usize,
    /// The most records of a batch.
    pub max_batch_records: usize,
    /// The largest body of a request other than a batch, in bytes. The limit also applies after unpacking gzip.
    pub max_body_bytes: usize,
    /// The largest body of a batch, in bytes. The limit also applies after unpacking gzip.
    pub max_batch_bytes: usize,
    /// The most bytes of bodies that all requests together hold in memory. Requests beyond this limit get status
    /// 503. One client may have half of it. Bodies of up to 64 KiB have memory of their own.
    pub max_buffered_bytes: usize,
    /// The most requests that are handled at the same time, without streams that have begun. Requests beyond this
    /// limit get status 503.
    pub max_in_flight: usize,
    /// The most waiting requests, event streams and streams of results at the same time. One client may have an eighth.
    pub max_waits: usize,
    /// Whether a new job gets the stored result of an earlier job with the same sequence and the same method.
    pub reuse: bool,
    /// The delay before a job of the classic `/run` may start. Old clients expect to see it as submitted first.
    pub classic_delay: Duration,
    /// The most jobs that the classic list shows, newest first.
    pub classic_list: usize,
    /// Whether the classic `jobid=ALL` may delete all jobs.
    pub allow_delete_all: bool,
    /// The keys of callers.
    pub api_keys: Vec<ApiKey>,
    /// Who a caller without a key is.
    pub anonymous: Anonymous,
    /// Networks of proxies whose `X-Forwarded-For` tells the address of a client.
    pub trusted_proxies: Vec<IpNet>,
    /// The key of the operator, for `/v1/admin`. Without it, every request there is refused.
    pub admin_key: Option<ApiKey>,
    /// The origins whose web pages may call (CORS). None by default; `*` means all.
    pub cors_origins: Vec<String>,
    /// Requests a second of one client, on average. `None`: no limit.
    pub rate: Option<NonZeroU32>,
    /// New jobs a second of one client, on average. `None`: no limit.
    pub job_rate: Option<NonZeroU32>,
    /// Whether the router has `/metrics`. If not, it is served on an address of its own.
    pub has_metrics: bool,
    /// The time limit of a request, without the time of `Prefer: wait`.
    pub request_timeout: Duration,
    /// The time limit of a request that submits a batch.
    pub batch_timeout: Duration,
    /// The time in which a client must send at least `min_body_bytes` of a body that is not complete.
    pub body_idle: Duration,
    /// The least bytes of a body in each `body_idle`.
    pub min_body_bytes: usize,
    /// The longest time of `Prefer: wait`. Longer times are shortened to it.
    pub max_wait: Duration,
    /// How long the readiness and the depth of the queue are used before the store is asked again.
    pub max_status_age: Duration,
    /// Whether answers can be streams. If not (because a gateway collects answers), a request for an event stream
    /// gets one new event, perhaps after a wait, and the client connects again.
    pub streaming: bool,
    /// The largest answer, in bytes as sent, for a gateway that collects answers and limits their size.
    pub max_answer_bytes: Option<usize>,
    /// The interval of heartbeats in an event stream.
    pub sse_heartbeat: Duration,
    /// The longest time of an event stream. Then it ends, and the client connects again.
    pub max_stream_age: Duration,
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
            anonymous: Anonymous::Shared,
            trusted_proxies: Vec::new(),
            admin_key: None,
            cors_origins: Vec::new(),
            has_metrics: true,
            rate: None,
            job_rate: None,
            request_timeout: Duration::from_secs(30),
            batch_timeout: Duration::from_mins(2),
            body_idle: Duration::from_secs(10),
            min_body_bytes: 4 << 10,
            max_wait: Duration::from_secs(20),
            max_status_age: Duration::from_secs(1),
            streaming: true,
            max_answer_bytes: None,
            sse_heartbeat: Duration::from_secs(15),
            max_stream_age: Duration::from_mins(30),
        }
    }
}

impl Config {
    /// The rules for accepting jobs.
    pub(crate) const fn rules(&self) -> Rules {
        Rules { max_residues: self.max_residues, max_records: self.max_batch_records }
    }
}
