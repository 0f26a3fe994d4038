//! Modbus/TCP Security: TLS with certificates on both sides.

use std::fmt;
use std::io;
use std::path::Path;

pub use sortline_mqtt::tls::{TlsError, client};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

/// Certificates for connections to devices: the device is checked against an authority, and shown
/// the controller's own certificate, which names the controller's role.
#[derive(Clone)]
pub struct Tls(TlsConnector);

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Tls")
    }
}

impl Tls {
    /// Reads PEM files: the authority that signs devices, the controller's certificate (with its
    /// chain) and its key.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn from_files(authority: &Path, certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let config = client(authority, Some((certificate, key)))?;
        Ok(Self(TlsConnector::from(config)))
    }

    pub(crate) async fn wrap(
        &self,
        address: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.0.connect(name, stream).await
    }
}
