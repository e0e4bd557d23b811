//! Code that the main functions share: `--help` and `--version`, the runtime, the exit status.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use pssp_common::error_chain;

use crate::settings::{self, LogFormat, Settings};

/// A program whose only arguments are `--help`, `--version` and `healthcheck`.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its description in a sentence.
    pub about: &'static str,
    /// The address where a running program with these settings answers `/healthz`, if it does.
    pub probe: fn(&Settings) -> Option<SocketAddr>,
}

/// How long a health check waits for an answer.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the process waits at its end for threads that still compute.
const RUNTIME_SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(200);

impl Program {
    /// Handles the arguments, if there are any. Otherwise reads the settings from the environment, sets up telemetry
    /// and runs `serve` on a new runtime. Errors go to standard error as text.
    pub fn run<F>(self, serve: impl FnOnce(Settings) -> F) -> ExitCode
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let mut args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
        match args.next().as_deref() {
            None => {}
            Some("--version" | "-V") => return print(&format!("{} {}\n", self.name, self.version)),
            Some("--help" | "-h") => return print(&self.help()),
            Some("healthcheck") => return self.healthcheck(),
            Some(other) => {
                print_error(&format!("{}: unknown argument {other:?}; see {} --help", self.name, self.name));
                return ExitCode::from(2);
            }
        }
        match self.start(serve) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                print_error(&format!("{}: {}", self.name, error_chain(error.as_ref())));
                ExitCode::FAILURE
            }
        }
    }

    fn start<F>(self, serve: impl FnOnce(Settings) -> F) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let mut settings = Settings::from_env()?;
        if platform() == Platform::Lambda && std::env::var_os("PSSP_LOG_FORMAT").is_none() {
            settings.log.format = LogFormat::Json; // CloudWatch parses lines of JSON
        }
        crate::telemetry::init(&settings.log);
        warn_of_unknown_settings(&[]);
        tracing::info!(version = self.version, "{} {} on {}", self.name, self.version, settings.backend);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let outcome = runtime.block_on(serve(settings));
        // Dropping the runtime would wait forever for an engine that ignores its cancellation.
        runtime.shutdown_timeout(RUNTIME_SHUTDOWN_TIMEOUT);
        outcome
    }

    /// Checks the health of the running program with the same settings. For containers, which have no curl.
    fn healthcheck(self) -> ExitCode {
        let settings = match Settings::from_env() {
            Ok(settings) => settings,
            Err(error) => {
                print_error(&format!("{}: {error}", self.name));
                return ExitCode::from(2);
            }
        };
        let Some(addr) = (self.probe)(&settings) else {
            print_error(&format!("{}: the settings give it no address to answer on", self.name));
            return ExitCode::FAILURE;
        };
        match is_healthy(addr) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                print_error(&format!("{}: no answer from {addr}: {error}", self.name));
                ExitCode::FAILURE
            }
        }
    }

    fn help(self) -> String {
        format!(
            "{} {}\n{}\n\nUsage: {} [healthcheck | --help | --version]\n\
             On AWS Lambda (AWS_LAMBDA_RUNTIME_API is set) it takes events; else it serves or polls.\n\n{}",
            self.name,
            self.version,
            self.about,
            self.name,
            settings::render_help()
        )
    }
}

/// The platform that a program runs on, and so the source of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// A normal process: a server, or a loop that polls the queue.
    Process,
    /// AWS Lambda: events come from its Runtime API.
    Lambda,
}

/// The platform of this program. Lambda sets the address of its Runtime API in the environment.
#[must_use]
pub fn platform() -> Platform {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() { Platform::Lambda } else { Platform::Process }
}

/// Whether `/healthz` at `addr` answers 200.
fn is_healthy(addr: SocketAddr) -> std::io::Result<bool> {
    let mut addr = addr;
    if addr.ip().is_unspecified() {
        let loopback = if addr.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        addr.set_ip(loopback);
    }
    let mut stream = TcpStream::connect_timeout(&addr, HEALTH_TIMEOUT)?;
    stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut head = [0; 12]; // HTTP/1.1 200
    stream.read_exact(&mut head)?;
    Ok(head.ends_with(b" 200"))
}

/// Logs a warning for each variable that begins like a setting and is not one. `also` lists further names that are
/// known.
pub fn warn_of_unknown_settings(also: &[&str]) {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    for warning in settings::unknown(names, also) {
        tracing::warn!("{warning}");
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn print_error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
