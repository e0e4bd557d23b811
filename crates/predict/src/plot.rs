//! Plots of one chain as SVG, and a converter from SVG to PNG.
//!
//! Both plots are drawn without a plotting library and with one embedded font (a subset of DejaVu Sans, see
//! `assets/`), so they look the same on every machine.

mod composition;
mod png;
mod svg;
mod tracks;

pub use composition::composition_svg;
pub use png::{PlotError, png};
pub use tracks::tracks_svg;
