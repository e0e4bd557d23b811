//! What a setting is.

use super::value::Kind;

/// One environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// Its value where it is not set.
    pub default: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// The part of the service that it belongs to.
    pub group: Group,
    /// What it does, in a sentence or two.
    pub help: &'static str,
}

/// A part of the service, and a chapter of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Where things are.
    Places,
    /// Logs.
    Logs,
    /// What the API allows.
    Api,
    /// How much a worker does.
    Worker,
    /// What predicts.
    Engine,
    /// Attempts, leases, times to live.
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
    /// Whether its value must not be shown.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Keys | Kind::Secret)
    }
}
