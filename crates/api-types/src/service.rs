//! The service itself: methods, limits, status.

use pssp_jobs::{Depth, Notice, Timestamp};
use pssp_predict::{Method, Property};
use serde::{Deserialize, Serialize};

/// What predicts here, and what it predicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Methods {
    /// The methods that the workers run.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::Method>))]
    pub methods: Vec<Method>,
    /// The properties that each of them predicts.
    pub properties: Vec<PropertyInfo>,
    /// How SS3 follows from SS8.
    pub ss3_reduction: String,
}

/// A property with its alphabet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PropertyInfo {
    /// Its key in JSON results.
    pub key: String,
    /// Its code in the classic format.
    pub code: String,
    /// Its name for people.
    pub title: String,
    /// Its letters.
    pub alphabet: Vec<Letter>,
}

impl From<&Property> for PropertyInfo {
    fn from(property: &Property) -> Self {
        Self {
            key: property.key().to_owned(),
            code: property.code().to_owned(),
            title: property.title().to_owned(),
            alphabet: property
                .alphabet()
                .iter()
                .map(|class| Letter { letter: char::from(class.letter), meaning: class.meaning.to_owned() })
                .collect(),
        }
    }
}

/// A letter of an alphabet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Letter {
    /// The letter.
    pub letter: char,
    /// What it stands for.
    pub meaning: String,
}

/// The limits in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Limits {
    /// Longest sequence, in residues.
    pub max_residues: usize,
    /// Most records of a batch.
    pub max_batch_records: usize,
    /// Largest body of anything but a batch, unpacked.
    pub max_body_bytes: usize,
    /// Largest body of a batch, unpacked.
    pub max_batch_bytes: usize,
    /// Longest name of a job.
    pub max_name_bytes: usize,
    /// Requests a second of one caller, on average. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_requests_per_s: Option<u32>,
    /// New jobs a second of one caller, on average. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_jobs_per_s: Option<u32>,
    /// Jobs that one owner may have, in every state. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_jobs_of_owner: Option<u64>,
    /// Longest `Prefer: wait`.
    pub max_wait_s: u64,
    /// How long a job is kept after its end.
    pub result_ttl_s: u64,
    /// How long an idempotency key is kept.
    pub idempotency_key_ttl_s: u64,
    /// Failed attempts after which a job fails.
    pub max_attempts: u32,
    /// Whether a stored result answers the same sequence again.
    pub reuse_results: bool,
    /// The result formats, by file extension.
    pub formats: Vec<String>,
}

/// How the service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceStatus {
    /// In one word.
    pub status: ServiceState,
    /// The version of the program.
    pub version: String,
    /// Where jobs are stored.
    pub backend: String,
    /// The service's clock.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date-time"))]
    pub now: Timestamp,
    /// The outage notice that the operator posted, if any.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::Notice>))]
    pub notices: Vec<Notice>,
    /// Time since the start of this process.
    pub uptime_s: u64,
    /// Jobs in the queue; null where the store does not answer.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub queue: Option<Queue>,
}

/// State of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ServiceState {
    /// Everything works.
    Ok,
    /// The store does not answer.
    Degraded,
    /// The process is about to stop.
    Draining,
}

/// Jobs in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Queue {
    /// Jobs that wait.
    pub submitted: u64,
    /// Jobs that run.
    pub running: u64,
    /// Dead letters: jobs that failed for good and wait for the operator.
    pub dead: u64,
}

impl From<Depth> for Queue {
    fn from(depth: Depth) -> Self {
        Self { submitted: depth.submitted, running: depth.running, dead: depth.dead }
    }
}
