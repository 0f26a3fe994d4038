//! TLS from PEM files, for brokers and for devices.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there or holds no such thing.
    #[error("{0} cannot be read as PEM")]
    File(String, #[source] pem::Error),
    /// Certificate and key do not go together, or an authority is no certificate.
    #[error("the certificates cannot be used")]
    Refused(#[source] rustls::Error),
    /// The authority's file holds no certificate.
    #[error("{0} holds no certificate")]
    Empty(String),
}

/// A client that trusts the authorities in a file and, where it has one, shows a certificate (with
/// its chain) and proves it by its key.
///
/// # Errors
/// [`TlsError`].
pub fn client(
    authority: &Path,
    own: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authority)? {
        roots.add(certificate).map_err(TlsError::Refused)?;
    }
    if roots.is_empty() {
        return Err(TlsError::Empty(authority.display().to_string()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Refused)?
        .with_root_certificates(roots);
    let config = match own {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
            config
                .with_client_auth_cert(chain, key)
                .map_err(TlsError::Refused)?
        }
    };
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path).map_err(unreadable(path))?;
    all.collect::<Result<_, _>>().map_err(unreadable(path))
}

fn unreadable(path: &Path) -> impl Fn(pem::Error) -> TlsError {
    let path = path.display().to_string();
    move |error| TlsError::File(path.clone(), error)
}
