//! A label as the printer makes it: bi-level, 203 dots per inch (8 dots per mm).

use super::RenderError;
use super::fonts::{Face, Fonts, Line};
use super::raster::{Area, Bitmap};
use super::rng::Rng;
use super::scene::{LabelData, LabelSize, SymbolText};
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

/// Sizes of a layout in dots, from the top of the label to its bottom.
struct Layout {
    width: usize,
    height: usize,
    margin: usize,
    head: [f32; 2],
    address: [f32; 2],
    matrix_top: usize,
    linear_top: usize,
    linear_height: usize,
    human: f32,
}

impl Layout {
    const fn of(size: LabelSize) -> Self {
        match size {
            LabelSize::Compact => Self {
                width: 608,
                height: 608,
                margin: 14,
                head: [32.0, 44.0],
                address: [22.0, 26.0],
                matrix_top: 206,
                linear_top: 436,
                linear_height: 100,
                human: 28.0,
            },
            LabelSize::Small => Self {
                width: 800,
                height: 800,
                margin: 24,
                head: [44.0, 60.0],
                address: [30.0, 36.0],
                matrix_top: 330,
                linear_top: 600,
                linear_height: 110,
                human: 34.0,
            },
            LabelSize::Large => Self {
                width: 800,
                height: 1_200,
                margin: 24,
                head: [44.0, 60.0],
                address: [30.0, 36.0],
                matrix_top: 330,
                linear_top: 600,
                linear_height: 150,
                human: 34.0,
            },
        }
    }
}

/// A label in the making.
struct Printer<'a> {
    fonts: &'a Fonts,
    data: &'a LabelData,
    layout: Layout,
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
    let layout = Layout::of(data.size);
    let (plain, bold) = rng.pick(&[
        (Face::Liberation, Face::LiberationBold),
        (Face::Dejavu, Face::DejavuBold),
        (Face::Liberation, Face::NarrowBold),
    ]);
    let paper = Bitmap::blank(layout.width, layout.height);
    let label = Label {
        paper,
        symbols: Vec::new(),
        lines: Vec::new(),
    };
    let mut printer = Printer {
        fonts,
        data,
        layout,
        plain,
        bold,
        label,
    };
    printer.head_and_address(&mut rng);
    printer.matrices(&mut rng)?;
    printer.linears(&mut rng)?;
    printer.frame();
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

    fn rule(&mut self, y: usize) {
        let (x, width) = (8, self.layout.width - 16);
        self.label.paper.fill(Area {
            x,
            y,
            width,
            height: 3,
        });
    }

    fn head_and_address(&mut self, rng: &mut Rng) {
        let data = self.data;
        let Layout {
            width,
            margin,
            head,
            address,
            matrix_top,
            ..
        } = self.layout;
        let top = margin + head[1] as usize + 6;
        let room = matrix_top.saturating_sub(top + 14) as f32;
        let step = room / (2.0 * address[0] + 2.0 * address[1]);
        let mut y = top as f32 + 8.0;
        let x = margin + rng.below(12);
        for (i, text) in data.address.iter().enumerate() {
            let last = i + 2 >= data.address.len();
            let (face, height) = if last {
                (self.bold, address[1])
            } else {
                (self.plain, address[0])
            };
            self.text(x, y as usize, Line { text, face, height });
            y += height * step;
        }
        self.rule(top);
        let service = Line {
            text: &data.service,
            face: self.bold,
            height: head[0],
        };
        self.text(margin, margin + (head[1] - head[0]) as usize / 2, service);
        let route = Line {
            text: &data.route,
            face: self.bold,
            height: head[1],
        };
        let right = width.saturating_sub(margin + self.fonts.width(route).ceil() as usize);
        self.text(right, margin / 2, route);
        self.rule(matrix_top - 6);
    }

    fn matrices(&mut self, rng: &mut Rng) -> Result<(), RenderError> {
        let Layout {
            width,
            margin,
            matrix_top,
            linear_top,
            ..
        } = self.layout;
        let room = linear_top.saturating_sub(matrix_top + 14);
        let mut x = margin + 12 + rng.below(16);
        for symbol in &self.data.matrices {
            let drawing = symbol::draw(symbol.kind, &symbol.text)?;
            let (drawing, scale) = match symbol.kind {
                SymbolKind::MaxiCode => (symbol::resized(&drawing, MAXICODE_DOTS), 1),
                SymbolKind::Pdf417 => {
                    let fits = (width - 70).checked_div(drawing.width).unwrap_or(1);
                    (drawing, fits.clamp(1, LINEAR_DOTS))
                }
                SymbolKind::Code128
                | SymbolKind::Gs1128
                | SymbolKind::Itf
                | SymbolKind::QrCode
                | SymbolKind::DataMatrix
                | SymbolKind::Aztec => {
                    let fits = room.checked_div(drawing.height).unwrap_or(1);
                    (drawing, fits.clamp(1, MATRIX_DOTS))
                }
            };
            let size = (drawing.width * scale, drawing.height * scale);
            let y = matrix_top + 6 + room.saturating_sub(size.1) / 2;
            self.label.paper.stamp(&drawing, x, y, (scale, scale));
            let module_dots = if symbol.kind == SymbolKind::MaxiCode {
                MAXICODE_DOTS as f32 / MAXICODE_COLUMNS
            } else {
                scale as f32
            };
            let area = Area {
                x,
                y,
                width: size.0,
                height: size.1,
            };
            self.push_symbol(symbol, area, module_dots);
            // The next symbol keeps to the right, with any gap above a quiet zone.
            x = (x + size.0 + 40 + rng.below(60)).min(width.saturating_sub(margin + 160));
        }
        self.rule(linear_top - 8);
        Ok(())
    }

    fn push_symbol(&mut self, symbol: &SymbolText, area: Area, module_dots: f32) {
        self.label.symbols.push(PrintedSymbol {
            symbol: symbol.clone(),
            area,
            module_dots,
        });
    }

    fn linears(&mut self, rng: &mut Rng) -> Result<(), RenderError> {
        let Layout {
            margin,
            linear_top,
            linear_height,
            human,
            ..
        } = self.layout;
        let mut y = linear_top + 4;
        let shown = if self.data.size == LabelSize::Large {
            2
        } else {
            1
        };
        for (i, symbol) in self.data.linears.iter().take(shown).enumerate() {
            let height = match (i, symbol.kind) {
                (0, _) => linear_height,
                (_, SymbolKind::Itf) => 130,
                _ => 140,
            };
            self.linear(symbol, y, height)?;
            y += height + 6;
            let line = Line {
                text: &symbol.text,
                face: self.plain,
                height: human,
            };
            let x = self.middle(self.fonts.width(line));
            self.text(x, y, line);
            y += human as usize + 14;
            if self.data.size == LabelSize::Large {
                self.rule(y - 5);
                y += 8;
            }
        }
        if self.data.size == LabelSize::Large {
            let weight = format!("Weight {}.{} kg  Pieces 1/1", rng.below(9), rng.below(10));
            let sender = "From: Shenzhen Yunda Trading Co., Longgang District, CN";
            for text in [
                sender,
                weight.as_str(),
                "Undeliverable parcels: return to sender",
            ] {
                self.text(
                    margin,
                    y,
                    Line {
                        text,
                        face: self.plain,
                        height: 24.0,
                    },
                );
                y += 32;
            }
        }
        Ok(())
    }

    fn linear(&mut self, symbol: &SymbolText, y: usize, height: usize) -> Result<(), RenderError> {
        let drawing = symbol::draw(symbol.kind, &symbol.text)?;
        let room = self.layout.width - 60;
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
        ((self.layout.width as f32 - width).max(16.0) / 2.0) as usize
    }

    fn frame(&mut self) {
        let Layout { width, height, .. } = self.layout;
        let thick = 3;
        for area in [
            Area {
                x: 8,
                y: 8,
                width: width - 16,
                height: thick,
            },
            Area {
                x: 8,
                y: height - 11,
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
                x: width - 11,
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

    /// Every symbol of every template and size reads from the clean print.
    #[test]
    fn prints_of_all_templates_and_sizes_read_back() {
        let fonts = Fonts::load().expect("fonts are installed");
        for template in Template::ALL {
            for size in [LabelSize::Compact, LabelSize::Small, LabelSize::Large] {
                for seed in 0..6 {
                    let shipment = address::random_shipment(&mut Rng::new(seed));
                    let data = LabelData::new(&shipment, template, size, seed);
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
                                "{template:?} {size:?} {seed}: {:?} not in {texts:?}",
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
        for template in Template::ALL {
            for size in [LabelSize::Compact, LabelSize::Small, LabelSize::Large] {
                let shipment = address::random_shipment(&mut Rng::new(9));
                let data = LabelData::new(&shipment, template, size, 9);
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
                        assert!(apart, "{template:?} {size:?}: {a:?} {b:?}");
                    }
                }
            }
        }
    }
}
