//! Errors in settings.

use std::fmt;

/// The error of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The name of the variable.
    pub name: &'static str,
    /// Its value as given; stars in place of a secret.
    pub value: String,
    /// The remedy: what is wrong, and what to write instead.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}: {}", self.name, self.value, self.remedy)
    }
}

/// All errors in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSettings(pub Vec<Fault>);

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bad settings")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for BadSettings {}
