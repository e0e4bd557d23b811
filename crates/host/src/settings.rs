//! Settings: one list ([`SETTINGS`]), read from the environment, validated once at start.
//!
//! Two stages: text as given, then typed and checked together. Settings that cannot be used stop the start: all of them
//! are reported at once, each with the variable, its value and the remedy. The reference page of the documentation and
//! `--help` are made from the same list ([`render_markdown`], [`render_help`]).

mod fault;
mod list;
mod reader;
mod render;
mod setting;
mod types;
mod value;

pub use fault::{BadSettings, Fault};
pub use list::{
    ApiSettings, CommandSettings, EngineSettings, LogSettings, SETTINGS, Settings, WorkerSettings,
};
pub use render::{render_help, render_markdown};
pub use setting::{Group, Setting};
pub use types::{BackendUrl, LogFormat};
pub use value::Kind;

use reader::Reader;

impl Default for Settings {
    fn default() -> Self {
        Self::resolve_with(&mut Reader::new(&|_| None))
    }
}

impl Settings {
    /// Resolves and validates; `get` looks a variable up. An empty value counts as not set.
    ///
    /// # Errors
    /// All faults at once.
    pub fn resolve(get: impl Fn(&str) -> Option<String>) -> Result<Self, BadSettings> {
        let mut reader = Reader::new(&get);
        let settings = Self::resolve_with(&mut reader);
        if reader.faults.is_empty() { Ok(settings) } else { Err(BadSettings(reader.faults)) }
    }

    /// Resolves from this process' environment.
    ///
    /// # Errors
    /// As for [`Settings::resolve`].
    pub fn from_env() -> Result<Self, BadSettings> {
        Self::resolve(|name| std::env::var(name).ok())
    }
}

/// A sentence for the log for each of `names` that begins like a setting and is none, which most often is a typing
/// error. `also` lists further names that the program knows.
pub fn unknown(names: impl IntoIterator<Item = String>, also: &[&str]) -> Vec<String> {
    let known = |name: &str| also.contains(&name) || SETTINGS.iter().any(|s| s.name == name);
    let mut unknown: Vec<String> = names
        .into_iter()
        .filter(|name| name.starts_with("PSSP_") && !known(name))
        .map(|name| match nearest(&name) {
            Some(near) => format!("{name} is not a setting: did you mean {near}?"),
            None => format!("{name} is not a setting and has no effect"),
        })
        .collect();
    unknown.sort();
    unknown
}

/// The setting that differs from `name` in at most two letters.
fn nearest(name: &str) -> Option<&'static str> {
    let distances = SETTINGS.iter().map(|s| (value::distance(name, s.name), s.name));
    distances.min().filter(|(distance, _)| *distance <= 2).map(|(_, name)| name)
}
