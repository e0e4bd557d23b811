//! The Redis server and the prefix of the keys, parsed from a URL.

use std::fmt;

use pssp_jobs::StoreError;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{ConnectionInfo, IntoConnectionInfo};

use crate::Options;

/// The server and prefix of `redis://[user:password@]host[:port][/db][?prefix=pssp]`; `rediss://` means TLS.
/// Displayed without user and password.
#[derive(Clone)]
pub(crate) struct Target {
    /// For the driver. Contains the password.
    pub(crate) info: ConnectionInfo,
    /// The prefix of all keys, such as `{pssp}:v1:`.
    pub(crate) prefix: String,
    shown: String,
}

impl Target {
    pub(crate) fn parse(url: &str, options: &Options) -> Result<Self, StoreError> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        if !matches!(scheme, "redis" | "rediss") {
            return Err(refused("expected redis:// or rediss://"));
        }
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        if !fragment.is_empty() {
            return Err(refused("nothing may follow a `#` (percent-encode it in a password: %23)"));
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut prefix = "pssp";
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("prefix", value)) => prefix = value,
                _ => return Err(refused("the only parameter is `prefix`")),
            }
        }
        if prefix.is_empty() || !prefix.bytes().all(is_plain) {
            return Err(refused("a prefix is made of letters, digits, `-`, `_`, `.` and `:`"));
        }
        let info = format!("{scheme}://{place}")
            .into_connection_info()
            // The text of the driver may repeat the URL, which must not be logged.
            .map_err(|_| refused("it cannot be read as a URL with host, port and number of the db"))?;
        let db = info.redis_settings().db();
        let shown = format!("{scheme}://{}/{db}", info.addr());
        Ok(Self { info: info.set_tcp_settings(tcp(options)), prefix: format!("{{{prefix}}}:v1:"), shown })
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)
}

/// Keep-alive settings, so that the kernel also notices a peer that has vanished, even on connections that only
/// listen: by probes on an idle connection, and by the age of unacknowledged data.
fn tcp(options: &Options) -> TcpSettings {
    // The kernel takes the interval of the probes in whole seconds.
    let every = options.response_timeout.max(std::time::Duration::from_secs(1));
    let keepalive = TcpKeepalive::new().with_time(every).with_interval(every);
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    let keepalive = keepalive.with_retries(3);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(every * 3);
    settings
}

/// The error never contains the URL, which may have a password.
fn refused(why: &str) -> StoreError {
    StoreError::Refused(format!("the redis URL is not usable: {why}").into())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.shown, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Target, StoreError> {
        Target::parse(url, &Options::default())
    }

    #[test]
    fn urls_are_parsed() {
        let plain = parse("redis://127.0.0.1").unwrap();
        assert_eq!(format!("{plain:?}"), "redis://127.0.0.1:6379/0 {pssp}:v1:");
        let full = parse("rediss://user:p%40ss@db.example:7000/3?prefix=class-2").unwrap();
        assert_eq!(format!("{full:?}"), "rediss://db.example:7000/3 {class-2}:v1:");
        let redis = full.info.redis_settings();
        assert_eq!((redis.username(), redis.password()), (Some("user"), Some("p@ss")));
        let only = parse("redis://:secret@h/1").unwrap();
        assert_eq!(only.info.redis_settings().password(), Some("secret"));
    }

    #[test]
    fn refusals_never_show_the_password() {
        for url in [
            "http://u:secret@h",
            "redis://u:secret@h:port",
            "redis://u:secret@h/x",
            "redis://u:secret@h?prefx=1",
            "redis://u:secret@h?prefix={a}",
            "redis://u:secret@h?prefix=",
            "redis://u:sec#secret@h",
            "",
        ] {
            let error = parse(url).unwrap_err();
            assert!(!error.is_temporary(), "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
