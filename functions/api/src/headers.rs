//! Helpers for single headers: `Prefer`, `Idempotency-Key`, `If-None-Match`, `Retry-After`.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use pssp_jobs::job::Phase;
use pssp_jobs::{Job, Timestamp};

use crate::problem::{Kind, Problem};
pub(crate) use crate::retry_after::seconds;

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(crate) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
pub(crate) const METHOD: HeaderName = HeaderName::from_static("x-pssp-method");
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The longest idempotency key, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// The longest `Retry-After` for a job that is not in a terminal state.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(30);

/// The time that the caller wants to wait (`Prefer: wait=N`, RFC 7240), at most `max`. `None` if the header is
/// missing or has another value: a preference is never an error.
pub(crate) fn wait(headers: &HeaderMap, max: Duration) -> Option<Duration> {
    let values = headers.get_all(PREFER).iter().filter_map(|v| v.to_str().ok());
    let mut preferences = values.flat_map(|v| v.split([',', ';']));
    let seconds = preferences.find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("wait").then(|| value.parse::<u64>().ok())?
    })?;
    Some(Duration::from_secs(seconds).min(max)).filter(|wait| !wait.is_zero())
}

/// The value `wait=N` of `Preference-Applied`.
pub(crate) fn applied(wait: Duration) -> HeaderValue {
    HeaderValue::try_from(format!("wait={}", wait.as_secs())).unwrap_or(HeaderValue::from_static("wait"))
}

/// The caller's idempotency key.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let valid = |key: &&str| {
        (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(|b| (0x21..=0x7e).contains(&b))
    };
    match value.to_str().ok().filter(valid) {
        Some(key) => Ok(Some(key.to_owned())),
        None => {
            let detail = format!("an Idempotency-Key is 1 to {MAX_KEY_BYTES} visible ASCII characters");
            Err(Problem::new(Kind::Unparsable, detail))
        }
    }
}

/// Whether the caller does not want a stored result (RFC 9111, 5.2.1): `no-cache`, `no-store`, or
/// `max-age=0`, which browsers send for a reload.
pub(crate) fn wants_fresh(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|v| v.to_str().ok());
    values.flat_map(|v| v.split(',')).any(|directive| {
        let directive = directive.trim();
        ["no-cache", "no-store", "max-age=0"].iter().any(|fresh| directive.eq_ignore_ascii_case(fresh))
    })
}

/// Whether `If-None-Match` shows that the caller already has the representation with this `etag`.
pub(crate) fn none_match(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    let mut tags = values.flat_map(|v| v.split(',')).map(str::trim);
    // This header uses the weak comparison (RFC 9110, 13.1.2).
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// The time after which a client should read a job again that is not in a terminal state.
pub(crate) fn poll_again(job: &Job, now: Timestamp) -> Duration {
    match job.status.phase {
        // The start of the job is delayed: by a back-off, or by the classic `/run`.
        Phase::Submitted { not_before, .. } => not_before.since(now).min(MAX_POLL_INTERVAL),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefer(values: &[&'static str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, HeaderValue::from_static(value));
        }
        wait(&headers, Duration::from_secs(20)).map(|w| w.as_secs())
    }

    #[test]
    fn wait_in_all_its_spellings() {
        assert_eq!(prefer(&["wait=5"]), Some(5));
        assert_eq!(prefer(&["respond-async, wait=\"7\""]), Some(7));
        assert_eq!(prefer(&["return=minimal", "Wait = 3"]), Some(3));
        assert_eq!(prefer(&["wait=99999"]), Some(20));
        for nothing in ["wait=0", "wait=-1", "wait=x", "wait", "", "await=3", "wait=99999999999999999999999"]
        {
            assert_eq!(prefer(&[nothing]), None, "{nothing}");
        }
    }
}
