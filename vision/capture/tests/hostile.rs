//! Whatever bytes come as a picture: a picture or an error, in bounded time and memory, and a reading
//! of whatever pixels: a result with its reason.

#[cfg(test)]
#[cfg(feature = "opencv")]
mod tests {
    use std::time::Duration;

    use sortline_capture::{CaptureError, Clock, Frame, Grey, Options, PIXELS_MAX, Reader, decode};
    use sortline_read::NoRead;

    /// The budget of a test run; a night's run sets it higher.
    const MUTATIONS: usize = 300;

    fn reader() -> Reader {
        let clock = Clock {
            monotonic: || Duration::ZERO,
            thread_cpu: || Duration::ZERO,
        };
        let options = Options {
            text: false,
            ..Options::default()
        };
        Reader::new(options, clock).unwrap()
    }

    struct Random(u64);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(self.0 >> 33).unwrap() % n.max(1)
        }
    }

    /// A grey PNG with an uncompressed body, so that mutations reach the pixels, too.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut raw = Vec::new();
        for y in 0..height {
            raw.push(0);
            raw.extend((0..width).map(|x| {
                if (x * 7 + y / 9).is_multiple_of(3) {
                    10
                } else {
                    240
                }
            }));
        }
        let mut zlib = vec![0x78, 0x01];
        for (i, block) in raw.chunks(60_000).enumerate() {
            let last = u8::from((i + 1) * 60_000 >= raw.len());
            let length = u16::try_from(block.len()).unwrap();
            zlib.push(last);
            zlib.extend(length.to_le_bytes());
            zlib.extend((!length).to_le_bytes());
            zlib.extend(block);
        }
        let (mut a, mut b) = (1_u32, 0_u32);
        for byte in &raw {
            a = (a + u32::from(*byte)) % 65_521;
            b = (b + a) % 65_521;
        }
        zlib.extend((b << 16 | a).to_be_bytes());
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
        head.extend([8, 0, 0, 0, 0]);
        for (kind, body) in [(b"IHDR", &head), (b"IDAT", &zlib), (b"IEND", &Vec::new())] {
            file.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
            let chunk = [&kind[..], body].concat();
            file.extend(&chunk);
            file.extend(crc(&chunk).to_be_bytes());
        }
        file
    }

    /// A bitmap of 24 bits a pixel: nothing in it is checked, so that mutations are believed.
    fn bmp(width: u32, height: u32) -> Vec<u8> {
        let stride = (3 * width).div_ceil(4) * 4;
        let mut file = b"BM".to_vec();
        for word in [54 + stride * height, 0, 54, 40, width, height] {
            file.extend(word.to_le_bytes());
        }
        file.extend([1, 0, 24, 0]);
        for word in [0, stride * height, 2_835, 2_835, 0, 0_u32] {
            file.extend(word.to_le_bytes());
        }
        for y in 0..height {
            file.extend((0..stride).map(|x| {
                if (x * 7 + y).is_multiple_of(3) {
                    10
                } else {
                    240
                }
            }));
        }
        file
    }

    fn crc(bytes: &[u8]) -> u32 {
        let mut crc = u32::MAX;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 {
                    0xEDB8_8320 ^ (crc >> 1)
                } else {
                    crc >> 1
                };
            }
        }
        !crc
    }

    #[test]
    fn mutated_files_are_a_picture_or_an_error() {
        let whole = [png(120, 90), bmp(121, 90)];
        for (file, width) in whole.iter().zip([120, 121]) {
            assert_eq!(decode(file).unwrap().width(), width);
        }
        let mut reader = reader();
        let mut random = Random(1);
        let mut pictures = 0;
        for turn in 0..MUTATIONS {
            let mut bytes = whole[turn % 2].clone();
            for _ in 0..=random.below(6) {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes[at] = u8::try_from(random.below(256)).unwrap(),
                    2 => bytes[at] ^= 1 << random.below(8),
                    _ => bytes.insert(at, u8::try_from(random.below(256)).unwrap()),
                }
            }
            match decode(&bytes) {
                Ok(grey) => {
                    pictures += 1;
                    assert!(u64::from(grey.width()) * u64::from(grey.height()) <= PIXELS_MAX);
                    let result = reader.read(&Frame::of(grey, "mutated"));
                    assert!(result.no_read.is_some(), "{result:?}");
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        assert!(
            pictures > 0,
            "no mutation left a picture: the pixels were never reached"
        );
    }

    #[test]
    fn giant_dimensions_are_refused_by_the_header() {
        for (width, height) in [
            (60_000, 60_000),
            (u32::MAX, 1),
            (1, u32::MAX),
            (u32::MAX, u32::MAX),
        ] {
            let mut file = png(1, 1);
            file[16..20].copy_from_slice(&u32::to_be_bytes(width));
            file[20..24].copy_from_slice(&u32::to_be_bytes(height));
            let chunk = crc(&file[12..29]).to_be_bytes();
            file[29..33].copy_from_slice(&chunk);
            let error = decode(&file).expect_err("too large");
            assert!(matches!(error, CaptureError::TooLarge { .. }), "{error}");
        }
    }

    #[test]
    fn wrong_types_and_fragments_are_errors_with_a_reason() {
        let whole = png(40, 30);
        let cases: [&[u8]; 9] = [
            b"",
            b"\0",
            b"GIF89a\x01\0\x01\0\0\0\0;",
            b"%PDF-1.7 no picture",
            b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
            b"P5 100000 100000 255 ",
            b"\xFF\xD8\xFF\xE0",
            &whole[..30],
            b"II*\0\xFF\xFF\xFF\xFF",
        ];
        for bytes in cases {
            let error = decode(bytes).expect_err("no picture");
            assert!(!error.to_string().is_empty(), "{bytes:?}");
        }
    }

    #[test]
    fn any_pixels_are_a_no_read_with_its_reason() {
        let mut reader = reader();
        let mut random = Random(9);
        for (width, height) in [
            (1, 1),
            (1, 500),
            (500, 1),
            (8, 518),
            (100, 1),
            (2, 2),
            (300, 200),
        ] {
            let count = usize::try_from(width * height).unwrap();
            let data = (0..count).map(|_| u8::try_from(random.below(256)).unwrap());
            let grey = Grey::new(width, height, data.collect()).unwrap();
            let result = reader.read(&Frame::of(grey, "noise"));
            assert!(result.no_read.is_some(), "{width}×{height}: {result:?}");
        }
        let black = Grey::new(300, 200, vec![0; 60_000]).unwrap();
        let result = reader.read(&Frame::of(black, "black"));
        assert_eq!(result.no_read, Some(NoRead::BadImage));
    }
}
