//! API keys: who may call, and with which secret.

use std::fmt;

use crate::id::Owner;

/// Shortest secret, in bytes. Shorter ones can be guessed.
pub const MIN_KEY: usize = 8;

/// One caller: its name, and the secret that it shows.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The owner of the caller's jobs.
    pub owner: Owner,
    /// The secret.
    pub key: String,
}

/// Without the secret.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.owner.as_str())
    }
}

/// All callers that may use the service. Without one it is open to everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeys(pub Vec<ApiKey>);

impl ApiKeys {
    /// Reads `name:key,name:key`. `None` if a name or a key cannot be used, or is there twice.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut keys: Vec<ApiKey> = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, key) = entry.split_once(':')?;
            let owner = Owner::new(name);
            let is_new = keys.iter().all(|known| known.owner != owner && known.key != key);
            if !is_name(name) || !is_key(key) || !is_new {
                return None;
            }
            keys.push(ApiKey { owner, key: key.to_owned() });
        }
        Some(Self(keys))
    }

    /// Whether anybody may call without a key.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a text can be a secret: at least [`MIN_KEY`] printable ASCII characters without a space.
#[must_use]
pub fn is_key(key: &str) -> bool {
    key.len() >= MIN_KEY && key.bytes().all(|b| b.is_ascii_graphic())
}

pub(crate) fn is_name(name: &str) -> bool {
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    letters && (1..=64).contains(&name.len()) && name != Owner::public().as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_keys() {
        let ApiKeys(keys) = ApiKeys::parse("lab:secret-one, web:secret-two,").unwrap();
        assert_eq!((&keys[1].owner, keys[1].key.as_str()), (&Owner::new("web"), "secret-two"));
        assert!(ApiKeys::parse(" ").unwrap().is_open());
        for bad in [
            "nocolon",
            "lab:short",
            "public:long-enough",
            "a:long-enough,a:other-key-too",
            "a:long-enough,b:long-enough",
            "a b:long-enough",
            ":long-enough",
        ] {
            assert_eq!(ApiKeys::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let keys = ApiKeys::parse("lab:tell-nobody").unwrap();
        assert_eq!(format!("{keys:?}"), "ApiKeys([lab:***])");
    }
}
