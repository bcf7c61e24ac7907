//! Pictures of SVG, for letters and messengers that show no SVG.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::font;
use super::svg::Svg;

/// Pixels of a picture at most: 64 MB of memory while it is made.
const MOST_PIXELS: u64 = 16_000_000;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PngError {
    #[error("the picture would have too many pixels")]
    TooLarge,
    #[error("the SVG cannot be drawn")]
    Svg(#[from] resvg::usvg::Error),
    #[error("the picture cannot be written")]
    Encoding(#[source] Box<dyn std::error::Error + Send + Sync>),
}

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(font::REGULAR.to_vec());
    fonts.load_font_data(font::BOLD.to_vec());
    fonts.set_sans_serif_family(font::FAMILY);
    Arc::new(fonts)
});

/// The picture with `scale` pixels for each of the SVG's. It takes a while: run it where blocking
/// is allowed.
///
/// # Errors
/// When the picture is too large.
pub(crate) fn png(svg: &Svg, scale: f32) -> Result<Vec<u8>, PngError> {
    let (width, height) = svg.size();
    let scaled = |pixels: u32| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "both factors are bounded; `as` saturates"
        )]
        let pixels = (f64::from(pixels) * f64::from(scale)).ceil() as u32;
        pixels
    };
    let (width, height) = (scaled(width), scaled(height));
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(PngError::TooLarge);
    }
    let options = Options {
        font_family: font::FAMILY.to_owned(),
        fontdb: FONTS.clone(),
        ..Options::default()
    };
    let tree = Tree::from_str(&svg.finish(), &options)?;
    let mut pixels = Pixmap::new(width, height).ok_or(PngError::TooLarge)?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels
        .encode_png()
        .map_err(|error| PngError::Encoding(error.into()))
}
