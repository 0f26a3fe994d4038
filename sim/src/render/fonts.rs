//! Letters: the fonts of Debian packages at their installed paths, set onto bi-level prints.

use std::path::Path;

use ab_glyph::{Font, FontVec, PxScale, ScaleFont, point};

use super::RenderError;
use super::raster::{Area, Bitmap};

/// A face of the fonts a label or a carton is printed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// `DejaVu` Sans.
    Dejavu,
    /// `DejaVu` Sans, bold.
    DejavuBold,
    /// Liberation Sans (metrics of Arial).
    Liberation,
    /// Liberation Sans, bold.
    LiberationBold,
    /// Liberation Sans Narrow, bold.
    NarrowBold,
    /// Liberation Sans Narrow.
    Narrow,
    /// Liberation Serif (metrics of Times).
    Serif,
    /// Liberation Serif, bold.
    SerifBold,
    /// Liberation Mono (metrics of Courier).
    Mono,
    /// Liberation Mono, bold.
    MonoBold,
    /// `DejaVu` Serif, bold.
    DejavuSerifBold,
    /// `DejaVu` Sans Mono.
    DejavuMono,
    /// `DejaVu` Sans Mono, bold.
    DejavuMonoBold,
}

/// Faces in the order of [`Face`], with the Debian package and the path of each.
const LATIN: [(&str, &str); 13] = [
    (
        "fonts-dejavu-core",
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    ),
    (
        "fonts-dejavu-core",
        "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    ),
    (
        "fonts-liberation",
        "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
    ),
    (
        "fonts-liberation",
        "/usr/share/fonts/truetype/liberation/LiberationSans-Bold.ttf",
    ),
    (
        "fonts-liberation",
        "/usr/share/fonts/truetype/liberation/LiberationSansNarrow-Bold.ttf",
    ),
    (
        "fonts-liberation",
        "/usr/share/fonts/truetype/liberation/LiberationSansNarrow-Regular.ttf",
    ),
    (
        "fonts-liberation",
        "/usr/share/fonts/truetype/liberation/LiberationSerif-Regular.ttf",
    ),
    (
        "fonts-liberation",
        "/usr/share/fonts/truetype/liberation/LiberationSerif-Bold.ttf",
    ),
    (
        "fonts-liberation",
        "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf",
    ),
    (
        "fonts-liberation",
        "/usr/share/fonts/truetype/liberation/LiberationMono-Bold.ttf",
    ),
    (
        "fonts-dejavu-core",
        "/usr/share/fonts/truetype/dejavu/DejaVuSerif-Bold.ttf",
    ),
    (
        "fonts-dejavu-core",
        "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    ),
    (
        "fonts-dejavu-core",
        "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf",
    ),
];

/// The face for every character that the Latin faces lack.
const FALLBACK: (&str, &str) = (
    "fonts-droid-fallback",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
);

/// Coverage of a dot above which a thermal head prints it.
const INK_COVERAGE: f32 = 0.5;

/// The loaded fonts.
#[derive(Debug)]
pub(super) struct Fonts {
    latin: Vec<FontVec>,
    fallback: FontVec,
}

/// One line of text to print.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// The text; characters that no font has print nothing.
    pub text: &'a str,
    /// The face of its Latin letters.
    pub face: Face,
    /// Height of the line from ascender to descender, dots.
    pub height: f32,
}

impl Fonts {
    /// Loads the fonts from where Debian installs them.
    ///
    /// # Errors
    /// [`RenderError::FontMissing`] names the package that is not installed,
    /// [`RenderError::FontInvalid`] a file that is no font.
    pub(super) fn load() -> Result<Self, RenderError> {
        let latin = LATIN
            .iter()
            .map(|entry| load(*entry))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            latin,
            fallback: load(FALLBACK)?,
        })
    }

    /// Prints a line with its left end at `x` and its top at `y`; gives the dots it covers.
    pub(super) fn print(&self, paper: &mut Bitmap, x: usize, y: usize, line: Line<'_>) -> Area {
        let mut pen = x as f32;
        for letter in line.text.chars() {
            let font = self.font_for(line.face, letter);
            let scaled = font.as_scaled(PxScale::from(line.height));
            let baseline = y as f32 + scaled.ascent();
            let id = font.glyph_id(letter);
            let advance = scaled.h_advance(id);
            let glyph = id.with_scale_and_position(scaled.scale(), point(pen, baseline));
            if let Some(outline) = font.outline_glyph(glyph) {
                let bounds = outline.px_bounds();
                let (left, top) = (bounds.min.x as i32, bounds.min.y as i32);
                outline.draw(|dx, dy, coverage| {
                    if coverage >= INK_COVERAGE {
                        paper.set(
                            left.saturating_add_unsigned(dx),
                            top.saturating_add_unsigned(dy),
                        );
                    }
                });
            }
            pen += advance;
        }
        let width = (pen - x as f32).ceil().max(0.0) as usize;
        Area {
            x,
            y,
            width,
            height: line.height.ceil() as usize,
        }
    }

    /// Width that a line takes, dots.
    pub(super) fn width(&self, line: Line<'_>) -> f32 {
        line.text
            .chars()
            .map(|letter| {
                let font = self.font_for(line.face, letter);
                font.as_scaled(PxScale::from(line.height))
                    .h_advance(font.glyph_id(letter))
            })
            .sum()
    }

    fn font_for(&self, face: Face, letter: char) -> &FontVec {
        let latin = &self.latin[face as usize];
        if latin.glyph_id(letter).0 == 0 {
            &self.fallback
        } else {
            latin
        }
    }
}

fn load((package, path): (&'static str, &'static str)) -> Result<FontVec, RenderError> {
    let bytes = std::fs::read(Path::new(path)).map_err(|source| RenderError::FontMissing {
        package,
        path,
        source,
    })?;
    FontVec::try_from_vec(bytes).map_err(|_invalid| RenderError::FontInvalid { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_font_names_its_package() {
        let error = load(("fonts-none", "/nowhere/None.ttf")).expect_err("no such file");
        assert_eq!(
            error.to_string(),
            "font /nowhere/None.ttf cannot be read: install the Debian package fonts-none"
        );
    }

    #[test]
    fn latin_and_chinese_text_print_ink_inside_their_area() {
        let fonts = Fonts::load().expect("fonts are installed");
        for text in ["10115 Berlin", "北京市朝阳区", "Łódź"] {
            let mut paper = Bitmap::blank(600, 60);
            let line = Line {
                text,
                face: Face::DejavuBold,
                height: 36.0,
            };
            let area = fonts.print(&mut paper, 10, 5, line);
            let ink = paper.dots.iter().filter(|&&d| d > 0).count();
            assert!(ink > 500, "{text}: {ink} dots");
            assert!(
                area.width > 60 && area.x + area.width < 600,
                "{text}: {area:?}"
            );
        }
    }
}
