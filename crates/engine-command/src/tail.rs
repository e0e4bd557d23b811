//! The last lines of a program's standard error, for the message of a failure.

/// The most lines that are shown.
const MAX_LINES: usize = 4;
/// The most characters of a line.
const MAX_LINE: usize = 200;

/// The last lines in brackets, without the server's paths and without control characters. Empty if the
/// program wrote nothing.
pub(crate) fn shown(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return String::new();
    }
    let last = lines[lines.len().saturating_sub(MAX_LINES)..].iter().map(|line| {
        let line: String = without_paths(line).chars().filter(|c| !c.is_control()).collect();
        line.chars().take(MAX_LINE).collect::<String>()
    });
    format!(" (standard error ends: {})", last.collect::<Vec<_>>().join(" | "))
}

/// Replaces each absolute path by its last part, so that callers do not see the server's folders.
fn without_paths(line: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || "/._-+~@%".contains(c);
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('/') {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (path, after) = from.split_at(end);
        // `and/or` and `https://…` are not paths of the server.
        let is_link = before.ends_with(':') && path.starts_with("//");
        let is_path = !is_link && !before.ends_with(is_part);
        out.push_str(before);
        out.push_str(if is_path {
            path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
        } else {
            path
        });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        assert_eq!(without_paths(line), expected);
    }

    #[test]
    fn paths_of_the_server_are_cut() {
        check(r#"File "/opt/method/run.py", line 3, in <module>"#, r#"File "run.py", line 3, in <module>"#);
        check(
            "cannot open /scratch/job-x/input.fasta: no such file",
            "cannot open input.fasta: no such file",
        );
        check("/srv/model/: not found", "model: not found");
        check("error:/srv/secret/x", "error:x");
        check("PATH=/usr/local/bin:/usr/bin", "PATH=bin:bin");
    }

    #[test]
    fn other_text_stays() {
        check("CUDA out of memory. 3/4 GiB", "CUDA out of memory. 3/4 GiB");
        check("and/or see https://example.org/a/b", "and/or see https://example.org/a/b");
        check("no path", "no path");
    }

    #[test]
    fn the_last_lines_are_shown() {
        assert_eq!(shown(b""), "");
        assert_eq!(shown(b" \n\n"), "");
        assert_eq!(shown(b"a\n\nb\x1b[0m\n"), " (standard error ends: a | b[0m)");
        assert_eq!(shown(b"1\n2\n3\n4\n5\n"), " (standard error ends: 2 | 3 | 4 | 5)");
        assert!(shown("x".repeat(5000).as_bytes()).len() < 300);
    }
}
