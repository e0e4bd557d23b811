//! The web pages: HTML of the form, of jobs, results and batches, and the files that the pages load.
//!
//! This crate turns values into text. It does not read a store and does not know HTTP; the routes in
//! `functions/api/src/routes/pages/` gather the values. The templates are in `templates/`. Every text that a person
//! reads is there, or in `words`.
//!
//! - [`Frame`]: what surrounds the content of every page
//! - [`Home`], [`JobPage`], [`ResultPage`], [`BatchPage`] and so on: one type for each page, with its content
//! - [`asset`]: the stylesheet, the script and the icon, whose names contain a digest of their bytes

mod assets;
mod batch;
mod docs;
mod frame;
mod home;
mod job;
#[cfg(test)]
mod palette;
mod plain;
mod result;
mod times;
mod tracks;
mod words;

pub use assets::{Asset, asset};
pub use batch::{BatchPage, Filter, Outcome, Row, Sort};
pub use docs::{DocsPage, Interface};
pub use frame::{Frame, Health, Readers};
pub use home::{Entered, Home, Limits, Place, Refusal, example};
pub use job::{JobPage, Refresh};
pub use plain::{
    DeletePage, HistoryPage, KeyPage, MethodsPage, ProblemPage, Queue, SharePage, StatusPage, Target,
};
pub use result::{ResultPage, Window};
pub use tracks::strip;

/// The text of a page.
///
/// # Errors
/// None in practice: writing to a string does not fail.
pub(crate) fn render(page: &impl askama::Template) -> String {
    page.render().unwrap_or_default()
}
