//! A backup: what people made, in one archive. The office file (people, keys, audit trail, sort
//! plans, history of alarms, earlier texts of files) and all files of the site, from which a
//! controller can be set up again. Parcels are not in it: they are in the journal, which is as large
//! as the line has run long.
//!
//! The archive is a tar of the format `ustar` (POSIX.1-2017, pax). It is made while it is sent, and
//! breaks off where a part cannot be read: half of it is no backup.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;

use super::Web;
use super::api::problem;
use super::auth::Who;
use crate::clock;
use crate::config::Files;
use crate::office::{Entry, Office};

/// Bytes of a block of the archive.
const BLOCK: usize = 512;
/// Bytes read at once.
const CHUNK: usize = 64 * 1024;
/// Chunks that may wait for a slow receiver.
const CHUNKS: usize = 4;

type Piece = std::io::Result<Bytes>;

/// Everything that a controller is set up again from, as a tar archive: `data/office.db` and
/// `site/`. It holds keys and names: keep it where nobody else reads it.
#[utoipa::path(
    get, path = "/api/v1/system/backup",
    responses((status = 200, content_type = "application/x-tar"), (status = 503))
)]
pub(super) async fn backup(State(web): State<Web>, who: Who) -> Response {
    let Ok(permit) = Arc::clone(&web.limits.queries).try_acquire_owned() else {
        let text = "too many questions at once; try again";
        return problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let at = clock::wall();
    let name = format!(
        "sortline-{}-{}.tar",
        web.site.id,
        at.strftime("%Y%m%dT%H%M%SZ")
    );
    let entry = Entry {
        at,
        who: who.id(),
        action: "backup.take",
        target: name.clone(),
        before: json!(null),
        after: json!(null),
    };
    let copy = move |office: &Office| {
        office.record(entry)?;
        office.copy(at)
    };
    let office = match web.in_office(copy).await {
        Ok(office) => office,
        Err(response) => return response,
    };
    let (sender, pieces) = mpsc::channel(CHUNKS);
    let files = web.files.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = archive(&files, &office.path, at, &sender) {
            tracing::warn!(%error, "a backup broke off");
            // Whoever receives it sees that it is not whole; gone already, it does not matter.
            drop(sender.blocking_send(Err(error)));
        }
        drop(permit);
    });
    let pieces = stream::unfold(pieces, |mut pieces| async move {
        let piece: Piece = pieces.recv().await?;
        Some((piece, pieces))
    });
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, "application/x-tar".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

/// Sends the archive piece by piece.
fn archive(
    files: &Files,
    office: &Path,
    at: Timestamp,
    to: &mpsc::Sender<Piece>,
) -> std::io::Result<()> {
    let archive = Archive { at, to };
    let mut file = std::fs::File::open(office)?;
    let size = file.metadata()?.len();
    archive.begin("data/office.db", size)?;
    let mut left = size;
    while left > 0 {
        let mut chunk = vec![0; CHUNK];
        let read = file.read(&mut chunk)?;
        chunk.truncate(read);
        left = left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        if read == 0 {
            return Err(std::io::Error::other("the office file became shorter"));
        }
        archive.send(chunk)?;
    }
    archive.pad(size)?;
    for name in files.names()? {
        let bytes = files.bytes(&name)?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        archive.begin(&format!("site/{name}"), size)?;
        archive.send(bytes)?;
        archive.pad(size)?;
    }
    // Two empty blocks are the end.
    archive.send(vec![0; 2 * BLOCK])
}

struct Archive<'a> {
    at: Timestamp,
    to: &'a mpsc::Sender<Piece>,
}

impl Archive<'_> {
    fn begin(&self, name: &str, size: u64) -> std::io::Result<()> {
        let too_long = || std::io::Error::other(format!("the name {name} is too long"));
        self.send(head(name, size, self.at.as_second()).ok_or_else(too_long)?)
    }

    fn send(&self, bytes: Vec<u8>) -> std::io::Result<()> {
        let gone = |_gone| std::io::Error::other("nobody receives it any more");
        self.to.blocking_send(Ok(bytes.into())).map_err(gone)
    }

    /// Fills the last block of a file up.
    fn pad(&self, size: u64) -> std::io::Result<()> {
        let over = usize::try_from(size % 512).unwrap_or(0);
        if over > 0 {
            self.send(vec![0; BLOCK.saturating_sub(over)])?;
        }
        Ok(())
    }
}

/// The block before a file; `None` when its name does not fit in.
fn head(name: &str, size: u64, modified: i64) -> Option<Vec<u8>> {
    let (folder, name) = if name.len() <= 100 {
        ("", name)
    } else {
        name.rsplit_once('/')
            .filter(|(folder, name)| folder.len() <= 155 && name.len() <= 100)?
    };
    let (size, modified) = (format!("{size:011o}"), format!("{modified:011o}"));
    let fields = |sum: &str| {
        let fields: [(&str, usize); 14] = [
            (name, 100),
            ("0000600", 8),
            ("0000000", 8),
            ("0000000", 8),
            (&size, 12),
            (&modified, 12),
            (sum, 8),
            ("0", 1),
            ("", 100),
            ("ustar\u{0}00", 8),
            ("", 64),
            ("", 16),
            (folder, 155),
            ("", 12),
        ];
        let field = |(text, length): (&str, usize)| {
            let text = text.bytes().chain(std::iter::repeat(0));
            text.take(length).collect::<Vec<u8>>()
        };
        fields.into_iter().flat_map(field).collect::<Vec<u8>>()
    };
    let sum: u32 = fields("        ").into_iter().map(u32::from).sum();
    Some(fields(&format!("{sum:06o}\u{0} ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_one_block_and_sums_up() {
        let block = head("site/line.toml", 1_234, 1_700_000_000).unwrap();
        assert_eq!(block.len(), BLOCK);
        assert_eq!(&block[..15], b"site/line.toml\0");
        assert_eq!(&block[124..136], b"00000002322\0");
        assert_eq!(&block[257..265], b"ustar\x0000");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        let spaces: u32 = 8 * 32;
        let own: u32 = block[148..156].iter().map(|&byte| u32::from(byte)).sum();
        assert_eq!(
            &block[148..156],
            format!("{:06o}\0 ", sum - own + spaces).as_bytes()
        );
    }

    #[test]
    fn a_long_name_is_parted_and_one_too_long_is_refused() {
        let long = format!("site/{}/{}", "a".repeat(120), "b".repeat(90));
        let block = head(&long, 0, 0).unwrap();
        assert_eq!(&block[..91], format!("{}\0", "b".repeat(90)).as_bytes());
        assert_eq!(&block[345..350], b"site/");
        assert_eq!(head(&"c".repeat(101), 0, 0), None);
    }
}
