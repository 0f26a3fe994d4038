//! A label as the printer makes it: bi-level, 203 dots per inch (8 dots per mm).

mod design_a;
mod design_b;

use super::RenderError;
use super::fonts::{Face, Fonts, Line};
use super::raster::{Area, Bitmap};
use super::rng::Rng;
use super::scene::{Design, LabelData, LabelSize, SymbolText};
use super::symbol::{self, SymbolKind};

/// Dots per millimetre of the thermal printer.
pub(super) const DOTS_PER_MM: f32 = 8.0;

/// Dots per module of a matrix symbol.
const MATRIX_DOTS: usize = 5;
/// Dots per module of a linear symbol.
const LINEAR_DOTS: usize = 3;
/// Printed width of a `MaxiCode`: 28 mm.
const MAXICODE_DOTS: usize = 224;
/// Hexagons in one row of a `MaxiCode` (ISO/IEC 16023).
const MAXICODE_COLUMNS: f32 = 30.0;

/// A symbol on the paper.
#[derive(Clone, Debug)]
pub(super) struct PrintedSymbol {
    /// Kind and content.
    pub symbol: SymbolText,
    /// Where it is, dots.
    pub area: Area,
    /// Size of a module, dots.
    pub module_dots: f32,
}

/// A line of text on the paper.
#[derive(Clone, Debug)]
pub(super) struct PrintedLine {
    /// The text.
    pub text: String,
    /// Where it is, dots.
    pub area: Area,
}

/// A printed label.
#[derive(Clone, Debug)]
pub(super) struct Label {
    /// The print.
    pub paper: Bitmap,
    /// Its symbols.
    pub symbols: Vec<PrintedSymbol>,
    /// Its lines of text; the address comes first.
    pub lines: Vec<PrintedLine>,
}

/// A matrix symbol, drawn and scaled for its place.
struct Drawn {
    bitmap: Bitmap,
    /// Dots of paper per dot of the drawing.
    scale: usize,
    /// Size of a module on the paper, dots.
    module_dots: f32,
}

impl Drawn {
    /// Draws a symbol for a label `width` dots wide, at most `room` dots high.
    fn of(symbol: &SymbolText, width: usize, room: usize) -> Result<Self, RenderError> {
        let bitmap = symbol::draw(symbol.kind, &symbol.text)?;
        let (bitmap, scale) = match symbol.kind {
            SymbolKind::MaxiCode => (symbol::resized(&bitmap, MAXICODE_DOTS), 1),
            SymbolKind::Pdf417 => {
                let fits = (width - 70).checked_div(bitmap.width).unwrap_or(1);
                (bitmap, fits.clamp(1, LINEAR_DOTS))
            }
            SymbolKind::Code128
            | SymbolKind::Gs1128
            | SymbolKind::Itf
            | SymbolKind::QrCode
            | SymbolKind::DataMatrix
            | SymbolKind::Aztec => {
                let fits = room.checked_div(bitmap.height).unwrap_or(1);
                (bitmap, fits.clamp(1, MATRIX_DOTS))
            }
        };
        let module_dots = if symbol.kind == SymbolKind::MaxiCode {
            MAXICODE_DOTS as f32 / MAXICODE_COLUMNS
        } else {
            scale as f32
        };
        Ok(Self {
            bitmap,
            scale,
            module_dots,
        })
    }

    const fn width(&self) -> usize {
        self.bitmap.width * self.scale
    }

    const fn height(&self) -> usize {
        self.bitmap.height * self.scale
    }
}

/// A label in the making.
struct Printer<'a> {
    fonts: &'a Fonts,
    data: &'a LabelData,
    width: usize,
    height: usize,
    plain: Face,
    bold: Face,
    label: Label,
}

/// Prints a label.
///
/// # Errors
/// [`RenderError::Symbol`] when a content cannot be encoded in its symbol.
pub(super) fn print(data: &LabelData, fonts: &Fonts) -> Result<Label, RenderError> {
    let mut rng = Rng::new(data.style);
    let [width, height] = data
        .size
        .millimetres()
        .map(|mm| (mm * DOTS_PER_MM) as usize);
    let (plain, bold) = match data.design {
        Design::A => rng.pick(&[
            (Face::Liberation, Face::LiberationBold),
            (Face::Dejavu, Face::DejavuBold),
            (Face::Liberation, Face::NarrowBold),
        ]),
        Design::B => rng.pick(&[
            (Face::Serif, Face::SerifBold),
            (Face::Mono, Face::MonoBold),
            (Face::Narrow, Face::DejavuSerifBold),
            (Face::DejavuMono, Face::DejavuMonoBold),
        ]),
    };
    let mut printer = Printer {
        fonts,
        data,
        width,
        height,
        plain,
        bold,
        label: Label {
            paper: Bitmap::blank(width, height),
            symbols: Vec::new(),
            lines: Vec::new(),
        },
    };
    match (data.design, data.size) {
        // Where there is room for one order only, the designs differ in their faces.
        (Design::A, _) | (Design::B, LabelSize::Compact) => {
            design_a::print(&mut printer, &mut rng)?;
        }
        (Design::B, LabelSize::Small | LabelSize::Large) => {
            design_b::print(&mut printer, &mut rng)?;
        }
    }
    Ok(printer.label)
}

impl Printer<'_> {
    fn text(&mut self, x: usize, y: usize, line: Line<'_>) -> Area {
        let area = self.fonts.print(&mut self.label.paper, x, y, line);
        self.label.lines.push(PrintedLine {
            text: line.text.to_owned(),
            area,
        });
        area
    }

    /// A line over the whole width.
    fn rule(&mut self, y: usize, height: usize) {
        let (x, width) = (8, self.width - 16);
        self.label.paper.fill(Area {
            x,
            y,
            width,
            height,
        });
    }

    /// Prints a drawn symbol with its top left dot at `x`, `y`.
    fn stamp(&mut self, symbol: &SymbolText, drawn: &Drawn, x: usize, y: usize) {
        let scale = (drawn.scale, drawn.scale);
        self.label.paper.stamp(&drawn.bitmap, x, y, scale);
        let area = Area {
            x,
            y,
            width: drawn.width(),
            height: drawn.height(),
        };
        self.push_symbol(symbol, area, drawn.module_dots);
    }

    fn push_symbol(&mut self, symbol: &SymbolText, area: Area, module_dots: f32) {
        self.label.symbols.push(PrintedSymbol {
            symbol: symbol.clone(),
            area,
            module_dots,
        });
    }

    fn linear(&mut self, symbol: &SymbolText, y: usize, height: usize) -> Result<(), RenderError> {
        let drawing = symbol::draw(symbol.kind, &symbol.text)?;
        let room = self.width - 60;
        let wanted = if symbol.kind == SymbolKind::Itf {
            4
        } else {
            LINEAR_DOTS
        };
        let scale = room
            .checked_div(drawing.width)
            .unwrap_or(1)
            .clamp(1, wanted);
        let width = drawing.width * scale;
        let x = self.middle(width as f32);
        self.label.paper.stamp(&drawing, x, y, (scale, height));
        self.push_symbol(
            symbol,
            Area {
                x,
                y,
                width,
                height,
            },
            scale as f32,
        );
        Ok(())
    }

    fn middle(&self, width: f32) -> usize {
        ((self.width as f32 - width).max(16.0) / 2.0) as usize
    }

    /// A line around the label.
    fn frame(&mut self, thick: usize) {
        let (width, height) = (self.width, self.height);
        for area in [
            Area {
                x: 8,
                y: 8,
                width: width - 16,
                height: thick,
            },
            Area {
                x: 8,
                y: height - 8 - thick,
                width: width - 16,
                height: thick,
            },
            Area {
                x: 8,
                y: 8,
                width: thick,
                height: height - 16,
            },
            Area {
                x: width - 8 - thick,
                y: 8,
                width: thick,
                height: height - 16,
            },
        ] {
            self.label.paper.fill(area);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::address;
    use super::super::scene::Template;
    use super::*;

    fn makes() -> impl Iterator<Item = (Template, Design)> {
        Template::ALL
            .into_iter()
            .flat_map(|t| [(t, Design::A), (t, Design::B)])
    }

    fn data(template: Template, design: Design, size: LabelSize, seed: u64) -> LabelData {
        let shipment = address::random_shipment(&mut Rng::new(seed));
        LabelData {
            design,
            ..LabelData::new(&shipment, template, size, seed)
        }
    }

    /// Every symbol of every template and size reads from the clean print.
    #[test]
    fn prints_of_all_templates_and_sizes_read_back() {
        let fonts = Fonts::load().expect("fonts are installed");
        for (template, design) in makes() {
            for size in [LabelSize::Compact, LabelSize::Small, LabelSize::Large] {
                for seed in 0..6 {
                    let data = data(template, design, size, seed);
                    let label = print(&data, &fonts).expect("a label");
                    let pixels: Vec<u8> = label.paper.dots.iter().map(|d| 255 - d).collect();
                    let view = zxingcpp::ImageView::from_slice(
                        &pixels,
                        label.paper.width,
                        label.paper.height,
                        zxingcpp::ImageFormat::Lum,
                    )
                    .expect("a view");
                    let texts: Vec<String> = zxingcpp::read()
                        .from(&view)
                        .expect("read")
                        .iter()
                        .map(zxingcpp::Barcode::text)
                        .collect();
                    for printed in &label.symbols {
                        // zxing-cpp finds a MaxiCode only when nothing else is in the picture.
                        if printed.symbol.kind != SymbolKind::MaxiCode {
                            assert!(
                                texts.contains(&printed.symbol.text),
                                "{template:?} {design:?} {size:?} {seed}: {:?} not in {texts:?}",
                                printed.symbol
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn symbols_and_lines_do_not_overlap() {
        let fonts = Fonts::load().expect("fonts are installed");
        for (template, design) in makes() {
            for size in [LabelSize::Compact, LabelSize::Small, LabelSize::Large] {
                for seed in 0..6 {
                    let data = data(template, design, size, seed);
                    let label = print(&data, &fonts).expect("a label");
                    let areas: Vec<Area> = label.symbols.iter().map(|s| s.area).collect();
                    for (i, a) in areas.iter().enumerate() {
                        assert!(
                            a.x + a.width <= label.paper.width,
                            "{template:?} {size:?} {a:?}"
                        );
                        for b in &areas[i + 1..] {
                            let apart = a.x + a.width <= b.x
                                || b.x + b.width <= a.x
                                || a.y + a.height <= b.y
                                || b.y + b.height <= a.y;
                            assert!(
                                apart,
                                "{template:?} {design:?} {size:?} {seed}: {a:?} {b:?}"
                            );
                        }
                        assert!(
                            a.y + a.height <= label.paper.height,
                            "{template:?} {design:?} {a:?}"
                        );
                    }
                }
            }
        }
    }
}
