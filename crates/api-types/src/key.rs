//! Keys that the operator makes while the service runs.

use pssp_jobs::Timestamp;
use pssp_jobs::stored_key::{KeyTerms, Scope, StoredKey};
use serde::{Deserialize, Serialize};

/// What to decide about a new key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// The owner of the jobs of whoever shows the key.
    pub owner: String,
    /// What it allows; `submit` and `read` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<crate::schema::Scope>>))]
    pub scopes: Option<Vec<Scope>>,
    /// When it ends; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "date-time"))]
    pub expires_at: Option<Timestamp>,
    /// Requests a second, instead of the rate of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_s: Option<u32>,
    /// New jobs a second, instead of the rate of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_per_s: Option<u32>,
    /// What it is for, on one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyInfo {
    /// Names the key. It is a part of its text.
    pub id: String,
    /// The owner of the jobs of whoever shows it.
    pub owner: String,
    /// What it allows.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::Scope>))]
    pub scopes: Vec<Scope>,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date-time"))]
    pub created_at: Timestamp,
    /// When it ends.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "date-time"))]
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to about a minute.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "date-time"))]
    pub used_at: Option<Timestamp>,
    /// Requests a second, instead of the rate of the service.
    pub requests_per_s: Option<u32>,
    /// New jobs a second, instead of the rate of the service.
    pub jobs_per_s: Option<u32>,
    /// What it is for.
    pub note: Option<String>,
    /// The text to send as `Authorization: Bearer` or `X-Api-Key`: only in the answer that makes the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl From<StoredKey> for KeyInfo {
    fn from(key: StoredKey) -> Self {
        let StoredKey { id, created_at, used_at, terms, digest: _ } = key;
        let KeyTerms { owner, scopes, expires_at, requests_per_s, jobs_per_s, note, job: _ } = terms;
        let owner = owner.as_str().to_owned();
        Self {
            id,
            owner,
            scopes,
            created_at,
            expires_at,
            used_at,
            requests_per_s,
            jobs_per_s,
            note,
            key: None,
        }
    }
}

/// All keys that were made while the service runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyList {
    /// The keys, the oldest first.
    pub keys: Vec<KeyInfo>,
}
