//! Settings: one list ([`SETTINGS`]), read from the environment and validated once at start.
//!
//! Each text is parsed to its type, then rules between settings are checked. If a setting cannot be used, the program
//! does not start. It reports all such settings at once, each with the variable, its value and the remedy. The
//! reference page of the documentation and `--help` are made from the same list ([`render_markdown`], [`render_help`]).

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
pub use types::{AccessMode, BackendUrl, LogFormat};
pub use value::Kind;

use reader::Reader;

impl Default for Settings {
    fn default() -> Self {
        Self::resolve_with(&mut Reader::new(&|_| None))
    }
}

impl Settings {
    /// Reads and validates all settings. `get` looks a variable up. An empty value counts as not set.
    ///
    /// # Errors
    /// [`BadSettings`] with all faults.
    pub fn resolve(get: impl Fn(&str) -> Option<String>) -> Result<Self, BadSettings> {
        let mut reader = Reader::new(&get);
        let settings = Self::resolve_with(&mut reader);
        if reader.faults.is_empty() { Ok(settings) } else { Err(BadSettings(reader.faults)) }
    }

    /// Reads and validates all settings from the environment of this process.
    ///
    /// # Errors
    /// As for [`Settings::resolve`].
    pub fn from_env() -> Result<Self, BadSettings> {
        Self::resolve(|name| std::env::var(name).ok())
    }
}

/// A sentence for the log for each of `names` that begins like a setting and is not one. Most often it is a typing
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

/// The setting whose name differs from `name` in at most two letters.
fn nearest(name: &str) -> Option<&'static str> {
    let distances = SETTINGS.iter().map(|s| (value::distance(name, s.name), s.name));
    distances.min().filter(|(distance, _)| *distance <= 2).map(|(_, name)| name)
}
