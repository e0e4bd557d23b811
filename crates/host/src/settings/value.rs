//! Kinds of values: what is valid, how it is parsed, and how it is explained to people.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use pssp_jobs::Owner;
use pssp_jobs::api_key::{ApiKey, ApiKeys, MIN_KEY, is_key};

use super::types::{BackendUrl, LogFormat};

/// The largest number of messages that a receiver takes at once ([`pssp_jobs::JobReceiver::receive`]).
pub(super) const MAX_SLOTS: usize = 1000;

/// The kind of a setting's value.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any text.
    Text,
    /// An IP address with a port, or nothing.
    Address,
    /// Directives of a log filter.
    Filter,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Count {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A whole number, or nothing.
    MaybeCount {
        /// Largest.
        max: u64,
    },
    /// A number of bytes.
    Size {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A duration.
    Duration {
        /// Shortest.
        min: Duration,
        /// Longest.
        max: Duration,
    },
    /// Names with keys; secret.
    Keys,
    /// One key; secret.
    Secret,
    /// Origins of web pages.
    Origins,
}

pub(super) const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max }
}

pub(super) const fn size(min: u64, max: u64) -> Kind {
    Kind::Size { min, max }
}

pub(super) const fn duration(min: Duration, max: Duration) -> Kind {
    Kind::Duration { min, max }
}

pub(super) const fn any_duration(max: Duration) -> Kind {
    Kind::Duration { min: Duration::ZERO, max }
}

/// A parsed value.
pub(super) enum Value {
    Text(String),
    Address(Option<SocketAddr>),
    Switch(bool),
    Count(usize),
    MaybeCount(Option<usize>),
    Duration(Duration),
    Keys(ApiKeys),
    Secret(Option<String>),
    Origins(Vec<String>),
}

/// A type that a parsed value is converted to.
pub(super) trait FromValue: Sized {
    /// `None` for values of other kinds.
    fn from_value(value: Value) -> Option<Self>;
}

/// Implements [`FromValue`] for each type, pattern of the value, and result.
macro_rules! from_value {
    ($($type:ty: $value:pat => $made:expr;)+) => {
        $(impl FromValue for $type {
            fn from_value(value: Value) -> Option<Self> {
                if let $value = value { $made } else { None }
            }
        })+
    };
}

from_value! {
    String: Value::Text(text) => Some(text);
    BackendUrl: Value::Text(text) => Some(Self::new(text));
    Option<PathBuf>: Value::Text(text) => Some(Some(text).filter(|text| !text.is_empty()).map(PathBuf::from));
    LogFormat: Value::Text(text) => Some(if text == "json" { Self::Json } else { Self::Text });
    SocketAddr: Value::Address(address) => address;
    Option<SocketAddr>: Value::Address(address) => Some(address);
    bool: Value::Switch(on) => Some(on);
    usize: Value::Count(count) => Some(count);
    u32: Value::Count(count) => Self::try_from(count).ok();
    u64: Value::Count(count) => Self::try_from(count).ok();
    Option<u32>: Value::MaybeCount(count) => count.map(u32::try_from).transpose().ok();
    Duration: Value::Duration(duration) => Some(duration);
    ApiKeys: Value::Keys(keys) => Some(keys);
    Option<ApiKey>: Value::Secret(key) => Some(key.map(|key| ApiKey { owner: Owner::new("admin"), key }));
    Vec<String>: Value::Origins(origins) => Some(origins);
}

impl Kind {
    /// A description of valid values, for documentation and faults.
    #[must_use]
    pub fn expects(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Address => "an IP address and port such as 127.0.0.1:5000 or [::]:5000".to_owned(),
            Self::Filter => "a level (error, warn, info, debug, trace) or a list of target=level".to_owned(),
            Self::OneOf(words) => words.join(" or "),
            Self::Switch => "true or false".to_owned(),
            Self::Count { min, max } => format!("a whole number from {min} to {max}"),
            Self::MaybeCount { max } => format!("a whole number up to {max}, or nothing"),
            Self::Size { min, max } => {
                format!("a size from {} to {} such as 512KiB or 1MiB", bytes(min), bytes(max))
            }
            Self::Duration { min, max } => {
                format!("a duration from {} to {} such as 500ms, 30s, 10m or 7d", span(min), span(max))
            }
            Self::Keys => format!(
                "name:key,name:key with names of letters, digits, '.', '_' and '-', each once, not public, \
                 and keys of at least {MIN_KEY} printable characters without comma, each once"
            ),
            Self::Secret => format!("at least {MIN_KEY} printable characters"),
            Self::Origins => {
                "origins such as https://example.org,http://localhost:8000, each in full, or * alone for all"
                    .to_owned()
            }
        }
    }

    pub(super) fn parse(self, text: &str) -> Result<Value, String> {
        self.read(text).ok_or_else(|| format!("write {}", self.expects()))
    }

    fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::Text => Some(Value::Text(text.to_owned())),
            Self::Address if text.is_empty() => Some(Value::Address(None)),
            Self::Address => address(text).map(|a| Value::Address(Some(a))),
            Self::Filter => {
                let known = tracing_subscriber::EnvFilter::try_new(text).is_ok();
                known.then(|| Value::Text(text.to_owned()))
            }
            Self::OneOf(words) => {
                let text = text.to_ascii_lowercase();
                words.contains(&text.as_str()).then_some(Value::Text(text))
            }
            Self::Switch => switch(text).map(Value::Switch),
            Self::Count { min, max } => within(text.parse().ok()?, min, max),
            Self::MaybeCount { .. } if text.is_empty() => Some(Value::MaybeCount(None)),
            Self::MaybeCount { max } => match within(text.parse().ok()?, 0, max)? {
                Value::Count(count) => Some(Value::MaybeCount(Some(count))),
                _ => None,
            },
            Self::Size { min, max } => within(parse_bytes(text)?, min, max),
            Self::Duration { min, max } => {
                let value =
                    humantime::parse_duration(text).ok().or((text == "0").then_some(Duration::ZERO))?;
                (min..=max).contains(&value).then_some(Value::Duration(value))
            }
            Self::Keys => ApiKeys::parse(text).map(Value::Keys),
            Self::Secret if text.is_empty() => Some(Value::Secret(None)),
            Self::Secret => is_key(text).then(|| Value::Secret(Some(text.to_owned()))),
            Self::Origins => origins(text).map(Value::Origins),
        }
    }
}

fn within(number: u64, min: u64, max: u64) -> Option<Value> {
    let number = (min..=max).contains(&number).then_some(number)?;
    usize::try_from(number).ok().map(Value::Count)
}

fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => port.parse().ok().map(|port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)),
        None => text.parse().ok(),
    }
}

fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Powers of 1024, each in both spellings.
const UNITS: [(&str, u64); 10] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1 << 10),
    ("mb", 1 << 20),
    ("gb", 1 << 30),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("b", 1),
];

fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let (digits, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| text.strip_suffix(name).map(|digits| (digits.trim_end(), *unit)))
        .unwrap_or((&text, 1));
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn bytes(n: u64) -> String {
    match UNITS[..3].iter().rev().find(|(_, unit)| n >= *unit && n.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{}iB", n / unit, name[..1].to_ascii_uppercase()),
        None => format!("{n}B"),
    }
}

fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    match units.iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None if duration.subsec_millis() > 0 => format!("{}ms", duration.as_millis()),
        None => format!("{seconds}s"),
    }
}

/// Origins as browsers send them: scheme, host and port, without a path.
fn origins(text: &str) -> Option<Vec<String>> {
    let is_origin = |origin: &str| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let allowed = |b: u8| b.is_ascii_graphic() && b != b'/' && b != b'*';
        host.is_some_and(|host| !host.is_empty() && host.bytes().all(allowed))
    };
    let origins: Vec<String> =
        text.split(',').map(str::trim).filter(|o| !o.is_empty()).map(str::to_owned).collect();
    (origins == ["*"] || origins.iter().all(|origin| is_origin(origin))).then_some(origins)
}

/// The edit distance: how many letters must be inserted, removed or replaced to get from `a` to `b`.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let exchange = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = exchange.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_parsed_as_they_are_written() {
        for text in ["500ms", "30s", "10m", "7d", "0s"] {
            assert_eq!(span(humantime::parse_duration(text).unwrap()), text);
        }
        for (text, n) in [("1MiB", 1 << 20), ("512KiB", 512 << 10), ("2GiB", 2 << 30), ("7B", 7)] {
            assert_eq!(parse_bytes(text), Some(n), "{text}");
            assert_eq!(bytes(n), text);
        }
        assert_eq!(parse_bytes("1 mb"), Some(1 << 20));
        assert_eq!(parse_bytes("99999999999g"), None);
    }

    #[test]
    fn edit_distances() {
        assert_eq!(distance("PSSP_LEASE", "PSSP_LEASE"), 0);
        assert_eq!(distance("PSSP_LAESE", "PSSP_LEASE"), 2);
        assert_eq!(distance("abc", ""), 3);
    }
}
