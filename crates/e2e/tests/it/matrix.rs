//! Checks that the README's table of cases and platforms is up to date.

use crate::PLATFORMS;
use crate::cases::CASES;

/// The beginnings of the rows that the README must contain. `make matrix` writes the table after a successful run.
fn rows() -> Vec<String> {
    let readable = |name: &str| name.replace('_', " ");
    CASES.iter().map(|(group, case)| format!("| {group} | {} |", readable(case))).collect()
}

#[test]
fn the_readme_lists_every_case() {
    let readme = include_str!("../../../../README.md");
    for row in rows() {
        assert!(readme.lines().any(|line| line.starts_with(&row)), "run `make matrix`: README lacks {row}");
    }
    let header = PLATFORMS.join(" | ");
    assert!(readme.contains(&header), "run `make matrix`: README lacks the columns {header}");
}
