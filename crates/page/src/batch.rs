//! The page of a batch: its progress, and a table with a row for each record.

use std::str::FromStr;

use askama::Template;
use pssp_jobs::{Batch, JobId, State};

use crate::{Frame, Readers, render};

/// Which rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
    /// All.
    #[default]
    All,
    /// Those with a result.
    Finished,
    /// Those that wait or run.
    Open,
    /// Those that have ended without a result: failed, cancelled, gone or refused.
    Without,
}

/// The order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// As in the input.
    #[default]
    Input,
    /// By name.
    Name,
    /// By length, the longest first.
    Length,
}

impl Filter {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::All, "all", "all"),
        (Self::Finished, "finished", "with a result"),
        (Self::Open, "open", "on their way"),
        (Self::Without, "without", "without a result"),
    ];

    const fn key(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl Sort {
    const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Input, "input", "as entered"),
        (Self::Name, "name", "by name"),
        (Self::Length, "length", "longest first"),
    ];

    const fn key(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl FromStr for Filter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().find(|(_, key, _)| *key == text).map(|(filter, ..)| *filter).ok_or(())
    }
}

impl FromStr for Sort {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().find(|(_, key, _)| *key == text).map(|(sort, ..)| *sort).ok_or(())
    }
}

/// What became of a record.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It has a job in this state.
    Job {
        /// The job.
        id: JobId,
        /// Its state.
        state: State,
        /// Its length in residues.
        length: usize,
        /// The reason, if it has failed.
        error: Option<String>,
        /// The structure as a picture ([`crate::strip`]), if it is finished.
        strip: Option<String>,
    },
    /// Its job was deleted or has expired.
    Gone,
    /// It never became a job, for these reasons.
    Rejected(Vec<String>),
}

/// One record of the batch.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its place in the input, from 1.
    pub place: usize,
    /// Its name.
    pub name: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

impl Row {
    fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("Record {}", self.place))
    }
}

/// The page of a batch.
#[derive(Debug, Template)]
#[template(path = "batch.html")]
pub struct BatchPage<'a> {
    /// What surrounds it.
    pub frame: &'a Frame,
    /// The batch.
    pub batch: &'a Batch,
    /// Records with a result.
    pub finished: usize,
    /// Records that wait or run.
    pub open: usize,
    /// Records that have ended without a result, those that were refused among them.
    pub without: usize,
    /// The shown rows.
    pub rows: Vec<Row>,
    /// Which rows are shown.
    pub filter: Filter,
    /// Their order.
    pub sort: Sort,
    /// The first shown row of those that fit the filter, from 1.
    pub from: usize,
    /// The rows that fit the filter.
    pub matching: usize,
    /// The most rows on a page.
    pub page: usize,
    /// How a page without script goes on.
    pub refresh: crate::Refresh,
    /// The looks so far.
    pub looks: u32,
    /// Who reads it.
    pub readers: Readers,
    /// Whether who looks at it owns it, and may cancel and delete it.
    pub is_owner: bool,
}

impl BatchPage<'_> {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }

    fn total(&self) -> usize {
        self.batch.items.len()
    }

    fn is_done(&self) -> bool {
        self.open == 0
    }

    fn seconds(&self) -> Option<u64> {
        match self.refresh {
            crate::Refresh::After(seconds) if !self.is_done() => Some(seconds),
            _ => None,
        }
    }

    fn previous(&self) -> Option<usize> {
        (self.from > 1).then(|| self.from.saturating_sub(self.page).max(1))
    }

    fn next(&self) -> Option<usize> {
        let next = self.from + self.rows.len();
        (!self.rows.is_empty() && next <= self.matching).then_some(next)
    }

    /// The query of the shown table with a further look.
    fn again(&self, look: impl std::fmt::Display) -> String {
        let query = self.query(&self.filter, &self.sort, self.from);
        let and = if query == "?" { "" } else { "&" };
        format!("{query}{and}look={look}")
    }

    /// The query of this table from row `from` on.
    fn query(&self, filter: &Filter, sort: &Sort, from: usize) -> String {
        let mut parts = Vec::new();
        if *filter != Filter::All {
            parts.push(format!("show={}", filter.key()));
        }
        if *sort != Sort::Input {
            parts.push(format!("sort={}", sort.key()));
        }
        if from > 1 {
            parts.push(format!("from={from}"));
        }
        format!("?{}", parts.join("&"))
    }
}
