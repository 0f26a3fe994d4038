//! Parts of a `multipart/x-mixed-replace` stream, as cameras send Motion JPEG: bytes in, parts out.
//!
//! Source: RFC 2046, section 5.1. A part with `Content-Length` ends there, one without at the next
//! boundary. The headers of each part are kept, since they say which trigger took the frame.

/// Most bytes of the headers of one part.
const HEAD_MAX: usize = 16 << 10;

/// Most bytes of one part.
pub const PART_MAX: usize = 64 << 20;

/// One part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Header names in small letters, with their values.
    pub headers: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
}

impl Part {
    /// Value of a header whose name is given in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// Why a stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// The headers of a part exceed 16 kB.
    #[error("headers of a part exceed {HEAD_MAX} bytes")]
    HeadTooLarge,
    /// A part exceeds [`PART_MAX`].
    #[error("a part exceeds {PART_MAX} bytes")]
    BodyTooLarge,
}

/// Splits a stream into parts. Keeps at most one part and its headers.
#[derive(Debug)]
pub struct Parser {
    delimiter: Vec<u8>,
    buffer: Vec<u8>,
    /// Headers of the part whose body is awaited.
    head: Option<Vec<(String, String)>>,
    /// Bytes of the buffer in which the delimiter is known not to begin.
    searched: usize,
}

impl Parser {
    /// A parser for the boundary of the stream's content type.
    pub fn new(boundary: &str) -> Self {
        // Some cameras write the two hyphens into the parameter itself.
        let delimiter = format!("--{}", boundary.trim_start_matches("--")).into_bytes();
        Self {
            delimiter,
            buffer: Vec::new(),
            head: None,
            searched: 0,
        }
    }

    /// Takes received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole part, `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`PartError`]; the stream cannot be followed any further.
    pub fn next_part(&mut self) -> Result<Option<Part>, PartError> {
        if self.head.is_none() && !self.read_head()? {
            return Ok(None);
        }
        let length = self
            .head
            .as_deref()
            .and_then(|head| find(head, "content-length"));
        let end = match length.and_then(|text| text.parse::<usize>().ok()) {
            Some(length) if length > PART_MAX => return Err(PartError::BodyTooLarge),
            Some(length) => (length <= self.buffer.len()).then_some(length),
            None => self.delimiter_at().map(|at| self.before_line_end(at)),
        };
        let Some(end) = end else {
            return if self.buffer.len() > PART_MAX {
                Err(PartError::BodyTooLarge)
            } else {
                Ok(None)
            };
        };
        let rest = self.buffer.split_off(end);
        let body = core::mem::replace(&mut self.buffer, rest);
        self.searched = 0;
        Ok(self.head.take().map(|headers| Part { headers, body }))
    }

    /// Skips to the delimiter and takes the headers after it; false when they are not complete.
    fn read_head(&mut self) -> Result<bool, PartError> {
        let Some(at) = self.delimiter_at() else {
            // What cannot hold the beginning of a delimiter is of no use.
            let keep = self.buffer.len().min(self.delimiter.len());
            self.buffer.drain(..self.buffer.len() - keep);
            self.searched = 0;
            return Ok(false);
        };
        self.buffer.drain(..at);
        self.searched = 0;
        let from = self.delimiter.len();
        let rest = self.buffer.get(from..).unwrap_or(&[]);
        // A part without headers has an empty line at once.
        let Some(end) = head_end(rest) else {
            let large = rest.len() > HEAD_MAX;
            return if large {
                Err(PartError::HeadTooLarge)
            } else {
                Ok(false)
            };
        };
        let head = rest.get(..end).unwrap_or(&[]);
        self.head = Some(headers(&String::from_utf8_lossy(head)));
        self.buffer.drain(..from + end);
        Ok(true)
    }

    /// Where the delimiter begins; looks at no byte twice.
    fn delimiter_at(&mut self) -> Option<usize> {
        let from = self.searched.min(self.buffer.len());
        let found = position(self.buffer.get(from..).unwrap_or(&[]), &self.delimiter);
        if found.is_none() {
            self.searched = self.buffer.len().saturating_sub(self.delimiter.len());
        }
        found.map(|at| from + at)
    }

    /// The end of the body whose delimiter begins at `at`: the line break belongs to the delimiter.
    fn before_line_end(&self, at: usize) -> usize {
        let before = self.buffer.get(..at).unwrap_or(&[]);
        let stripped = before
            .strip_suffix(b"\r\n")
            .or_else(|| before.strip_suffix(b"\n"));
        stripped.unwrap_or(before).len()
    }
}

/// Index after the empty line that ends a head.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    let crlf = position(bytes, b"\r\n\r\n").map(|at| at + 4);
    let lf = position(bytes, b"\n\n").map(|at| at + 2);
    match (crlf, lf) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Header lines, names in small letters; at most 100.
pub(crate) fn headers(head: &str) -> Vec<(String, String)> {
    let pairs = head.lines().filter_map(|line| line.split_once(':'));
    let pairs = pairs.map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()));
    pairs.take(100).collect()
}

/// Value of the first header with this name.
pub(crate) fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|header| header.0 == name)
        .map(|header| header.1.as_str())
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(stream: &[u8], step: usize) -> Vec<(Option<String>, Vec<u8>)> {
        let mut parser = Parser::new("sortline-frame");
        let mut found = Vec::new();
        for piece in stream.chunks(step) {
            parser.push(piece);
            while let Some(part) = parser.next_part().unwrap() {
                let trigger = part.header("x-sortline-trigger").map(str::to_owned);
                found.push((trigger, part.body));
            }
        }
        found
    }

    #[test]
    fn parts_in_any_pieces() {
        let stream = b"preamble\r\n--sortline-frame\r\nContent-Type: image/jpeg\r\n\
            X-Sortline-Trigger: 7\r\nContent-Length: 5\r\n\r\nab\r\n-\r\n--sortline-frame\r\n\
            Content-Type: image/jpeg\r\n\r\nno\r\nlength\r\n--sortline-frame\r\n\r\n";
        let expected = vec![
            (Some("7".to_owned()), b"ab\r\n-".to_vec()),
            (None, b"no\r\nlength".to_vec()),
        ];
        for step in 1..stream.len() {
            assert_eq!(parts(stream, step), expected, "pieces of {step}");
        }
    }

    #[test]
    fn what_never_ends_is_refused() {
        let mut parser = Parser::new("--b");
        parser.push(b"--b\r\nContent-Length: 99999999999\r\n\r\n");
        assert_eq!(parser.next_part(), Err(PartError::BodyTooLarge));
        let mut parser = Parser::new("b");
        parser.push(b"--b\r\n");
        parser.push(&vec![b'x'; HEAD_MAX + 1]);
        assert_eq!(parser.next_part(), Err(PartError::HeadTooLarge));
        let mut parser = Parser::new("b");
        parser.push(&vec![b'x'; 1 << 20]);
        assert_eq!(parser.next_part(), Ok(None));
        assert!(parser.buffer.len() < 100, "noise is not kept");
    }
}
