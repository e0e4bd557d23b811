//! The report of `pssp verify`: one line for each check when it ends, then the totals.

use std::io::IsTerminal;
use std::time::Instant;

use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::ui::Ui;
use pssp_verify::{Verdict, Why, brief};

/// The results of the checks so far.
pub(crate) struct Report {
    ui: Ui,
    url: String,
    fancy: bool,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

#[derive(Serialize)]
struct Line {
    group: &'static str,
    name: &'static str,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// For information only.
    elapsed_ms: u128,
}

impl Report {
    pub(crate) fn new(ui: Ui, url: String) -> Self {
        Self { ui, url, fancy: std::io::stdout().is_terminal(), lines: Vec::new() }
    }

    /// Runs one check; returns whether it passed.
    pub(crate) fn add(
        &mut self,
        group: &'static str,
        name: &'static str,
        check: impl FnOnce() -> Verdict,
    ) -> Result<bool, Failure> {
        let since = Instant::now();
        let (outcome, reason) = match check() {
            Ok(()) => (Outcome::Passed, None),
            Err(Why::Failed(why)) => (Outcome::Failed, Some(why)),
            Err(Why::Skipped(why)) => (Outcome::Skipped, Some(why)),
        };
        let elapsed_ms = since.elapsed().as_millis();
        let line = Line { group, name, outcome, reason: reason.as_deref().map(brief), elapsed_ms };
        if !self.ui.json {
            self.ui.line(self.text(&line))?;
        }
        self.lines.push(line);
        Ok(outcome == Outcome::Passed)
    }

    fn text(&self, line: &Line) -> String {
        let mark = match (line.outcome, self.fancy) {
            (Outcome::Passed, true) => "✓",
            (Outcome::Failed, true) => "✗",
            (Outcome::Skipped, true) => "-",
            (Outcome::Passed, false) => "ok  ",
            (Outcome::Failed, false) => "FAIL",
            (Outcome::Skipped, false) => "skip",
        };
        let Line { group, name, elapsed_ms, .. } = line;
        match &line.reason {
            Some(reason) => format!("{mark} {group}: {name}: {reason}"),
            None => format!("{mark} {group}: {name} ({elapsed_ms} ms)"),
        }
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.lines.iter().filter(|line| line.outcome == outcome).count()
    }

    /// Writes the totals, and returns the exit code. While intake is `paused` not every check can run, so the exit code
    /// is never that of success.
    pub(crate) fn end(self, paused: Option<&str>) -> Result<Exit, Failure> {
        let [passed, failed, skipped] =
            [Outcome::Passed, Outcome::Failed, Outcome::Skipped].map(|outcome| self.count(outcome));
        let exit = match paused {
            _ if failed > 0 => Exit::JobFailed,
            Some(_) => Exit::Server,
            None => Exit::Ok,
        };
        if self.ui.json {
            self.ui.json(&serde_json::json!({
                "url": self.url, "passed": passed, "failed": failed, "skipped": skipped,
                "intake_paused": paused, "checks": self.lines,
            }))?;
            return Ok(exit);
        }
        let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        self.ui.line(format!("{passed} passed, {failed} failed{skipped}"))?;
        if let Some(why) = paused {
            self.ui.warn(format!(
                "intake is paused, so only reads were checked: {}; clear the notice and verify again",
                brief(why)
            ));
        }
        Ok(exit)
    }
}
