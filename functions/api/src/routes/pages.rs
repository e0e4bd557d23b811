//! The pages for people, one file for each. `pssp-page` has their templates.

pub(super) mod batch;
pub(super) mod home;
pub(super) mod key;
pub(super) mod plain;
pub(super) mod predict;
pub(super) mod result;
pub(super) mod share;

use pssp_page::Refresh;

use crate::input::Fields;
use crate::problem::Problem;

/// Where the counter of looks stops. The interval has been the longest for long then.
const MAX_LOOKS: u32 = 1_000;

/// The looks of a browser without script so far, and when it looks again. The query tells: `?look=3`, `?look=stop`.
fn refresh(query: &Fields) -> Result<(u32, Refresh), Problem> {
    Ok(match query.text("look")?.as_deref() {
        Some("stop") => (0, Refresh::Never),
        text => {
            let looks = text.and_then(|text| text.parse().ok()).unwrap_or(0).min(MAX_LOOKS);
            (looks, Refresh::after_looks(looks))
        }
    })
}
