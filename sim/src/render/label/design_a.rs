//! Design A: head, address, matrices, tracking symbol; the labels that the reader was tuned on.

use super::super::RenderError;
use super::super::fonts::Line;
use super::super::rng::Rng;
use super::super::scene::LabelSize;
use super::super::symbol::SymbolKind;
use super::{Drawn, Printer};

/// Sizes of a layout in dots, from the top of the label to its bottom.
struct Layout {
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
                margin: 14,
                head: [32.0, 44.0],
                address: [22.0, 26.0],
                matrix_top: 206,
                linear_top: 436,
                linear_height: 100,
                human: 28.0,
            },
            LabelSize::Small => Self {
                margin: 24,
                head: [44.0, 60.0],
                address: [30.0, 36.0],
                matrix_top: 330,
                linear_top: 600,
                linear_height: 110,
                human: 34.0,
            },
            LabelSize::Large => Self {
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

/// Prints the whole label.
///
/// # Errors
/// [`RenderError::Symbol`] when a content cannot be encoded in its symbol.
pub(super) fn print(printer: &mut Printer<'_>, rng: &mut Rng) -> Result<(), RenderError> {
    let layout = Layout::of(printer.data.size);
    printer.head_and_address(&layout, rng);
    printer.matrices(&layout, rng)?;
    printer.linears(&layout, rng)?;
    printer.frame(3);
    Ok(())
}

impl Printer<'_> {
    fn head_and_address(&mut self, layout: &Layout, rng: &mut Rng) {
        let data = self.data;
        let Layout {
            margin,
            head,
            address,
            matrix_top,
            ..
        } = *layout;
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
        self.rule(top, 3);
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
        let right = self
            .width
            .saturating_sub(margin + self.fonts.width(route).ceil() as usize);
        self.text(right, margin / 2, route);
        self.rule(matrix_top - 6, 3);
    }

    fn matrices(&mut self, layout: &Layout, rng: &mut Rng) -> Result<(), RenderError> {
        let Layout {
            margin,
            matrix_top,
            linear_top,
            ..
        } = *layout;
        let room = linear_top.saturating_sub(matrix_top + 14);
        let mut x = margin + 12 + rng.below(16);
        let data = self.data;
        for symbol in &data.matrices {
            let drawn = Drawn::of(symbol, self.width, room)?;
            let y = matrix_top + 6 + room.saturating_sub(drawn.height()) / 2;
            let width = drawn.width();
            self.stamp(symbol, &drawn, x, y);
            // The next symbol keeps to the right, with any gap above a quiet zone.
            x = (x + width + 40 + rng.below(60)).min(self.width.saturating_sub(margin + 160));
        }
        self.rule(linear_top - 8, 3);
        Ok(())
    }

    fn linears(&mut self, layout: &Layout, rng: &mut Rng) -> Result<(), RenderError> {
        let Layout {
            margin,
            linear_top,
            linear_height,
            human,
            ..
        } = *layout;
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
                self.rule(y - 5, 3);
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
}
