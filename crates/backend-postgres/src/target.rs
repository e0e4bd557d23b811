//! The PostgreSQL server, the schema and the options, parsed from a URL.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pssp_jobs::StoreError;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::Options;
use crate::error::refused;
use crate::tls::Trust;

/// Parameters of the URL that go to the driver as they are. Others of libpq are refused, so that none is ignored.
const DRIVERS_OWN: &[&str] = &["application_name", "connect_timeout", "sslnegotiation"];

/// The longest name that PostgreSQL does not cut, less the endings of our channels.
const MAX_SCHEMA: usize = 48;

/// What `postgres://[user[:password]@]host[:port][,…]/db[?…]` names. Displayed without user and password.
#[derive(Clone)]
pub(crate) struct Target {
    /// For the driver, one for each host. They contain the password.
    pub(crate) configs: Vec<Config>,
    pub(crate) trust: Trust,
    /// The schema of all tables.
    pub(crate) schema: String,
    /// How many bytes the tables may have.
    pub(crate) max_bytes: Option<u64>,
    /// Most connections of this process, without the one that listens.
    pub(crate) connections: usize,
    /// Whether statements are prepared under a name.
    pub(crate) prepared: bool,
    shown: String,
}

/// The parameters of the URL that are ours, or that the driver does not know.
#[derive(Default)]
struct Parameters {
    schema: Option<String>,
    max_bytes: Option<u64>,
    connections: Option<usize>,
    prepared: Option<bool>,
    sslmode: Option<String>,
    root: Option<PathBuf>,
    passfile: Option<PathBuf>,
    /// What is left for the driver.
    others: Vec<String>,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, StoreError> {
        let mut known = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, raw) = pair.split_once('=').ok_or_else(|| refused("a parameter has no value"))?;
            let value = percent_encoding::percent_decode_str(raw)
                .decode_utf8()
                .map_err(|_| refused("a parameter is not UTF-8"))?
                .into_owned();
            match name {
                "schema" => known.schema = Some(value),
                "max_bytes" => known.max_bytes = Some(number(name, &value)?),
                "connections" => match number(name, &value)? {
                    n @ 1..=1000 => known.connections = usize::try_from(n).ok(),
                    _ => return Err(refused("`connections` is from 1 to 1000")),
                },
                "prepared_statements" => match value.as_str() {
                    "on" => known.prepared = Some(true),
                    "off" => known.prepared = Some(false),
                    _ => return Err(refused("`prepared_statements` is on or off")),
                },
                "sslmode" => known.sslmode = Some(value),
                "sslrootcert" => known.root = Some(value.into()),
                "passfile" => known.passfile = Some(value.into()),
                _ if DRIVERS_OWN.contains(&name) => known.others.push(pair.to_owned()),
                _ => {
                    return Err(refused(&format!(
                        "the parameter `{}` is not known; known are schema, max_bytes, connections, \
                         prepared_statements, sslmode, sslrootcert, passfile, {}",
                        name.chars().filter(char::is_ascii_alphanumeric).take(20).collect::<String>(),
                        DRIVERS_OWN.join(", "),
                    )));
                }
            }
        }
        Ok(known)
    }
}

impl Target {
    pub(crate) fn parse(url: &str, options: &Options) -> Result<Self, StoreError> {
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"))
            .ok_or_else(|| refused("expected postgres://"))?;
        if rest.contains('#') {
            return Err(refused("a `#` must be percent-encoded (%23)"));
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        // Else a part of a password could be taken for a host or a parameter, and shown in an error.
        if place.matches('@').count() > 1 || query.contains('@') {
            return Err(refused(
                "in a user or password percent-encode `@` (%40) and `?` (%3F), in a parameter `@`",
            ));
        }
        let given = Parameters::parse(query)?;
        let schema = given.schema.unwrap_or_else(|| "pssp".to_owned());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if schema.is_empty()
            || schema.len() > MAX_SCHEMA
            || !schema.bytes().all(plain)
            || schema.starts_with("pg_")
        {
            return Err(refused(&format!(
                "a schema is made of at most {MAX_SCHEMA} of a-z, 0-9 and `_`, and does not begin with pg_"
            )));
        }
        let parsed: Config = format!("postgres://{place}?{}", given.others.join("&"))
            .parse()
            // The text of the driver may repeat a part of the URL, which must not be logged.
            .map_err(|_| refused("it cannot be read as user, password, host, port and database"))?;
        let places = places(&parsed);
        if places.is_empty() {
            return Err(refused("it names no host"));
        }
        let sslmode = given.sslmode.as_deref().unwrap_or("prefer");
        let (mode, trust) = match (sslmode, given.root) {
            ("disable", None) => (SslMode::Disable, Trust::Anyone),
            ("prefer", None) => (SslMode::Prefer, Trust::Anyone),
            ("require", None) => (SslMode::Require, Trust::Anyone),
            // As libpq does it: with a certificate to compare with, it is compared.
            ("require" | "verify-ca", root) => (SslMode::Require, Trust::Issuer(root)),
            ("verify-full", root) => (SslMode::Require, Trust::IssuerAndName(root)),
            ("disable" | "prefer", Some(_)) => {
                return Err(refused("sslrootcert needs sslmode=verify-full (or verify-ca)"));
            }
            _ => {
                return Err(refused("sslmode is disable, prefer, require, verify-ca or verify-full"));
            }
        };
        let database = parsed.get_dbname().or(parsed.get_user()).unwrap_or_default().to_owned();
        let user = parsed.get_user().unwrap_or_default().to_owned();
        let secret = match (parsed.get_password(), given.passfile) {
            (Some(password), _) => Some(password.to_owned()),
            (None, Some(path)) => Some(password(&path, &places, &database, &user)?.into_bytes()),
            (None, None) => None,
        };
        // The kernel notices a peer that has vanished, even on the connection that only listens.
        let every = options.response_timeout.max(Duration::from_secs(1));
        let configs = places.iter().map(|(host, port)| {
            let mut config: Config = format!("postgres://?{}", given.others.join("&"))
                .parse()
                .map_err(|_| refused("a parameter has no value that it may have"))?;
            config.host(host).port(*port).ssl_mode(mode);
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
            if !database.is_empty() {
                config.dbname(&database);
            }
            if !user.is_empty() {
                config.user(&user);
            }
            if let Some(secret) = &secret {
                config.password(secret);
            }
            if config.get_application_name().is_none() {
                config.application_name("pssp");
            }
            if config.get_connect_timeout().is_none() {
                config.connect_timeout(options.connect_timeout);
            }
            config.keepalives(true).keepalives_idle(every).keepalives_interval(every).keepalives_retries(3);
            config.tcp_user_timeout(every * 3);
            Ok(config)
        });
        let configs = configs.collect::<Result<Vec<Config>, StoreError>>()?;
        let shown = places.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(",");
        Ok(Self {
            configs,
            trust,
            shown: format!("postgres://{shown}/{database}"),
            schema,
            max_bytes: given.max_bytes,
            connections: given.connections.unwrap_or(options.connections),
            prepared: given.prepared.unwrap_or(true),
        })
    }

    /// The channel of notifications with this ending.
    pub(crate) fn channel(&self, ending: &str) -> String {
        format!("{}.{ending}", self.schema)
    }
}

/// Hosts and ports.
fn places(config: &Config) -> Vec<(String, u16)> {
    let ports = config.get_ports();
    let name = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    };
    let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
    config.get_hosts().iter().enumerate().map(|(at, host)| (name(host), port(at))).collect()
}

/// The password of a file as libpq reads it: lines `host:port:database:user:password`, where `*` stands for anything
/// and `\` takes the next character as it is.
fn password(path: &Path, places: &[(String, u16)], database: &str, user: &str) -> Result<String, StoreError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| refused(&format!("the passfile {} cannot be read: {error}", path.display())))?;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields = fields(line);
        let [host, port, db, name, password] = fields.as_slice() else { continue };
        let is = |field: &String, value: &str| field == "*" || field == value;
        let here = |(h, p): &(String, u16)| is(host, h) && is(port, &p.to_string());
        if places.iter().any(here) && is(db, database) && is(name, user) {
            return Ok(password.clone());
        }
    }
    Err(refused(&format!("the passfile {} has no line for this host, database and user", path.display())))
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let field = fields.len() - 1;
        match c {
            ':' if field < 4 => fields.push(String::new()),
            '\\' => fields[field].extend(chars.next()),
            _ => fields[field].push(c),
        }
    }
    fields
}

fn number(name: &str, value: &str) -> Result<u64, StoreError> {
    value.parse().map_err(|_| refused(&format!("`{name}` must be a number")))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
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
        let plain = parse("postgres://pssp@127.0.0.1/jobs").unwrap();
        assert_eq!(
            (plain.to_string().as_str(), plain.schema.as_str()),
            ("postgres://127.0.0.1:5432/jobs", "pssp")
        );
        assert_eq!(plain.trust, Trust::Anyone);
        let full = parse(
            "postgresql://u:p%40ss@a.example:7000,b.example:7001/jobs?schema=class_2&sslmode=verify-full&\
             sslrootcert=%2Fetc%2Fca.pem&connections=3&max_bytes=1000&prepared_statements=off",
        )
        .unwrap();
        assert_eq!(full.to_string(), "postgres://a.example:7000,b.example:7001/jobs");
        assert_eq!(full.configs[1].get_password(), Some(b"p@ss".as_slice()));
        assert_eq!(full.trust, Trust::IssuerAndName(Some("/etc/ca.pem".into())));
        assert_eq!((full.schema.as_str(), full.connections, full.prepared), ("class_2", 3, false));
        assert_eq!(full.max_bytes, Some(1000));
    }

    #[test]
    fn refusals_never_show_the_password() {
        for url in [
            "http://u:secret@h/db",
            "postgres://u:secret@h:port/db",
            "postgres://u:secret@/db",
            "postgres://u:secret@h/db?shema=x",
            "postgres://u:secret@h/db?schema=A",
            "postgres://u:secret@h/db?schema=pg_x",
            "postgres://u:secret@h/db?sslmode=maybe",
            "postgres://u:secret@h/db?sslmode=prefer&sslrootcert=x",
            "postgres://u:secret@h/db?connections=0",
            "postgres://u:sec#secret@h",
            "postgres://h/db?user=u&password=secret",
            "postgres://u:p@secret@h/db",
            "postgres://u:p?secret=part@h/db",
            "postgres://u@h/db?passfile=/no/such/secret",
            "",
        ] {
            let error = parse(url).err().unwrap_or_else(|| panic!("{url} is taken"));
            assert!(!error.is_temporary(), "{url}");
            assert!(!error.to_string().replace("/no/such/secret", "").contains("secret"), "{error}");
        }
    }

    #[test]
    fn passwords_come_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# a comment\nother:*:*:*:no\nh:5432:*:u:p\\:a:ss\n").unwrap();
        let target = parse(&format!("postgres://u@h/db?passfile={}", file.path().display())).unwrap();
        assert_eq!(target.configs[0].get_password(), Some(b"p:a:ss".as_slice()));
        let other = parse(&format!("postgres://u@i/db?passfile={}", file.path().display()));
        assert!(other.err().unwrap().to_string().contains("has no line"));
    }
}
