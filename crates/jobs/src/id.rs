//! Identifiers of jobs and batches, and owners.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Uuid};

use crate::time::Timestamp;

/// A text that is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a job or batch id: expected a UUID such as 0190f3c4-7d1e-7c3b-9c55-6f1f2ab3c0de")]
pub struct BadId(String);

macro_rules! id {
    ($name:ident, $what:literal) => {
        #[doc = concat!("Identifies ", $what, ": a `UUIDv7`, so ids sort by creation time.")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id for an object that is created at `now`. Within one process a later id is greater.
            #[must_use]
            pub fn new(now: Timestamp) -> Self {
                Self(uuid_v7(now))
            }

            /// The smallest id of an object that is created at `at`: the bound of a range of times.
            #[must_use]
            pub fn lower_bound(at: Timestamp) -> Self {
                let ms = u64::try_from(at.as_millis()).unwrap_or(0);
                Self(Uuid::from_u128(u128::from(ms) << 80))
            }

            /// When the object was created, if the id is a `UUIDv7`.
            #[must_use]
            pub fn created_at(self) -> Option<Timestamp> {
                let (seconds, nanos) =
                    self.0.get_timestamp().filter(|_| self.0.get_version_num() == 7)?.to_unix();
                let ms = i64::try_from(seconds).ok()?.checked_mul(1000)?;
                Some(Timestamp::from_millis(ms + i64::from(nanos / 1_000_000)))
            }

            /// The UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                // The text is cut before it is shown in an error.
                let shown = || BadId(text.chars().take(64).collect());
                Uuid::parse_str(text.trim()).map(Self).map_err(|_| shown())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    };
}

id!(JobId, "a job");
id!(BatchId, "a batch");

fn uuid_v7(now: Timestamp) -> Uuid {
    static CONTEXT: std::sync::LazyLock<std::sync::Mutex<ContextV7>> =
        std::sync::LazyLock::new(|| std::sync::Mutex::new(ContextV7::new()));
    let ms = u64::try_from(now.as_millis()).unwrap_or(0);
    let nanos = u32::try_from(ms % 1000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(&*CONTEXT, ms / 1000, nanos))
}

/// The owner of a job: the name of an API key, or [`Owner::public`] on a service without keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owner(String);

impl Owner {
    /// An owner by name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The owner of all jobs on a service without API keys.
    #[must_use]
    pub fn public() -> Self {
        Self::new("public")
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_creation_even_within_a_millisecond() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let ids: Vec<JobId> = (0..1000).map(|_| JobId::new(now)).collect();
        assert!(ids.is_sorted());
        assert!(JobId::lower_bound(now) <= ids[0]);
        assert!(ids[0].uuid().get_version_num() == 7);
    }

    #[test]
    fn text_round_trip_and_rejection() {
        let id = JobId::new(Timestamp::from_millis(0));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("42".parse::<JobId>().unwrap_err().to_string().contains("\"42\""));
    }
}
