//! Marks printed on a wrapping: words, signs, and patterns that look like symbols.

use super::fonts::{Face, Fonts, Line};
use super::geometry::Homography;
use super::look::{Print, Warning};
use super::raster::{Area, Bitmap, Plane};
use super::rng::Rng;
use super::warp::{self, Window};

/// Dots per millimetre at which marks are drawn.
const PRINT_DOTS_PER_MM: f32 = 4.0;

/// Prints a mark onto a face. `map` takes millimetres from the middle of the face to pixels.
pub(super) fn mark(
    plane: &mut Plane,
    map: &Homography,
    window: &Window,
    warning: &Warning,
    fonts: &Fonts,
) {
    let height = (warning.height_mm * PRINT_DOTS_PER_MM) as usize;
    let bitmap = match &warning.print {
        Print::Words(text) => words(text, height, fonts),
        Print::Stripes(count, period) => stripes(usize::from(*count), *period, height),
        Print::Arrows => arrows(height),
        Print::Patch(width) => solid((width * PRINT_DOTS_PER_MM) as usize, height),
        Print::Bars(seed, count, narrow) => bars(*seed, usize::from(*count), *narrow, height),
        Print::Modules(seed, side) => modules(*seed, usize::from(*side), height),
        Print::Hatch(period) => hatch((period * PRINT_DOTS_PER_MM) as usize, height),
        Print::Table(rows, columns) => table(usize::from(*rows), usize::from(*columns), height),
    };
    let middle = [-(bitmap.width as f32) / 2.0, -(bitmap.height as f32) / 2.0];
    let scale = 1.0 / PRINT_DOTS_PER_MM;
    let dots = Homography::scaling(scale, [middle[0] * scale, middle[1] * scale]);
    let placed = Homography::placement(warning.middle_mm, warning.rotation_deg).after(&dots);
    warp::print(plane, &map.after(&placed), window, &bitmap, warning.grey);
}

fn words(text: &str, height: usize, fonts: &Fonts) -> Bitmap {
    let line = Line {
        text,
        face: Face::NarrowBold,
        height: height as f32,
    };
    let mut bitmap = Bitmap::blank(fonts.width(line).ceil() as usize + 2, height + 2);
    fonts.print(&mut bitmap, 1, 1, line);
    bitmap
}

fn stripes(count: usize, period_mm: f32, height: usize) -> Bitmap {
    let period = period_mm * PRINT_DOTS_PER_MM;
    let mut bitmap = Bitmap::blank((count as f32 * period) as usize + 1, height);
    for i in 0..count {
        let x = (i as f32 * period) as usize;
        bitmap.fill(Area {
            x,
            y: 0,
            width: (period / 2.0) as usize,
            height,
        });
    }
    bitmap
}

fn solid(width: usize, height: usize) -> Bitmap {
    let mut bitmap = Bitmap::blank(width, height);
    bitmap.fill(Area {
        x: 0,
        y: 0,
        width,
        height,
    });
    bitmap
}

/// Two arrows over a bar: "this way up" (ISO 780, symbol 0623).
fn arrows(height: usize) -> Bitmap {
    let unit = (height / 12).max(1);
    let mut bitmap = Bitmap::blank(unit * 12, unit * 12);
    for left in [unit, unit * 7] {
        for row in 0..unit * 4 {
            let half = row * 2 / 4 + 1;
            let x = (left + unit * 2).saturating_sub(half);
            bitmap.fill(Area {
                x,
                y: row,
                width: half * 2,
                height: 1,
            });
        }
        let (x, y) = (left + unit + unit / 2, unit * 4);
        bitmap.fill(Area {
            x,
            y,
            width: unit,
            height: unit * 5,
        });
    }
    bitmap.fill(Area {
        x: 0,
        y: unit * 10,
        width: unit * 12,
        height: unit,
    });
    bitmap
}

/// Bars and gaps of 1 to 4 times the narrowest width, at random.
fn bars(seed: u64, count: usize, narrow_mm: f32, height: usize) -> Bitmap {
    let mut rng = Rng::new(seed);
    let narrow = (narrow_mm * PRINT_DOTS_PER_MM).max(1.0) as usize;
    let widths: Vec<usize> = (0..2 * count).map(|_| narrow * rng.between(1, 4)).collect();
    let mut bitmap = Bitmap::blank(widths.iter().sum::<usize>() + 1, height);
    let mut x = 0;
    for (i, width) in widths.into_iter().enumerate() {
        if i % 2 == 0 {
            bitmap.fill(Area {
                x,
                y: 0,
                width,
                height,
            });
        }
        x += width;
    }
    bitmap
}

/// A square of `side` by `side` modules, each dark or light at random.
fn modules(seed: u64, side: usize, height: usize) -> Bitmap {
    let mut rng = Rng::new(seed);
    let dots = (height / side.max(1)).max(1);
    let mut bitmap = Bitmap::blank(dots * side, dots * side);
    for row in 0..side {
        for column in 0..side {
            if rng.chance(0.5) {
                bitmap.fill(Area {
                    x: column * dots,
                    y: row * dots,
                    width: dots,
                    height: dots,
                });
            }
        }
    }
    bitmap
}

/// Diagonal stripes, five times as long as high.
fn hatch(period: usize, height: usize) -> Bitmap {
    let period = period.max(2);
    let mut bitmap = Bitmap::blank(height * 5, height);
    for y in 0..height {
        for x in 0..height * 5 {
            if (x + y) % period < period / 2 {
                bitmap.dots[y * height * 5 + x] = 255;
            }
        }
    }
    bitmap
}

/// A table of thin lines, twice as wide as high.
fn table(rows: usize, columns: usize, height: usize) -> Bitmap {
    let width = height * 2;
    let mut bitmap = Bitmap::blank(width, height);
    for row in 0..=rows {
        bitmap.fill(Area {
            x: 0,
            y: (row * height / rows.max(1)).min(height.saturating_sub(2)),
            width,
            height: 2,
        });
    }
    for column in 0..=columns {
        bitmap.fill(Area {
            x: (column * width / columns.max(1)).min(width.saturating_sub(2)),
            y: 0,
            width: 2,
            height,
        });
    }
    bitmap
}
