//! A camera behind HTTP: Motion JPEG as an endless multipart answer, or one still picture.
//!
//! The request is HTTP/1.0, so that no server sends the answer in chunks. Only plain `http` is
//! spoken here, because the headers of the parts are needed; `https` goes through OpenCV.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::multipart::{PART_MAX, Parser, Part, find, head_end, headers};
use crate::{CaptureError, Deadline};

/// Most bytes of the head of an answer.
const HEAD_MAX: usize = 16 << 10;

/// Bytes asked of the socket at a time.
const PIECE: usize = 64 << 10;

/// A parsed `http://user:password@host:port/path` address.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    host: String,
    port: u16,
    path: String,
    /// `user:password`.
    login: Option<String>,
}

impl Address {
    /// Takes an address apart; `None` when it is no plain HTTP address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("http://")?;
        let hostile = |c: char| c.is_control() || c.is_whitespace();
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(login.to_owned()), host),
            None => (None, authority),
        };
        let (host, port) = match host
            .rsplit_once(':')
            .filter(|(host, _)| !host.ends_with(':'))
        {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (host, 80),
        };
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        let good = !host.is_empty() && !text.contains(hostile);
        good.then(|| Self {
            host: host.to_owned(),
            port,
            path,
            login,
        })
    }

    fn request(&self) -> String {
        let login = self.login.as_ref().map_or(String::new(), |login| {
            format!("Authorization: Basic {}\r\n", base64(login.as_bytes()))
        });
        let Self {
            host, port, path, ..
        } = self;
        format!(
            "GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nUser-Agent: sortline\r\n\
             Accept: multipart/x-mixed-replace, image/*\r\n{login}\r\n"
        )
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The login stays out of logs.
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
    }
}

/// An open answer.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// Parts without end.
    Parts(Parser),
    /// One picture, with what was received of it, and its headers.
    Still(Vec<u8>, Vec<(String, String)>),
}

/// What a connection gives.
pub(crate) enum Received {
    /// A picture with its headers.
    Picture(Part),
    /// The one picture of a still address.
    Last(Part),
}

impl Connection {
    /// Connects, asks, and reads the head of the answer, all before the deadline.
    pub(crate) fn open(address: &Address, deadline: Deadline) -> Result<Self, CaptureError> {
        let host = address.host.trim_start_matches('[').trim_end_matches(']');
        let mut targets = (host, address.port).to_socket_addrs().map_err(stalled)?;
        let target = targets
            .next()
            .ok_or_else(|| stalled("the host has no address"))?;
        let mut socket = TcpStream::connect_timeout(&target, deadline.left()?).map_err(stalled)?;
        socket
            .set_write_timeout(Some(deadline.left()?))
            .map_err(stalled)?;
        socket
            .write_all(address.request().as_bytes())
            .map_err(stalled)?;
        let mut received = Vec::new();
        let end = loop {
            if let Some(end) = head_end(&received) {
                break end;
            }
            if received.len() > HEAD_MAX {
                return Err(stalled("the head of the answer is too long"));
            }
            if receive(&mut socket, deadline, &mut received)? == 0 {
                return Err(stalled("the connection was closed before an answer"));
            }
        };
        let rest = received.split_off(end);
        let body = body(&String::from_utf8_lossy(&received), rest)?;
        Ok(Self { socket, body })
    }

    /// The next picture before the deadline.
    pub(crate) fn next(&mut self, deadline: Deadline) -> Result<Received, CaptureError> {
        let mut piece = Vec::new();
        loop {
            if let Body::Parts(parser) = &mut self.body
                && let Some(part) = parser.next_part().map_err(stalled)?
            {
                return Ok(Received::Picture(part));
            }
            piece.clear();
            let closed = receive(&mut self.socket, deadline, &mut piece)? == 0;
            match &mut self.body {
                Body::Parts(_) if closed => return Err(stalled("the stream ended")),
                Body::Parts(parser) => parser.push(&piece),
                Body::Still(body, headers) => {
                    body.extend_from_slice(&piece);
                    let whole = find(headers, "content-length").and_then(|text| text.parse().ok());
                    if closed || whole.is_some_and(|length: usize| body.len() >= length) {
                        let (headers, body) = (std::mem::take(headers), std::mem::take(body));
                        return Ok(Received::Last(Part { headers, body }));
                    }
                    if body.len() > PART_MAX {
                        return Err(stalled("the picture is too large"));
                    }
                }
            }
        }
    }
}

/// How the answer's head says that its body must be read.
fn body(head: &str, rest: Vec<u8>) -> Result<Body, CaptureError> {
    let status = head.lines().next().unwrap_or("");
    let code = status.split(' ').nth(1).unwrap_or("");
    if !status.starts_with("HTTP/1.") || code != "200" {
        let status: String = status
            .chars()
            .filter(|c| !c.is_control())
            .take(80)
            .collect();
        return Err(stalled(format!("the camera answered \"{status}\"")));
    }
    let headers = headers(head);
    if find(&headers, "transfer-encoding").is_some_and(|encoding| encoding != "identity") {
        return Err(stalled("the camera sends chunks to an HTTP/1.0 request"));
    }
    let kind = find(&headers, "content-type").unwrap_or("").to_owned();
    if !kind.to_lowercase().starts_with("multipart/") {
        return Ok(Body::Still(rest, headers));
    }
    let parameter = kind.split(';').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"'))
    });
    let boundary = parameter.filter(|text| !text.is_empty() && text.len() <= 70);
    let mut parser = Parser::new(boundary.ok_or_else(|| stalled("the stream has no boundary"))?);
    parser.push(&rest);
    Ok(Body::Parts(parser))
}

/// Appends what comes; 0 when the other side closed.
fn receive(
    socket: &mut TcpStream,
    deadline: Deadline,
    into: &mut Vec<u8>,
) -> Result<usize, CaptureError> {
    socket
        .set_read_timeout(Some(deadline.left()?))
        .map_err(stalled)?;
    let mut piece = vec![0; PIECE];
    let count = loop {
        match socket.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                return Err(stalled("no frame within the deadline"));
            }
            other => break other.map_err(stalled)?,
        }
    };
    into.extend_from_slice(piece.get(..count).unwrap_or(&[]));
    Ok(count)
}

/// A stall; how often it happened in a row is filled in by the source.
pub(crate) fn stalled(reason: impl std::fmt::Display) -> CaptureError {
    CaptureError::Stalled {
        reason: reason.to_string(),
        times: 0,
        answered: false,
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let value = group
            .iter()
            .fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        let value = value << (8 * (3 - group.len()));
        for place in 0..4 {
            let index = usize::try_from(value >> (18 - 6 * place) & 63).unwrap_or(0);
            let letter = LETTERS.get(index).copied().unwrap_or(b'=');
            out.push(char::from(if place <= group.len() { letter } else { b'=' }));
        }
    }
    out
}

/// How long to wait before the next attempt: 100 ms, doubled with every stall, at most 5 s.
pub(crate) fn back_off(times: u32) -> Duration {
    let doubled = 100_u64.saturating_mul(1 << times.saturating_sub(1).min(10));
    Duration::from_millis(doubled.min(5_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let shown = |text| Address::parse(text).map(|a| (format!("{a:?}"), a.login));
        let plain = |text: &str| Some((text.to_owned(), None));
        assert_eq!(shown("http://cam"), plain("http://cam:80/"));
        assert_eq!(
            shown("http://cam:8080/a?b=c"),
            plain("http://cam:8080/a?b=c")
        );
        assert_eq!(shown("http://[::1]:81/x"), plain("http://[::1]:81/x"));
        let login = Some("me:p@ss".to_owned());
        assert_eq!(
            shown("http://me:p@ss@cam/x"),
            Some(("http://cam:80/x".to_owned(), login))
        );
        for text in [
            "https://cam",
            "http://",
            "http://cam/\r\nX: y",
            "http://cam:99999/",
            "cam",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn encodings() {
        assert_eq!(base64(b"me:secret"), "bWU6c2VjcmV0");
        assert_eq!(base64(b"a"), "YQ==");
        assert_eq!(base64(b"ab"), "YWI=");
        assert_eq!(back_off(1), Duration::from_millis(100));
        assert_eq!(back_off(99), Duration::from_secs(5));
    }

    #[test]
    fn answers() {
        let kind = |head: &str| body(head, b"rest".to_vec());
        let multi = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=\"b\"";
        assert!(matches!(kind(multi), Ok(Body::Parts(_))));
        let still = "HTTP/1.0 200 OK\r\nContent-Type: image/jpeg";
        assert!(matches!(kind(still), Ok(Body::Still(body, _)) if body == b"rest"));
        for head in [
            "HTTP/1.1 404 Not Found",
            "ICY 200 OK",
            "",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
        ] {
            assert!(
                matches!(kind(head), Err(CaptureError::Stalled { .. })),
                "{head}"
            );
        }
    }
}
