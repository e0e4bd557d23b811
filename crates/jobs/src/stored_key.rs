//! Keys that operators make and revoke while the service runs.
//!
//! The text of a key is `pssp_<id>_<secret>`. The store has the id, by which a key is found and named, and a digest of
//! the whole text. The secret is random, so a plain SHA-256 is enough: there is nothing to guess.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::api_key::is_name;
use crate::id::{JobId, Owner};
use crate::time::Timestamp;

/// The beginning of every such key. Tools that look for leaked secrets can know them by it.
pub const KEY_PREFIX: &str = "pssp_";

/// Random bytes of an id and of a secret.
const ID_BYTES: usize = 5;
/// Bytes of the id of a job, which is also that of the key of its link.
const JOB_ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 24;

/// The longest note, in bytes.
const MAX_NOTE: usize = 200;

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Submit, cancel and delete jobs.
    Submit,
    /// Read jobs and results.
    Read,
    /// The routes of the operator.
    Admin,
}

impl Scope {
    /// All, in order.
    pub const ALL: [Self; 3] = [Self::Submit, Self::Read, Self::Admin];

    /// The name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no scope: write submit, read or admin"))
    }
}

/// What an operator decides about a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTerms {
    /// The owner of the jobs of whoever shows the key.
    pub owner: Owner,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// When it ends. `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Requests a second, instead of the rate of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_s: Option<u32>,
    /// New jobs a second, instead of the rate of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_per_s: Option<u32>,
    /// What it is for, to recognise it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The one job that it opens for reading: it is the key of a link. It has no scopes then, so a release that does not
    /// know this field allows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
}

impl KeyTerms {
    /// Terms of a key that submits and reads, for ever.
    #[must_use]
    pub fn of(owner: Owner) -> Self {
        let scopes = vec![Scope::Submit, Scope::Read];
        Self {
            owner,
            scopes,
            expires_at: None,
            requests_per_s: None,
            jobs_per_s: None,
            note: None,
            job: None,
        }
    }

    /// # Errors
    /// A text that names the term that cannot be used, and the remedy.
    pub fn check(&self, now: Timestamp) -> Result<(), String> {
        if !is_name(self.owner.as_str()) {
            return Err("owner: 1 to 64 letters, digits, '.', '_' and '-', not public".to_owned());
        }
        if self.scopes.is_empty() {
            return Err("scopes: name at least one of submit, read, admin".to_owned());
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Err("expires_at: a time in the future".to_owned());
        }
        if self.requests_per_s == Some(0) || self.jobs_per_s == Some(0) {
            return Err("requests_per_s and jobs_per_s: at least 1, or leave them out".to_owned());
        }
        if self.note.as_ref().is_some_and(|note| note.len() > MAX_NOTE || note.contains(char::is_control)) {
            return Err(format!("note: one line of at most {MAX_NOTE} bytes"));
        }
        Ok(())
    }
}

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    /// Names the key. It is a part of its text, and no secret.
    pub id: String,
    /// SHA-256 of its text, in hexadecimal.
    pub digest: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What was decided about it.
    #[serde(flatten)]
    pub terms: KeyTerms,
    /// When it was used last, to about a minute. Stored apart from the rest.
    #[serde(skip)]
    pub used_at: Option<Timestamp>,
}

impl StoredKey {
    /// A new key with its text, which is shown once and not stored.
    #[must_use]
    pub fn new(terms: KeyTerms, now: Timestamp) -> (Self, String) {
        let random = |bytes: usize| -> String {
            let bytes: Vec<u8> = (0..bytes).map(|_| rand::random()).collect();
            base16ct::lower::encode_string(&bytes)
        };
        // A job has one link at most: a new one takes the place of the old one.
        let id = terms.job.map_or_else(|| random(ID_BYTES), link_key_id);
        let text = format!("{KEY_PREFIX}{id}_{}", random(SECRET_BYTES));
        (Self { id, digest: digest(&text), created_at: now, terms, used_at: None }, text)
    }

    /// Whether it opens `job` for reading at `now`, as the key of a link.
    #[must_use]
    pub fn opens(&self, job: JobId, now: Timestamp) -> bool {
        self.terms.job == Some(job) && self.terms.expires_at.is_none_or(|at| now < at)
    }

    /// Whether `text` is the text of this key. Takes the same time for each text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let (known, asked) = (self.digest.as_bytes(), digest(text));
        let differs = known.iter().zip(asked.as_bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        known.len() == asked.len() && differs == 0
    }

    /// Whether it may be used for this at `now`.
    #[must_use]
    pub fn allows(&self, scope: Scope, now: Timestamp) -> bool {
        self.terms.scopes.contains(&scope) && self.terms.expires_at.is_none_or(|at| now < at)
    }
}

/// The id of the key of the link to a job: the id of the job, in hexadecimal digits alone.
#[must_use]
pub fn link_key_id(job: JobId) -> String {
    job.to_string().replace('-', "")
}

/// The id in the text of a key, if it has the form of a stored one.
#[must_use]
pub fn key_id(text: &str) -> Option<&str> {
    let (id, secret) = text.strip_prefix(KEY_PREFIX)?.split_once('_')?;
    let is_hex = |text: &str, bytes: usize| {
        text.len() == 2 * bytes && text.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
    };
    let is_id = is_hex(id, ID_BYTES) || is_hex(id, JOB_ID_BYTES);
    (is_id && is_hex(secret, SECRET_BYTES)).then_some(id)
}

fn digest(text: &str) -> String {
    base16ct::lower::encode_string(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_id_and_known_by_its_digest() {
        let now = Timestamp::from_millis(1000);
        let terms =
            KeyTerms { expires_at: Some(Timestamp::from_millis(2000)), ..KeyTerms::of(Owner::new("lab")) };
        let (key, text) = StoredKey::new(terms.clone(), now);
        assert_eq!(key_id(&text), Some(key.id.as_str()));
        assert!(key.matches(&text) && !key.matches(&StoredKey::new(terms, now).1));
        assert!(key.allows(Scope::Read, now) && !key.allows(Scope::Admin, now));
        assert!(!key.allows(Scope::Read, Timestamp::from_millis(2000)), "its time is over");
        assert!(!serde_json::to_string(&key).unwrap().contains(&text[16..]), "the secret is not stored");
        for other in ["", "lab-secret", "pssp_", &text[1..], &text[..text.len() - 1], &text.to_uppercase()] {
            assert_eq!(key_id(other), None, "{other}");
        }
    }

    #[test]
    fn the_key_of_a_link_opens_one_job_and_allows_nothing_else() {
        let now = Timestamp::from_millis(1000);
        let (job, other) = (JobId::new(now), JobId::new(now));
        let terms = KeyTerms {
            scopes: Vec::new(),
            expires_at: Some(Timestamp::from_millis(2000)),
            job: Some(job),
            ..KeyTerms::of(Owner::new("lab"))
        };
        let (key, text) = StoredKey::new(terms, now);
        assert_eq!(key_id(&text), Some(link_key_id(job).as_str()));
        assert!(key.opens(job, now) && !key.opens(other, now));
        assert!(!key.opens(job, Timestamp::from_millis(2000)), "its time is over");
        assert!(Scope::ALL.iter().all(|&scope| !key.allows(scope, now)));
        let (plain, _) = StoredKey::new(KeyTerms::of(Owner::new("lab")), now);
        assert!(!plain.opens(job, now));
    }

    #[test]
    fn terms_that_cannot_be_used() {
        let now = Timestamp::from_millis(1000);
        let good = KeyTerms::of(Owner::new("lab"));
        good.check(now).unwrap();
        for (bad, word) in [
            (KeyTerms { owner: Owner::new("a:b"), ..good.clone() }, "owner"),
            (KeyTerms { owner: Owner::public(), ..good.clone() }, "owner"),
            (KeyTerms { scopes: Vec::new(), ..good.clone() }, "scopes"),
            (KeyTerms { expires_at: Some(now), ..good.clone() }, "expires_at"),
            (KeyTerms { jobs_per_s: Some(0), ..good.clone() }, "jobs_per_s"),
            (KeyTerms { note: Some("a\nb".to_owned()), ..good.clone() }, "note"),
        ] {
            assert!(bad.check(now).unwrap_err().contains(word), "{bad:?}");
        }
    }
}
