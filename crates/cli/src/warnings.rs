//! Warnings about the input, on stderr: results on stdout must not look sounder than they are.

use pssp_api_types::Job;
use pssp_common::plain;

use crate::client::jobs::JobOrBatch;
use crate::ui::Ui;

/// Shows the warnings of a job that change what is predicted, a line each. With `--json` they are part of the output
/// already; a batch has those of its records in its results.
pub(crate) fn show(ui: Ui, found: &JobOrBatch) {
    if let (false, JobOrBatch::Job(job)) = (ui.json, found) {
        lines(job).for_each(|line| ui.note(line));
    }
}

fn lines(job: &Job) -> impl Iterator<Item = String> {
    let shown = job.warnings.iter().filter(|warning| warning.code.changes_prediction());
    shown.map(|warning| format!("{}: warning: {}", job.id, plain(&warning.message)))
}
