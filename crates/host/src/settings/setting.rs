//! The type of an entry in the list of settings.

use super::value::Kind;

/// One setting, which is one environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The name of the variable.
    pub name: &'static str,
    /// The value if the variable is not set.
    pub default: &'static str,
    /// The kind of its value.
    pub kind: Kind,
    /// The part of the service that it belongs to.
    pub group: Group,
    /// Its description in a sentence or two.
    pub help: &'static str,
}

/// A part of the service, which is a section of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Addresses of the store and the servers.
    Places,
    /// Logs.
    Logs,
    /// What the API allows.
    Api,
    /// How much a worker does at once.
    Worker,
    /// The engine.
    Engine,
    /// Attempts, leases and times to live.
    Jobs,
    /// How a process ends.
    Shutdown,
}

impl Group {
    /// Every group, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Places, Self::Logs, Self::Api, Self::Worker, Self::Engine, Self::Jobs, Self::Shutdown];

    /// Its heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Places => "Places",
            Self::Logs => "Logs",
            Self::Api => "API",
            Self::Worker => "Worker",
            Self::Engine => "Engine",
            Self::Jobs => "Jobs",
            Self::Shutdown => "Shutdown",
        }
    }
}

impl Setting {
    /// Whether its value is secret and must not be shown.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Keys | Kind::Secret)
    }
}
