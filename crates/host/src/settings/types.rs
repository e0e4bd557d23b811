//! Types of values other than texts and numbers.

use std::fmt;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// How callers are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessMode {
    /// Callers without a key are all one owner.
    Open,
    /// A caller without a key is the client that it shows by a token or a cookie, or else its address. Whoever knows
    /// the id of a job may read it.
    Unlisted,
    /// Only callers with a key.
    Keys,
}

/// The URL of the backend, as in `PSSP_BACKEND`. `Debug` and `Display` hide a password in it.
#[derive(Clone, PartialEq, Eq)]
pub struct BackendUrl(String);

impl BackendUrl {
    /// The URL with this text, as in `PSSP_BACKEND`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole text, secrets included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, query) = match self.0.split_once('?') {
            // An `@` behind a `?` belongs to a password that is not percent-encoded.
            Some((place, query)) if !query.contains('@') => (place, Some(query)),
            _ => (self.0.as_str(), None),
        };
        match (place.split_once("://"), place.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => write!(f, "{scheme}://***@{host}")?,
            _ => f.write_str(place)?,
        }
        for (at, pair) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
            let name = pair.split('=').next().unwrap_or_default();
            let secret = name.to_ascii_lowercase().contains("pass") && name != "passfile";
            let mark = if at == 0 { '?' } else { '&' };
            if secret { write!(f, "{mark}{name}=***")? } else { write!(f, "{mark}{pair}")? }
        }
        Ok(())
    }
}

impl fmt::Debug for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_the_url_are_hidden() {
        for (url, shown) in [
            ("sqlite:pssp.db?max_bytes=5", "sqlite:pssp.db?max_bytes=5"),
            ("redis://u:secret@h:1/0?prefix=x", "redis://***@h:1/0?prefix=x"),
            (
                "postgres://h/db?user=u&password=secret&schema=x",
                "postgres://h/db?user=u&password=***&schema=x",
            ),
            ("postgres://u:se?cret@h/db", "postgres://***@h/db"),
            ("postgres://u@h/db?passfile=/p", "postgres://***@h/db?passfile=/p"),
        ] {
            assert_eq!(BackendUrl::new(url).to_string(), shown);
        }
    }
}
