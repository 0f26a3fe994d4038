use std::cell::Cell;

use sortline_read::SymbolFormat;
use zxingcpp::{BarcodeFormat, create, write};

use super::*;
use crate::geometry;

const CLOCK: Clock = Clock {
    monotonic: || Duration::ZERO,
    thread_cpu: || Duration::ZERO,
};

/// A symbol on a grey ground of 700 × 500 pixels, turned and smoothed by the turn.
fn picture(format: BarcodeFormat, text: &str, options: &str, degrees: f64) -> Grey {
    // The writer's hexagons are larger than other modules.
    let scale = if format == BarcodeFormat::MaxiCode {
        2
    } else {
        3
    };
    let code = create(format).options(options).from_str(text).unwrap();
    let image = code
        .to_image_with(&write().scale(scale).add_quiet_zones(true))
        .unwrap();
    let (width, height) = (700_usize, 500_usize);
    let mut data = vec![150_u8; width * height];
    let (w, h) = (image.width() as usize, image.height() as usize);
    assert!(w < width && h < height, "{format:?}: {w} x {h}");
    let (left, top) = ((width - w) / 2, (height - h) / 2);
    for (row, line) in image.data().chunks(w).enumerate() {
        data[(top + row) * width + left..][..w].copy_from_slice(line);
    }
    let flat = Grey::new(width as u32, height as u32, data).unwrap();
    geometry::turned(&flat, degrees, 1.0).unwrap().grey
}

fn read(ladder: &mut Ladder, grey: &Grey) -> Vec<(SymbolFormat, String)> {
    let climbed = ladder.climb(grey, CLOCK, &|| Duration::MAX).unwrap();
    climbed
        .symbols
        .into_iter()
        .map(|symbol| (symbol.format, symbol.text))
        .collect()
}

#[test]
fn symbols_are_read_at_any_angle() {
    let mut ladder = Ladder::new(Effort::default());
    for degrees in [0.0, 17.0, 33.0, 45.0, 71.0, 90.0, 158.0, 201.0] {
        for (format, ours, text) in [
            (
                BarcodeFormat::Code128,
                SymbolFormat::Code128,
                "RR473124829CN",
            ),
            (BarcodeFormat::ITF, SymbolFormat::Itf, "00012345600012"),
            (
                BarcodeFormat::QRCode,
                SymbolFormat::QRCode,
                "parcel 7 to 10115",
            ),
            (
                BarcodeFormat::DataMatrix,
                SymbolFormat::DataMatrix,
                "parcel 7 to 10115",
            ),
            (
                BarcodeFormat::PDF417,
                SymbolFormat::PDF417,
                "parcel 7 to 10115 Berlin",
            ),
            (
                BarcodeFormat::Aztec,
                SymbolFormat::Aztec,
                "parcel 7 to 10115",
            ),
        ] {
            let grey = picture(format, text, "", degrees);
            let found = read(&mut ladder, &grey);
            assert_eq!(found, [(ours, text.to_owned())], "{format:?} at {degrees}°");
        }
    }
    let symbols: u64 = ladder.tally.all().iter().map(|rung| rung.symbols).sum();
    assert_eq!(symbols, 48, "every symbol is counted at one rung");
}

/// A Code 128 on a label that ends soon after it, on a ground of this brightness.
fn label(text: &str, [scale, quiet, high]: [u32; 3], [ground, paper, ink]: [u8; 3]) -> Grey {
    let code = create(BarcodeFormat::Code128).from_str(text).unwrap();
    let image = code
        .to_image_with(&write().scale(scale as i32).add_quiet_zones(false))
        .unwrap();
    let row = &image.data()[..image.width() as usize];
    let bars = row.len();
    let (quiet, high) = (quiet as usize, high as usize);
    let (width, height) = (bars + 6 * quiet, high + 6 * quiet);
    let mut data = vec![ground; width * height];
    for y in 2 * quiet..height - 2 * quiet {
        let line = &mut data[y * width..][..width];
        line[2 * quiet..width - 2 * quiet].fill(paper);
        if (3 * quiet..3 * quiet + high).contains(&y) {
            for (to, from) in line[3 * quiet..].iter_mut().zip(row) {
                *to = if *from < 128 { ink } else { paper };
            }
        }
    }
    Grey::new(width as u32, height as u32, data).unwrap()
}

#[test]
fn a_grey_label_on_a_white_ground_has_no_edge() {
    let mut ladder = Ladder::new(Effort::default());
    for degrees in [0.0, 17.0, 33.0, 45.0, 71.0] {
        let flat = label("15182881", [2, 14, 50], [255, 120, 40]);
        let grey = geometry::turned(&flat, degrees, 1.0).unwrap().grey;
        let expected = (SymbolFormat::Code128, "15182881".to_owned());
        assert_eq!(read(&mut ladder, &grey), [expected], "at {degrees}°");
    }
}

#[test]
fn bars_of_many_pixels_are_read_in_a_large_picture() {
    let mut ladder = Ladder::new(Effort::default());
    for degrees in [17.0, 33.0, 45.0] {
        let flat = label("123456", [14, 40, 560], [255, 255, 0]);
        let grey = geometry::turned(&flat, degrees, 1.0).unwrap().grey;
        assert!(grey.data().len() > SMALL, "{grey:?}");
        let expected = (SymbolFormat::Code128, "123456".to_owned());
        assert_eq!(read(&mut ladder, &grey), [expected], "at {degrees}°");
    }
}

#[test]
fn symbols_side_by_side_are_all_read() {
    let texts = [
        "parcel 7 to 10115",
        "parcel 8 to 20095",
        "parcel 9 to 80331",
    ];
    let (width, height, gap) = (500_usize, 300_usize, 12_usize);
    let mut data = vec![235_u8; width * height];
    let mut left = 60;
    for text in texts {
        let code = create(BarcodeFormat::DataMatrix).from_str(text).unwrap();
        let image = code.to_image_with(&write().scale(4)).unwrap();
        let side = image.width() as usize;
        for (row, line) in image.data().chunks(side).enumerate() {
            data[(100 + row) * width + left..][..side].copy_from_slice(line);
        }
        left += side + gap;
    }
    let flat = Grey::new(width as u32, height as u32, data).unwrap();
    let mut ladder = Ladder::new(Effort::default());
    for degrees in [0.0, 21.0, 140.0] {
        let grey = geometry::turned(&flat, degrees, 1.0).unwrap().grey;
        let mut found: Vec<String> = read(&mut ladder, &grey).into_iter().map(|s| s.1).collect();
        found.sort();
        assert_eq!(found, texts, "{degrees}°");
    }
}

#[test]
fn what_is_left_beside_a_symbol_is_a_part() {
    let patch = Region {
        middle: [100.0, 50.0],
        axis: [1.0, 0.0],
        length: 200.0,
        height: 100.0,
        rank: 3.0,
        fill: 0.8,
    };
    let at =
        |left: i32, right: i32| Region::of(&[[left, 0], [right, 0], [right, 100], [left, 100]]);
    let ends = |parts: &[Region]| -> Vec<(i32, i32)> {
        let end = |part: &Region| {
            let half = part.length / 2.0;
            (
                (part.middle[0] - half) as i32,
                (part.middle[0] + half) as i32,
            )
        };
        parts.iter().map(end).collect()
    };
    assert_eq!(ends(&patch.beside(&[at(0, 90)])), [(90, 200)]);
    assert_eq!(ends(&patch.beside(&[at(60, 120)])), [(120, 200), (0, 60)]);
    assert_eq!(ends(&patch.beside(&[at(0, 180)])), []);
    assert_eq!(ends(&patch.beside(&[])), []);
}

#[test]
fn hexagons_are_read_at_any_angle() {
    let mut ladder = Ladder::new(Effort::default());
    for degrees in [0.0, 17.0, 45.0, 158.0] {
        let grey = picture(BarcodeFormat::MaxiCode, "parcel 7 to 10115", "", degrees);
        let found = read(&mut ladder, &grey);
        let expected = (SymbolFormat::MaxiCode, "parcel 7 to 10115".to_owned());
        assert_eq!(found, [expected], "{degrees}°");
    }
}

#[test]
fn corners_follow_the_symbol() {
    let mut ladder = Ladder::new(Effort::default());
    for degrees in [0.0, 40.0, 200.0] {
        let grey = picture(BarcodeFormat::Code128, "RR473124829CN", "", degrees);
        let climbed = ladder.climb(&grey, CLOCK, &|| Duration::MAX).unwrap();
        let corners = climbed.symbols[0].corners;
        let [from, to, ..] = corners;
        let direction = f64::from(to[1] - from[1])
            .atan2(f64::from(to[0] - from[0]))
            .to_degrees();
        let off = (direction + degrees + 540.0).rem_euclid(360.0) - 180.0;
        assert!(
            off.abs() < 4.0,
            "{degrees}: {direction} {:?}",
            climbed.symbols
        );
        let middle = [0, 1].map(|i| corners.iter().map(|corner| corner[i]).sum::<i32>() / 4);
        let [width, height] = [grey.width() as i32, grey.height() as i32];
        assert!((middle[0] - width / 2).abs() < 40 && (middle[1] - height / 2).abs() < 40);
    }
}

#[test]
fn any_picture_ends() {
    let mut ladder = Ladder::new(Effort::default());
    let mut seed = 5_u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    for (width, height) in [
        (1, 1),
        (7, 9000),
        (9000, 7),
        (8, 518),
        (100, 1),
        (640, 480),
        (33, 31),
    ] {
        let data = (0..width * height).map(|_| noise()).collect();
        let grey = Grey::new(width, height, data).unwrap();
        assert_eq!(read(&mut ladder, &grey), [], "{width} x {height} of noise");
        let stripes = (0..width * height)
            .map(|at| if at % 9 < 4 { 30 } else { 220 })
            .collect();
        let grey = Grey::new(width, height, stripes).unwrap();
        assert_eq!(
            read(&mut ladder, &grey),
            [],
            "{width} x {height} of stripes"
        );
    }
}

#[test]
fn an_empty_belt_costs_one_look() {
    let mut ladder = Ladder::new(Effort::default());
    let data = (0..1_300_000_u32).map(|at| 40 + (at % 3) as u8).collect();
    let grey = Grey::new(1_300, 1_000, data).unwrap();
    assert_eq!(read(&mut ladder, &grey), []);
    for rung in ladder.tally.all() {
        assert_eq!(
            rung.runs,
            u64::from(rung.rung == Rung::Locate),
            "{:?}",
            rung.rung
        );
    }
}

#[test]
fn without_time_nothing_is_begun() {
    let mut ladder = Ladder::new(Effort::default());
    let grey = picture(BarcodeFormat::QRCode, "parcel 7 to 10115", "", 20.0);
    let climbed = ladder.climb(&grey, CLOCK, &|| Duration::ZERO).unwrap();
    assert!(climbed.late && climbed.symbols.is_empty());
    // Time for the first steps only: what was read by then is kept.
    let steps = Cell::new(0);
    let left = || {
        steps.set(steps.get() + 1);
        if steps.get() <= 2 {
            Duration::from_secs(1)
        } else {
            Duration::ZERO
        }
    };
    let climbed = ladder.climb(&grey, CLOCK, &left).unwrap();
    assert!(climbed.late || !climbed.symbols.is_empty());
    let skipped: u64 = ladder.tally.all().iter().map(|rung| rung.skipped).sum();
    assert!(skipped > 0);
}
