//! What opens a broker's door: a name with its password, and TLS.

use std::path::Path;
use std::sync::Arc;
use std::{fmt, fs, io};

use rumqttc::v5::MqttOptions;
use rumqttc::{TlsConfiguration, Transport};
use tokio_rustls::rustls::ClientConfig;

/// Longest password that a broker can be told, bytes (MQTT 5, section 1.5.6).
const PASSWORD_MAX: usize = 65_535;

/// Why a password cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file cannot be read as text.
    #[error("the password cannot be read")]
    File(#[source] io::Error),
    /// It is empty, has more than one line, or is too long.
    #[error("the file must hold the password alone, in one line of at most {PASSWORD_MAX} bytes")]
    Content,
}

/// How a client is let in. By default as anybody, over plain TCP.
#[derive(Clone, Default)]
pub struct Access {
    login: Option<(String, String)>,
    tls: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Access")
            .field("user", &self.user())
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// TLS is the same when it was read at the same time.
impl PartialEq for Access {
    fn eq(&self, other: &Self) -> bool {
        let same_tls = match (&self.tls, &other.tls) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        same_tls && self.login == other.login
    }
}

impl Eq for Access {}

impl Access {
    /// As a user whose password stands alone in a file, in one line.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub fn user_from_file(user: &str, password: &Path) -> Result<Self, PasswordError> {
        let text = fs::read_to_string(password).map_err(PasswordError::File)?;
        let password = text.strip_suffix('\n').unwrap_or(&text);
        let password = password.strip_suffix('\r').unwrap_or(password);
        let wrong = password.is_empty() || password.contains(['\n', '\r', '\0']);
        if wrong || password.len() > PASSWORD_MAX {
            return Err(PasswordError::Content);
        }
        Ok(Self {
            login: Some((user.to_owned(), password.to_owned())),
            tls: None,
        })
    }

    /// The same over TLS.
    #[must_use]
    pub fn over_tls(self, tls: Arc<ClientConfig>) -> Self {
        Self {
            tls: Some(tls),
            ..self
        }
    }

    /// The user's name.
    pub fn user(&self) -> Option<&str> {
        self.login.as_ref().map(|(user, _)| user.as_str())
    }

    /// Name and password.
    pub fn login(&self) -> Option<(&str, &str)> {
        let login = self.login.as_ref();
        login.map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// Makes a client show itself this way.
    pub fn show(&self, options: &mut MqttOptions) {
        if let Some((user, password)) = &self.login {
            options.set_credentials(user, password);
        }
        if let Some(tls) = &self.tls {
            let tls = TlsConfiguration::Rustls(Arc::clone(tls));
            options.set_transport(Transport::tls_with_config(tls));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_from_its_line() {
        let folder = std::env::temp_dir().join(format!("sortline-access-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("password");
        let read = |text: &str| {
            fs::write(&file, text).unwrap();
            Access::user_from_file("line", &file)
        };
        for text in ["s3cret pass", "s3cret pass\n", "s3cret pass\r\n"] {
            let access = read(text).unwrap();
            assert_eq!(access.login(), Some(("line", "s3cret pass")));
            assert!(!format!("{access:?}").contains("s3cret"));
        }
        for text in ["", "\n", "two\nlines\n", "nul\0"] {
            assert!(
                matches!(read(text), Err(PasswordError::Content)),
                "{text:?}"
            );
        }
        fs::remove_dir_all(&folder).unwrap();
        let gone = Access::user_from_file("line", &file);
        assert!(matches!(gone, Err(PasswordError::File(_))));
    }
}
