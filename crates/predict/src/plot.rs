//! Plots of one chain as SVG, and SVG as PNG.
//!
//! Both pictures are drawn here without any plotting library, with one embedded font (a subset of
//! DejaVu Sans; see `assets/`), so they look the same everywhere.

mod composition;
mod png;
mod svg;
mod tracks;

pub use composition::composition_svg;
pub use png::{PlotError, png};
pub use tracks::tracks_svg;
