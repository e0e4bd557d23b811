//! Writes warnings about the input to stderr, so that nobody trusts the results on stdout more than they deserve.

use pssp_api_types::Job;
use pssp_common::plain;

use crate::client::jobs::JobOrBatch;
use crate::ui::Ui;

/// Shows each warning of a job that concerns the prediction on a line of its own. Does nothing with `--json`, where the
/// output contains the warnings already, nor for a batch, whose results contain the warnings of its records.
pub(crate) fn show(ui: Ui, found: &JobOrBatch) {
    if let (false, JobOrBatch::Job(job)) = (ui.json, found) {
        lines(job).for_each(|line| ui.note(line));
    }
}

fn lines(job: &Job) -> impl Iterator<Item = String> {
    let shown = job.warnings.iter().filter(|warning| warning.code.changes_prediction());
    shown.map(|warning| format!("{}: warning: {}", job.id, plain(&warning.message)))
}
