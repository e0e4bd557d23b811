//! Warnings about the input, on stderr: results on stdout must not look sounder than they are.

use pssp_common::plain;
use serde_json::Value;

use crate::ui::Ui;

/// Shows the warnings of a job as the service describes it, a line each. With `--json` they are part of the output
/// already.
pub(crate) fn of_job(ui: Ui, job: &Value) {
    if ui.json {
        return;
    }
    for line in lines(job) {
        ui.note(line);
    }
}

fn lines(job: &Value) -> impl Iterator<Item = String> {
    let id = job["id"].as_str().unwrap_or_default();
    let warnings = job["warnings"].as_array().into_iter().flatten();
    warnings.filter_map(|warning| warning["message"].as_str()).map(move |message| line(id, message))
}

/// One warning about the sequence that `of` names.
pub(crate) fn line(of: &str, message: &str) -> String {
    format!("{}: warning: {}", plain(of), plain(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_warning_has_a_line_with_its_job() {
        let job =
            json!({"id": "0190", "warnings": [{"code": "short_sequence", "message": "only 4\nresidues"}]});
        assert_eq!(lines(&job).collect::<Vec<_>>(), ["0190: warning: only 4 residues"]);
        assert_eq!(lines(&json!({"id": "0190"})).count(), 0);
    }
}
