//! Warnings about the input, on stderr: results on stdout must not look sounder than they are.

use pssp_common::plain;
use serde_json::Value;

use crate::ui::Ui;

/// Codes of warnings about the name of a record. They do not change what is predicted, and are not shown.
const ABOUT_NAMES: [&str; 3] = ["missing_id", "duplicate_id", "header_cut"];

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

/// A line for each of `warnings`, in `job`, that changes what is predicted.
pub(crate) fn lines(job: &Value) -> impl Iterator<Item = String> {
    let id = plain(job["id"].as_str().unwrap_or_default());
    let warnings = job["warnings"].as_array().into_iter().flatten();
    warnings
        .filter(|warning| warning["code"].as_str().is_none_or(|code| !ABOUT_NAMES.contains(&code)))
        .filter_map(|warning| warning["message"].as_str())
        .map(move |message| format!("{id}: warning: {}", plain(message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_warning_has_a_line_with_its_job() {
        let job = json!({"id": "0190", "warnings": [{"code": "short_sequence", "message": "only 4\nresidues"},
            {"code": "missing_id", "message": "record 1 has no id"}]});
        assert_eq!(lines(&job).collect::<Vec<_>>(), ["0190: warning: only 4 residues"]);
        assert_eq!(lines(&json!({"id": "0190"})).count(), 0);
    }
}
