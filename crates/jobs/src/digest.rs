//! Digests of several fields: of a request (idempotency keys) and of what a result depends on ([`ResultKey`]).
//!
//! Digests are stored, so the input of a digest never changes.
//!
//! [`ResultKey`]: crate::ResultKey

use sha2::{Digest as _, Sha256};

/// SHA-256 over fields, each preceded by its length. Two lists of fields have the same digest if and only if
/// they are equal: `a`, `bc` and `ab`, `c` differ.
#[derive(Debug, Clone)]
pub struct FieldDigest(Sha256);

impl FieldDigest {
    /// A digest whose first field is `purpose`, so that digests for different purposes differ.
    #[must_use]
    pub fn of(purpose: &str) -> Self {
        Self(Sha256::new()).bytes(purpose)
    }

    /// A digest that starts with the bytes of `purpose`, without a length.
    #[must_use]
    pub fn with_prefix(purpose: &str) -> Self {
        Self(Sha256::new_with_prefix(purpose))
    }

    /// Adds a field.
    #[must_use]
    pub fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a flag: one byte, 0 or 1.
    #[must_use]
    pub fn flag(mut self, flag: bool) -> Self {
        self.0.update([u8::from(flag)]);
        self
    }

    /// Adds an optional field: a flag whether it is there, then the field itself.
    #[must_use]
    pub fn optional(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.flag(true).bytes(text),
            None => self.flag(false),
        }
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_into_each_other() {
        let digests = [
            FieldDigest::of("job").bytes("a").bytes("bc").finish(),
            FieldDigest::of("job").bytes("ab").bytes("c").finish(),
            FieldDigest::of("jo").bytes("ba").bytes("bc").finish(),
            FieldDigest::with_prefix("job").bytes("a").bytes("bc").finish(),
            FieldDigest::of("job").optional(None).bytes("a").finish(),
            FieldDigest::of("job").optional(Some("")).bytes("a").finish(),
        ];
        let different: std::collections::HashSet<_> = digests.iter().collect();
        assert_eq!(different.len(), digests.len());
    }

    #[test]
    fn the_bytes_are_those_of_sha_256_over_lengths_and_fields() {
        let expected = Sha256::digest(b"\x03\0\0\0\0\0\0\0job\x01\x02\0\0\0\0\0\0\0ab\x00");
        let digest = FieldDigest::of("job").optional(Some("ab")).flag(false).finish();
        assert_eq!(digest, <[u8; 32]>::from(expected));
    }
}
