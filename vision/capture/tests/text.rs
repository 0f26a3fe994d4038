//! Print is read at any angle, in blocks, without any symbol to tell which way is up.
#![cfg(feature = "opencv")]

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write as _;
    use std::time::Duration;

    use opencv::core::{self, Mat, MatTraitConstManual as _, Point, Scalar, Size};
    use opencv::imgproc;
    use sortline_capture::{Clock, Frame, Grey, Options, Reader};
    use sortline_read::{Country, NoRead};

    /// A grey board with a white label on it, turned by `degrees`.
    fn label(lines: &[(&str, i32, i32)], degrees: f64) -> Frame {
        let size = Size::new(1000, 1000);
        let board = Scalar::all(120.0);
        let mut picture = Mat::new_size_with_default(size, core::CV_8UC1, board).unwrap();
        let paper = core::Rect::new(180, 250, 640, 480);
        imgproc::rectangle(
            &mut picture,
            paper,
            Scalar::all(230.0),
            imgproc::FILLED,
            8,
            0,
        )
        .unwrap();
        for (text, x, y) in lines {
            let (at, font) = (Point::new(*x, *y), imgproc::FONT_HERSHEY_SIMPLEX);
            let black = Scalar::all(20.0);
            imgproc::put_text(
                &mut picture,
                text,
                at,
                font,
                1.2,
                black,
                3,
                imgproc::LINE_AA,
                false,
            )
            .unwrap();
        }
        let middle = core::Point2f::new(500.0, 500.0);
        let matrix = imgproc::get_rotation_matrix_2d(middle, degrees, 1.0).unwrap();
        let mut turned = Mat::default();
        let (flags, border) = (imgproc::INTER_LINEAR, core::BORDER_CONSTANT);
        imgproc::warp_affine(&picture, &mut turned, &matrix, size, flags, border, board).unwrap();
        let pixels = turned.data_bytes().unwrap().to_vec();
        Frame::of(Grey::new(1000, 1000, pixels).unwrap(), "")
    }

    fn reader(budget: Option<Duration>) -> Reader {
        thread_local! {
            static NOW: Cell<u64> = const { Cell::new(0) };
        }
        // Every look at the clock takes one millisecond.
        let monotonic = || {
            NOW.set(NOW.get() + 1);
            Duration::from_millis(NOW.get())
        };
        let clock = Clock {
            monotonic,
            thread_cpu: || Duration::ZERO,
        };
        let options = Options {
            budget,
            languages: "eng".to_owned(),
            ..Options::default()
        };
        Reader::new(options, clock).unwrap()
    }

    const LINES: &[(&str, i32, i32)] = &[
        ("SHIP TO", 240, 330),
        ("Erika Muster", 240, 390),
        ("10115 BERLIN", 240, 450),
        ("GERMANY", 240, 510),
        ("FROM: 75001 PARIS FRANCE", 240, 690),
    ];

    #[test]
    fn an_address_at_any_angle() {
        let mut reader = reader(None);
        if reader.read(&label(LINES, 0.0)).text.is_empty() {
            let line = b"skipped: the text engine's language `eng` is not installed\n";
            return std::io::stdout().write_all(line).unwrap();
        }
        for degrees in [0.0, 17.0, 90.0, 180.0, 250.0] {
            let result = reader.read(&label(LINES, degrees));
            let found = result.destination.as_ref().or(result.candidates.first());
            let country = found.and_then(|to| to.country).map(Country::alpha2);
            let postcode = found.and_then(|to| to.postcode.clone());
            assert_eq!(
                (country, postcode.as_deref()),
                (Some("DE"), Some("10115")),
                "turned by {degrees}: {:?}",
                result
                    .text
                    .iter()
                    .map(|line| &line.line)
                    .collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn without_time_nothing_is_read() {
        let result = reader(Some(Duration::from_millis(10))).read(&label(LINES, 0.0));
        assert!(result.text.is_empty());
        assert!(matches!(
            result.no_read,
            Some(NoRead::NothingFound | NoRead::Deadline)
        ));
    }
}
