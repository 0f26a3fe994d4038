//! Design B: other orders of the same parts, other faces, inverted route code, no common frame.
//! Nothing of the reader may be tuned on these labels.

use super::super::RenderError;
use super::super::fonts::Line;
use super::super::raster::Area;
use super::super::rng::Rng;
use super::super::scene::LabelSize;
use super::super::symbol::SymbolKind;
use super::{Drawn, Printer};

/// Parts of a label that take its whole width, from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    /// Service word and route code.
    Head,
    /// Address with the matrix symbols beside it.
    Address,
    /// A linear symbol with its text.
    Linear(usize),
}

/// Orders of the zones.
const ORDERS: [[Zone; 4]; 3] = [
    [Zone::Linear(0), Zone::Head, Zone::Address, Zone::Linear(1)],
    [Zone::Head, Zone::Address, Zone::Linear(1), Zone::Linear(0)],
    [Zone::Address, Zone::Linear(0), Zone::Linear(1), Zone::Head],
];

/// Words above an address.
const SHIP_TO: [&str; 4] = ["SHIP TO:", "Deliver to", "收件人 TO", "Destinataire / An"];
/// Small print, as much as there is room for.
const NOTES: [&str; 5] = [
    "Sender: Ningbo Harbour Goods Ltd, Yinzhou, CN",
    "Contents: household goods  DDU  CN22",
    "Ref. 7741-22 / B  Carton 1 of 1",
    "Keep away from rain. Do not bend.",
    "寄件人 宁波海港商贸有限公司",
];

/// Height of the text under a linear symbol, dots.
const HUMAN: f32 = 30.0;
/// Heights of the address lines: the first two, the last two, dots.
const ADDRESS: [f32; 2] = [29.0, 36.0];
/// Free paper at the edges, dots.
const MARGIN: usize = 22;
/// Height of the head, dots.
const HEAD: usize = 70;
/// Height of a line of small print, dots.
const NOTE: usize = 26;

/// Prints the whole label.
///
/// # Errors
/// [`RenderError::Symbol`] when a content cannot be encoded in its symbol.
pub(super) fn print(printer: &mut Printer<'_>, rng: &mut Rng) -> Result<(), RenderError> {
    let order = rng.pick(&ORDERS);
    let linears = if printer.data.size == LabelSize::Large {
        2
    } else {
        1
    };
    let bars = 120;
    let mut zones: Vec<Zone> = order.to_vec();
    zones.retain(|zone| !matches!(zone, Zone::Linear(n) if *n >= linears));
    let linear = bars + HUMAN as usize + 26;
    let fixed = HEAD + 12 + linears * linear + 2 * MARGIN;
    let rest = printer.height.saturating_sub(fixed);
    // The address takes what its symbols need; small print fills up.
    let address = rest.min(470);
    let mirrored = rng.chance(0.5);
    let thick = rng.between(2, 6);
    let mut y = MARGIN;
    for (i, zone) in zones.into_iter().enumerate() {
        if i > 0 {
            printer.rule(y, thick);
            y += thick + 4;
        }
        y += match zone {
            Zone::Head => printer.banner(y, mirrored),
            Zone::Address => printer.ship_to(y, address, mirrored, rng)?,
            Zone::Linear(n) => printer.bars(n, y, bars, rng)?,
        };
    }
    printer.notes(y + 6, rng);
    Ok(())
}

impl Printer<'_> {
    /// Service word, and the route code white on black.
    fn banner(&mut self, y: usize, mirrored: bool) -> usize {
        let data = self.data;
        let route = Line {
            text: &data.route,
            face: self.bold,
            height: 58.0,
        };
        let service = Line {
            text: &data.service,
            face: self.plain,
            height: 44.0,
        };
        let (box_width, service_width) = (self.fonts.width(route), self.fonts.width(service));
        let (box_width, service_width) = (box_width as usize + 24, service_width as usize);
        let right = |width: usize| self.width.saturating_sub(MARGIN + width);
        let (route_x, service_x) = if mirrored {
            (MARGIN, right(service_width))
        } else {
            (right(box_width), MARGIN)
        };
        self.text(service_x, y + 8, service);
        self.text(route_x + 12, y + 4, route);
        self.label.paper.invert(Area {
            x: route_x,
            y,
            width: box_width,
            height: HEAD - 4,
        });
        HEAD
    }

    /// The address, with the matrix symbols one over the other beside it, or PDF417 below it.
    fn ship_to(
        &mut self,
        y: usize,
        height: usize,
        mirrored: bool,
        rng: &mut Rng,
    ) -> Result<usize, RenderError> {
        let data = self.data;
        let wide = data.matrices.iter().any(|s| s.kind == SymbolKind::Pdf417);
        let each = height.saturating_sub(44) / data.matrices.len().max(1);
        let room = if wide { height / 2 } else { each };
        let mut column = 0;
        let mut below = y + 16;
        for symbol in &data.matrices {
            let drawn = Drawn::of(symbol, self.width, room)?;
            let x = match (wide, mirrored) {
                (true, _) => self.middle(drawn.width() as f32),
                (false, true) => MARGIN + 10 + rng.below(20),
                (false, false) => self.width.saturating_sub(MARGIN + drawn.width() + 26),
            };
            let top = if wide {
                y + height.saturating_sub(drawn.height() + 14)
            } else {
                below
            };
            column = column.max(drawn.width() + 50);
            below += drawn.height() + 20;
            self.stamp(symbol, &drawn, x, top);
        }
        let text_x = if mirrored && !wide {
            MARGIN + column
        } else {
            MARGIN + rng.below(14)
        };
        let small = Line {
            text: rng.pick(&SHIP_TO),
            face: self.plain,
            height: 24.0,
        };
        // The address comes first in the truth, its header after it.
        let lines = ADDRESS[0] * 2.0 + ADDRESS[1] * 2.0;
        let space = if wide { height / 2 } else { height };
        let stretch = ((space as f32 - 44.0) / lines).clamp(0.9, 1.35);
        let mut at = y as f32 + 36.0;
        for (i, text) in data.address.iter().enumerate() {
            let last = i + 2 >= data.address.len();
            let (face, height) = if last {
                (self.bold, ADDRESS[1])
            } else {
                (self.plain, ADDRESS[0])
            };
            self.text(text_x, at as usize, Line { text, face, height });
            at += height * stretch;
        }
        self.text(text_x, y + 4, small);
        Ok(height)
    }

    fn bars(
        &mut self,
        n: usize,
        y: usize,
        bars: usize,
        rng: &mut Rng,
    ) -> Result<usize, RenderError> {
        let data = self.data;
        let Some(symbol) = data.linears.get(n) else {
            return Ok(0);
        };
        let above = rng.chance(0.3);
        let human = HUMAN as usize;
        self.linear(symbol, y + if above { human + 6 } else { 4 }, bars)?;
        let line = Line {
            text: &symbol.text,
            face: self.plain,
            height: HUMAN,
        };
        let x = self.middle(self.fonts.width(line));
        self.text(x, if above { y } else { y + bars + 8 }, line);
        Ok(bars + human + 20)
    }

    fn notes(&mut self, mut y: usize, rng: &mut Rng) {
        let first = rng.below(NOTES.len());
        for i in 0..NOTES.len() {
            if y + NOTE + MARGIN > self.height {
                return;
            }
            let text = NOTES[(first + i) % NOTES.len()];
            let line = Line {
                text,
                face: self.plain,
                height: 22.0,
            };
            self.text(MARGIN, y, line);
            y += NOTE;
        }
    }
}
