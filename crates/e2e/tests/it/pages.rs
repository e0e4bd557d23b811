//! The pages in a real browser, on one machine: the stories of those who come, and what every page must be.
//!
//! The pictures of all pages are in `target/tmp/pages/` after a run.

use std::path::{Path, PathBuf};

use pssp_e2e::{Browser, Client, Embedded, Platform};

mod every;
mod examples;
mod operators;
mod stories;
mod without_script;

/// Where the pictures are kept.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages")
}

/// A finished job with this text, and its id.
fn finished(client: &Client, sequence: &str) -> String {
    let id = client.submit(sequence);
    let _ = client.finished(&id);
    id
}

fn page_of(platform: &Embedded, path: &str) -> String {
    format!("{}/{path}", platform.client().url().trim_end_matches('/'))
}

/// Keys as WebDriver names them.
mod key {
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const ENTER: &str = "\u{e007}";
    pub(crate) const PAGE_UP: &str = "\u{e00e}";
    pub(crate) const END: &str = "\u{e010}";
    pub(crate) const HOME: &str = "\u{e011}";
    pub(crate) const RIGHT: &str = "\u{e014}";
}

/// Presses Tab until the element has the focus.
#[track_caller]
fn tab_to(browser: &Browser, css: &str) {
    for _ in 0..60 {
        browser.press(key::TAB);
        if browser.eval(&format!("document.activeElement.matches('{css}')")) == true {
            return;
        }
    }
    panic!("{css} is not reached by Tab on {}", browser.url());
}
