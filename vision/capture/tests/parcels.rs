//! Faces of drawn boxes are found where they are, as large as they are, and never two for one.

#[cfg(test)]
#[cfg(feature = "opencv")]
mod tests {
    use sortline_capture::{Grey, parcels};

    const WIDTH: u16 = 1280;
    const HEIGHT: u16 = 1024;
    const PX_PER_MM: f32 = 4.0;

    /// A box: middle, size in mm, turn in degrees, grey.
    type Drawn = ([f32; 2], [f32; 2], f32, u8);

    fn grey(width: u32, height: u32, data: Vec<u8>) -> Grey {
        Grey::new(width, height, data).unwrap()
    }

    /// Boxes on a dark belt, with grain and a label of paper on each.
    fn frame(boxes: &[Drawn]) -> Grey {
        let mut data = Vec::new();
        let mut state = 7_u32;
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let grain = u8::try_from(state >> 29).unwrap();
                let mut value = 36;
                for (middle, size, turn, face) in boxes {
                    let (sin, cos) = turn.to_radians().sin_cos();
                    let (dx, dy) = (f32::from(x) - middle[0], f32::from(y) - middle[1]);
                    let (u, v) = (dx * cos + dy * sin, -dx * sin + dy * cos);
                    let inside = |k: f32| {
                        let half = size.map(|mm| mm * PX_PER_MM / 2.0 * k);
                        u.abs() < half[0] && v.abs() < half[1]
                    };
                    if inside(0.5) {
                        value = 220;
                    } else if inside(1.0) {
                        value = *face;
                    }
                }
                data.push(value + grain);
            }
        }
        grey(WIDTH.into(), HEIGHT.into(), data)
    }

    #[test]
    fn one_box_has_its_size_and_turn() {
        for (size, turn) in [
            ([150.0, 110.0], 0.0),
            ([180.0, 100.0], 24.0),
            ([120.0, 90.0], -61.0),
        ] {
            let view = frame(&[([640.0, 512.0], size, turn, 120)]);
            let found = parcels(&view, Some(PX_PER_MM)).unwrap();
            let [parcel] = &found[..] else {
                panic!("{found:?}");
            };
            assert!(parcel.whole && !parcel.touching, "{parcel:?}");
            let (length, width) = (parcel.length_mm.unwrap(), parcel.width_mm.unwrap());
            let off = (length - size[0]).abs().max((width - size[1]).abs());
            assert!(off < 4.0, "{parcel:?}");
            assert!((parcel.turn_deg - turn).abs() < 2.0, "{parcel:?}");
            assert!(parcel.offset_px.abs() < 8, "{parcel:?}");
        }
    }

    #[test]
    fn two_boxes_are_two_even_when_they_touch() {
        let apart = frame(&[
            ([330.0, 500.0], [110.0, 120.0], 0.0, 120),
            ([930.0, 500.0], [110.0, 120.0], 8.0, 150),
        ]);
        let found = parcels(&apart, Some(PX_PER_MM)).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|p| !p.touching && p.whole));
        assert!(found[0].offset_mm.unwrap() < -60.0 && found[1].offset_mm.unwrap() > 60.0);
        // Side by side, of unequal width, so that their union is no rectangle.
        let touching = frame(&[
            ([400.0, 480.0], [110.0, 150.0], 0.0, 120),
            ([830.0, 520.0], [106.0, 90.0], 5.0, 150),
        ]);
        let found = parcels(&touching, Some(PX_PER_MM)).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|p| p.touching), "{found:?}");
        assert!(
            (found[0].length_mm.unwrap() - 150.0).abs() < 6.0,
            "{found:?}"
        );
    }

    #[test]
    fn cut_off_and_empty_views_give_no_size() {
        let cut = frame(&[([60.0, 500.0], [110.0, 120.0], 0.0, 120)]);
        let found = parcels(&cut, Some(PX_PER_MM)).unwrap();
        let half = matches!(&found[..], [p] if !p.whole && p.length_mm.is_none());
        assert!(half, "{found:?}");
        assert_eq!(parcels(&frame(&[]), Some(PX_PER_MM)).unwrap(), []);
        let bright = grey(64, 48, vec![200; 64 * 48]);
        assert_eq!(parcels(&bright, None).unwrap(), []);
        for (width, height, pixels) in [(1, 1, 1), (1, 4_000, 4_000), (5, 3, 15)] {
            let odd = grey(width, height, vec![30; pixels]);
            assert!(parcels(&odd, None).unwrap().len() < 2);
        }
    }
}
