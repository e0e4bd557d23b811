//! Renders SVG to PNG with the one embedded font; no fonts of the machine are used.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// A subset of DejaVu Sans, see `assets/DejaVuSans-subset.LICENSE.txt`.
const FONT: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");

const FONT_FAMILY: &str = "DejaVu Sans";

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The SVG cannot be read.
    #[error("unreadable svg: {0}")]
    Svg(#[from] resvg::usvg::Error),
    /// The picture is empty or too large for memory.
    #[error("a picture of {width} x {height} pixels is too large")]
    Size {
        /// The width in pixels.
        width: u32,
        /// The height in pixels.
        height: u32,
    },
    /// The pixels cannot be encoded.
    #[error("encoding png failed: {0}")]
    Encode(String),
}

/// Renders an SVG of this module to PNG, with one pixel for each SVG unit.
///
/// ```
/// use pssp_predict::plot::{composition_svg, png};
///
/// let picture = png(&composition_svg(&"TESTTESTTEST".parse()?))?;
/// assert_eq!(&picture[1..4], b"PNG");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// For text that is not SVG, or a picture too large for memory.
pub fn png(svg: &str) -> Result<Vec<u8>, PlotError> {
    let options =
        Options { fontdb: Arc::clone(fonts()), font_family: FONT_FAMILY.to_owned(), ..Options::default() };
    let tree = Tree::from_str(svg, &options)?;
    let size = tree.size().to_int_size();
    let (width, height) = (size.width(), size.height());
    let mut pixels = Pixmap::new(width, height).ok_or(PlotError::Size { width, height })?;
    resvg::render(&tree, Transform::default(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| PlotError::Encode(e.to_string()))
}

fn fonts() -> &'static Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    FONTS.get_or_init(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(FONT.to_vec());
        Arc::new(fonts)
    })
}
