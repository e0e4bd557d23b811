//! The outage notice: a text that an operator shows to all users, and whether it pauses the intake of new jobs.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Longest text, in bytes.
pub const MAX_TEXT: usize = 2_000;

/// How important a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Information only.
    #[default]
    Info,
    /// Some function is limited.
    Warning,
    /// Some function is not available.
    Critical,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|level| level.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no level: info, warning or critical"))
    }
}

/// One notice. There is at most one at a time: a new notice replaces the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The text to show.
    pub text: String,
    /// How important it is.
    #[serde(default)]
    pub level: Level,
    /// When the announced event begins; at once if this is missing. The notice is shown before that, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// When the notice ends and is no longer shown; if this is missing, when it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether no new jobs are accepted between `from` and `until`. Reads and workers continue.
    #[serde(default)]
    pub pause_intake: bool,
}

/// A notice that cannot be posted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNotice {
    /// The text is empty.
    #[error("a notice needs a text")]
    Empty,
    /// The text is too long. Holds its length in bytes.
    #[error("the text of a notice has {0} bytes; at most {MAX_TEXT} are shown")]
    TooLong(usize),
    /// The end is before the beginning, or is in the past.
    #[error("the notice would be over at {0}, before it begins")]
    Over(Timestamp),
}

impl Notice {
    /// Checks that the notice can be posted at `now`.
    ///
    /// # Errors
    /// [`BadNotice`].
    pub fn check(&self, now: Timestamp) -> Result<(), BadNotice> {
        if self.text.trim().is_empty() {
            return Err(BadNotice::Empty);
        }
        if self.text.len() > MAX_TEXT {
            return Err(BadNotice::TooLong(self.text.len()));
        }
        match self.until {
            Some(until) if until <= now || self.from.is_some_and(|from| until <= from) => {
                Err(BadNotice::Over(until))
            }
            _ => Ok(()),
        }
    }

    /// Whether the notice has ended at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// `Some` if no new jobs are accepted at `now`. Holds the remaining time, if it is known.
    #[must_use]
    pub fn pause(&self, now: Timestamp) -> Option<Option<Duration>> {
        let begun = self.from.is_none_or(|from| from <= now);
        let paused = self.pause_intake && begun && !self.is_over(now);
        paused.then(|| self.until.map(|until| until.since(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1000)
    }

    fn notice(from: Option<i64>, until: Option<i64>) -> Notice {
        let (from, until) = (from.map(at), until.map(at));
        Notice { text: "down for repairs".to_owned(), level: Level::Warning, from, until, pause_intake: true }
    }

    #[test]
    fn intake_pauses_between_from_and_until() {
        let planned = notice(Some(10), Some(20));
        assert_eq!(planned.pause(at(9)), None);
        assert_eq!(planned.pause(at(10)), Some(Some(Duration::from_secs(10))));
        assert_eq!(planned.pause(at(20)), None);
        assert!(planned.is_over(at(20)) && !planned.is_over(at(19)));
        assert_eq!(notice(None, None).pause(at(5)), Some(None));
        assert_eq!(Notice { pause_intake: false, ..notice(None, None) }.pause(at(5)), None);
    }

    #[test]
    fn an_empty_or_ended_notice_is_refused() {
        assert_eq!(notice(None, None).check(at(5)), Ok(()));
        assert_eq!(notice(None, Some(5)).check(at(5)), Err(BadNotice::Over(at(5))));
        assert_eq!(notice(Some(9), Some(9)).check(at(5)), Err(BadNotice::Over(at(9))));
        let text = |text: String| Notice { text, ..notice(None, None) }.check(at(5));
        assert_eq!(text(" \n".to_owned()), Err(BadNotice::Empty));
        assert_eq!(text("x".repeat(2001)), Err(BadNotice::TooLong(2001)));
    }
}
