//! Renders the list of settings as a Markdown page and as text for `--help`.

use std::fmt::Write;

use super::list::SETTINGS;
use super::setting::{Group, Setting};

/// The reference page of all settings (`docs/configuration.md`).
#[must_use]
pub fn render_markdown() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Everything is set by environment variables; an empty one counts as not set. A value that cannot be\n\
         used stops the start with a message that names it. This page is made from the list in the code.\n",
    );
    for group in Group::ALL {
        let _ = write!(
            page,
            "\n## {}\n\n| variable | default | what it does | value |\n|---|---|---|---|\n",
            group.title()
        );
        for s in of(group) {
            let default =
                if s.default.is_empty() { "(empty)".to_owned() } else { format!("`{}`", s.default) };
            let _ = writeln!(page, "| `{}` | {default} | {} | {} |", s.name, s.help, s.kind.expects());
        }
    }
    page
}

/// The settings as a section of `--help`.
#[must_use]
pub fn render_help() -> String {
    let mut text = String::from("Settings (environment variables):\n");
    for s in Group::ALL.into_iter().flat_map(of) {
        let default = if s.default.is_empty() { "empty" } else { s.default };
        let _ = writeln!(text, "  {:<23} {} [default: {default}]", s.name, s.help);
    }
    text
}

fn of(group: Group) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(move |s| s.group == group)
}
