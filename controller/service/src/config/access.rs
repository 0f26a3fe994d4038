//! What the brokers of a site ask for, read from the files that hold it.

use std::path::Path;

use sortline_fieldbus::mqtt::Access;
use sortline_fieldbus::tls;

use super::site::MqttConfig;
use super::{ConfigError, Files};

/// How this controller is let in by the brokers of its site.
///
/// # Errors
/// The password or a certificate cannot be read or used.
pub fn access(config: &MqttConfig, files: &Files) -> Result<Access, ConfigError> {
    let path = |name: &Path| files.path("site.toml").with_file_name(name);
    let mut access = Access::default();
    if let (Some(user), Some(file)) = (&config.user, &config.password_file) {
        let file = path(file);
        access = Access::user_from_file(user, &file).map_err(|error| refused(&file, &error))?;
    }
    if let Some(tls) = &config.tls {
        let own = tls.certificate.as_deref().zip(tls.key.as_deref());
        let own = own.map(|(certificate, key)| (path(certificate), path(key)));
        let own = own
            .as_ref()
            .map(|(certificate, key)| (certificate.as_path(), key.as_path()));
        let client = tls::client(&path(&tls.authority), own);
        let at = files.path("site.toml");
        access = access.over_tls(client.map_err(|error| refused(&at, &error))?);
    }
    Ok(access)
}

fn refused(path: &Path, error: &dyn std::error::Error) -> ConfigError {
    let why = error.source().map(|why| format!(": {why}"));
    ConfigError::whole(path, format!("mqtt: {error}{}", why.unwrap_or_default()))
}
