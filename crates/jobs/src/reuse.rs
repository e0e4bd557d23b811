//! Reuse: the result of one job can be the result of a later job with the same sequence and method.
//!
//! A result is stored with a [`ResultKey`]. A submission looks the key up. The job that it finds is only a
//! hint: the job is read and compared before its result is copied to the new job. The copy is stored without a
//! key, so a reused result was always computed within the time to live of results. Keys of different owners are
//! separate, because an immediate result would show one caller what another has asked for.

use std::fmt;

use bytes::Bytes;
use pssp_predict::engine::BEHAVIOUR;
use pssp_predict::{Method, Sequence};

use crate::digest::FieldDigest;
use crate::id::Owner;

/// The key of a stored result: a digest of the owner, the method (name, version, weights, and the behaviour of
/// this build) and the cleaned sequence.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResultKey([u8; Self::BYTES]);

impl ResultKey {
    /// Length in bytes: long enough that two keys are never equal by chance.
    pub const BYTES: usize = 16;

    /// The key for a prediction of `sequence` by `method`, for jobs of `owner`.
    #[must_use]
    pub fn of(owner: &Owner, method: &Method, sequence: &Sequence) -> Self {
        let method = [method.name.as_str(), &method.version, &method.sha256, BEHAVIOUR];
        let fields = [owner.as_str()].into_iter().chain(method).chain([sequence.as_str()]);
        let digest = fields.fold(FieldDigest::with_prefix("result"), FieldDigest::bytes).finish();
        Self(std::array::from_fn(|i| digest[i]))
    }

    /// The bytes, for backends.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for ResultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base16ct::lower::encode_string(&self.0))
    }
}

impl fmt::Debug for ResultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResultKey({self})")
    }
}

/// A result to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResult {
    /// Its stored form.
    pub bytes: Bytes,
    /// The key under which later jobs find it; `None` if it is not to be reused.
    pub key: Option<ResultKey>,
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn key(owner: &str, [name, version, sha256]: [&str; 3], sequence: &str) -> ResultKey {
        let [name, version, sha256] = [name, version, sha256].map(str::to_owned);
        let method = Method { name, version, sha256, citation: String::new() };
        ResultKey::of(&Owner::new(owner), &method, &sequence.parse().unwrap())
    }

    #[test]
    fn everything_that_could_change_a_result_changes_its_key() {
        let keys = [
            key("a", ["net", "1", "ff"], "MKV"),
            key("b", ["net", "1", "ff"], "MKV"),
            key("a", ["other", "1", "ff"], "MKV"),
            key("a", ["net", "2", "ff"], "MKV"),
            key("a", ["net", "1", "fe"], "MKV"),
            key("a", ["net", "1", "ff"], "MKVA"),
            key("an", ["et", "1", "ff"], "MKV"),
        ];
        assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), keys.len());
        assert_eq!(keys[0], key("a", ["net", "1", "ff"], "MKV"));
        assert_eq!(keys[0].to_string().len(), 2 * ResultKey::BYTES);
    }

    /// After an upgrade earlier results are still found.
    #[test]
    fn the_bytes_of_a_key_stay_the_same() {
        let field = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
        let fields = ["a", "net", "1", "ff", BEHAVIOUR, "MKV"].map(field).concat();
        let digest = Sha256::digest([&b"result"[..], &fields].concat());
        assert_eq!(key("a", ["net", "1", "ff"], "MKV").as_bytes(), &digest[..ResultKey::BYTES]);
    }
}
