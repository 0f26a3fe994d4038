//! Dimensions of an encoded picture from its first bytes, so that a giant one is refused before
//! anything is allocated for it.
//!
//! Sources: PNG (ISO/IEC 15948) section 11.2.2; JPEG (ISO/IEC 10918-1) B.2.2; WebP container
//! specification; TIFF 6.0 section 2; BMP `BITMAPINFOHEADER`.

/// Kind and size of an encoded picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the first bytes say it is.
    pub kind: Kind,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Encodings of still pictures that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP, lossy, lossless or extended.
    WebP,
    /// TIFF, either byte order.
    Tiff,
    /// Windows bitmap.
    Bmp,
}

/// Reads kind and dimensions; `None` when it is none of the known kinds or is cut off before them.
pub fn header(bytes: &[u8]) -> Option<Header> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => size(Kind::Png, be32(bytes, 16)?, be32(bytes, 20)?),
        [0xFF, 0xD8, 0xFF, ..] => jpeg(bytes),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => webp(bytes),
        [b'I', b'I', 42, 0, ..] => tiff(bytes, true),
        [b'M', b'M', 0, 42, ..] => tiff(bytes, false),
        [b'B', b'M', ..] => bmp(bytes),
        _ => None,
    }
}

fn size(kind: Kind, width: u32, height: u32) -> Option<Header> {
    (width > 0 && height > 0).then_some(Header {
        kind,
        width,
        height,
    })
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    take(bytes, at).map(u32::from_be_bytes)
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    take(bytes, at).map(u16::from_be_bytes)
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    take(bytes, at).map(u16::from_le_bytes)
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    take(bytes, at).map(u32::from_le_bytes)
}

/// Walks the segments up to the first start of frame.
fn jpeg(bytes: &[u8]) -> Option<Header> {
    let mut at = 2;
    // Each step moves on by at least one byte, so the length bounds the loop.
    while let Some(&mark) = bytes.get(at) {
        let kind = *bytes.get(at + 1)?;
        match (mark, kind) {
            // SOF0 to SOF15 without DHT, JPG and DAC.
            (0xFF, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF) => {
                let (height, width) = (be16(bytes, at + 5)?, be16(bytes, at + 7)?);
                return size(Kind::Jpeg, width.into(), height.into());
            }
            // Markers without a length.
            (0xFF, 0x01 | 0xD0..=0xD8) => at += 2,
            (0xFF, 0xFF) => at += 1,
            (0xFF, 0xD9 | 0xDA) => return None,
            (0xFF, _) => at += 2 + usize::from(be16(bytes, at + 2)?).max(2),
            _ => return None,
        }
    }
    None
}

fn webp(bytes: &[u8]) -> Option<Header> {
    let (width, height) = match bytes.get(12..16)? {
        b"VP8 " => {
            let low14 = |at| le16(bytes, at).map(|side| u32::from(side & 0x3FFF));
            (low14(26)?, low14(28)?)
        }
        b"VP8L" => {
            let bits = le32(bytes, 21)?;
            ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        }
        b"VP8X" => {
            let low24 = |at| le32(bytes, at).map(|side| (side & 0x00FF_FFFF) + 1);
            let height = u32::from(le16(bytes, 27)?) | u32::from(*bytes.get(29)?) << 16;
            (low24(24)?, height + 1)
        }
        _ => return None,
    };
    size(Kind::WebP, width, height)
}

fn tiff(bytes: &[u8], little: bool) -> Option<Header> {
    let u16_at = |at| {
        if little {
            le16(bytes, at)
        } else {
            be16(bytes, at)
        }
    };
    let u32_at = |at| {
        if little {
            le32(bytes, at)
        } else {
            be32(bytes, at)
        }
    };
    let directory = usize::try_from(u32_at(4)?).ok()?;
    let (mut width, mut height) = (None, None);
    for entry in 0..usize::from(u16_at(directory)?) {
        let at = directory.checked_add(2 + 12 * entry)?;
        let value = match u16_at(at + 2)? {
            3 => u32::from(u16_at(at + 8)?),
            _ => u32_at(at + 8)?,
        };
        match u16_at(at)? {
            // Decoders take the first of several.
            256 => width = width.or(Some(value)),
            257 => height = height.or(Some(value)),
            _ => {}
        }
    }
    size(Kind::Tiff, width?, height?)
}

fn bmp(bytes: &[u8]) -> Option<Header> {
    // The header of OS/2 has sides of 16 bits.
    if le32(bytes, 14)? == 12 {
        let side = |at| le16(bytes, at).map(u32::from);
        return size(Kind::Bmp, side(18)?, side(20)?);
    }
    let signed = |at| take(bytes, at).map(i32::from_le_bytes);
    // A negative height means rows from the top.
    size(
        Kind::Bmp,
        signed(18)?.unsigned_abs(),
        signed(22)?.unsigned_abs(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_of_every_kind() {
        let found = |bytes: &[u8]| header(bytes).map(|h| (h.kind, h.width, h.height));
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x00\0\0\x01\x00";
        assert_eq!(found(png), Some((Kind::Png, 512, 256)));
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xFF\xC2\0\x0b\x08\x01\x00\x02\x00\x01";
        assert_eq!(found(jpeg), Some((Kind::Jpeg, 512, 256)));
        let lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\xFF\xC1\x3F\0\0";
        assert_eq!(found(lossless), Some((Kind::WebP, 512, 256)));
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xFF\x01\0\xFF\0\0";
        assert_eq!(found(extended), Some((Kind::WebP, 512, 256)));
        let tiff = b"II*\0\x08\0\0\0\x02\0\0\x01\x03\0\x01\0\0\0\0\x02\0\0\
            \x01\x01\x04\0\x01\0\0\0\0\x01\0\0";
        assert_eq!(found(tiff), Some((Kind::Tiff, 512, 256)));
        let bmp = b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0\0\x02\0\0\0\xFF\xFF\xFF";
        assert_eq!(found(bmp), Some((Kind::Bmp, 512, 256)));
        let os2 = b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x0c\0\0\0\0\x02\0\x01";
        assert_eq!(found(os2), Some((Kind::Bmp, 512, 256)));
        let twice = b"II*\0\x08\0\0\0\x03\0\0\x01\x03\0\x01\0\0\0\0\x02\0\0\
            \x01\x01\x04\0\x01\0\0\0\0\x01\0\0\
            \0\x01\x03\0\x01\0\0\0\x01\0\0\0";
        assert_eq!(
            found(twice),
            Some((Kind::Tiff, 512, 256)),
            "the first counts"
        );
    }

    #[test]
    fn cut_off_or_unknown_is_none() {
        for bytes in [
            &b""[..],
            b"hello",
            b"\x89PNG\r\n",
            b"\xFF\xD8\xFF\xE0\xFF\xFF",
            b"BM",
            b"II*\0",
        ] {
            assert_eq!(header(bytes), None, "{bytes:?}");
        }
    }
}
