//! Reads the files of `--client-cert` and `--client-key`, and says what to do if they are not
//! usable.

use std::fs::File;
use std::path::Path;

use super::failure::{Exit, Failure};
use super::words::shell_word;
use crate::net::tls::{ClientCertificate, ClientCertificateError};
use crate::secret::Secret;

const CERTIFICATE_FLAG: &str = "--client-cert";
const KEY_FLAG: &str = "--client-key";

/// The largest certificate or secret file that is read, in bytes.
pub(super) const MAX_FILE: u64 = 1024 * 1024;

/// Reads the certificate chain and the key. The key is in the same file, unless another is named.
pub(super) fn read(certificate: &Path, key: Option<&Path>) -> Result<ClientCertificate, Failure> {
    let file = read_file(certificate, CERTIFICATE_FLAG)?;
    let unusable = |error| failure(&error, certificate, CERTIFICATE_FLAG);
    let chain = ClientCertificate::chain_of(file.expose()).map_err(unusable)?;
    let (key_path, key_flag) = match key {
        Some(path) => (path, KEY_FLAG),
        None => (certificate, CERTIFICATE_FLAG),
    };
    let key_file = match key {
        Some(path) => read_file(path, KEY_FLAG)?,
        None => file,
    };
    let unusable = |error| match error {
        ClientCertificateError::Mismatch => mismatch(certificate, key_path),
        error => failure(&error, key_path, key_flag),
    };
    let key = ClientCertificate::key_of(&key_file).map_err(unusable)?;
    ClientCertificate::new(chain, key).map_err(unusable)
}

fn failure(error: &ClientCertificateError, path: &Path, flag: &str) -> Failure {
    use ClientCertificateError as E;
    let file = shell_word(path.as_os_str());
    let of_key = flag == KEY_FLAG;
    let hint = match error {
        E::Der if of_key => {
            format!("openssl pkey -inform der -in {file} -out key.pem, then {KEY_FLAG} key.pem")
        }
        E::Der => format!(
            "openssl x509 -inform der -in {file} -out cert.pem, then {CERTIFICATE_FLAG} cert.pem"
        ),
        E::Pkcs12 => format!(
            "openssl pkcs12 -nodes -in {file} -out client.pem, then {CERTIFICATE_FLAG} client.pem"
        ),
        E::Encrypted => format!(
            "authsome asks for no passphrase; the key is sealed once it is read: openssl pkey -in {file} -out key.pem, then {KEY_FLAG} key.pem, then rm key.pem"
        ),
        E::NoKey if of_key => format!("{flag} takes a PEM file: -----BEGIN PRIVATE KEY-----"),
        E::NoKey => format!("name the file of its key: {KEY_FLAG} KEY.pem"),
        E::Key => format!("openssl pkey -noout -text -in {file}"),
        E::Certificate { .. } => format!("openssl x509 -noout -text -in {file}"),
        _ if of_key => format!("{flag} takes a PEM file: -----BEGIN PRIVATE KEY-----"),
        _ => format!("{flag} takes a PEM file: -----BEGIN CERTIFICATE-----"),
    };
    let message = format!("{flag}: {}: {error}", path.display());
    Failure::new(Exit::Usage, "client_cert_invalid", message, hint)
}

fn mismatch(certificate: &Path, key: &Path) -> Failure {
    let message = format!(
        "{CERTIFICATE_FLAG}: the private key in {} is not that of the first certificate in {}",
        key.display(),
        certificate.display()
    );
    let hint = format!(
        "see which belong together: openssl x509 -noout -pubkey -in {}; openssl pkey -pubout -in {}",
        shell_word(certificate.as_os_str()),
        shell_word(key.as_os_str())
    );
    Failure::new(Exit::Usage, "client_cert_invalid", message, hint)
}

/// Reads a file that one of the flags names, without changes.
pub(super) fn read_file(path: &Path, flag: &str) -> Result<Secret<Vec<u8>>, Failure> {
    read_file_up_to(path, flag, MAX_FILE)
}

/// The same with another bound, in bytes.
pub(super) fn read_file_up_to(
    path: &Path,
    flag: &str,
    limit: u64,
) -> Result<Secret<Vec<u8>>, Failure> {
    let read = File::open(path).and_then(|file| Secret::read(file, limit));
    read.map_err(|error| {
        let message = format!("{flag}: cannot read {}: {error}", path.display());
        let hint = format!("ls -l {}", shell_word(path.as_os_str()));
        Failure::new(Exit::Usage, "usage", message, hint)
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use authsome_test_support::assert_words;

    use super::*;

    #[test]
    fn words_of_each_error() {
        use ClientCertificateError as E;
        let errors = [
            (
                "Certificate",
                E::Certificate {
                    position: 2,
                    reason: "bad encoding".to_owned(),
                },
            ),
            ("Damaged", E::Damaged),
            ("Der", E::Der),
            ("Empty", E::Empty),
            ("Encrypted", E::Encrypted),
            ("Key", E::Key),
            ("NoCertificate", E::NoCertificate),
            ("NoKey", E::NoKey),
            ("Pkcs12", E::Pkcs12),
        ];
        let mut text = String::new();
        let mut add = |name: &str, failure: Failure| {
            let Failure {
                exit,
                code,
                message,
                hint,
            } = failure;
            writeln!(
                text,
                "ClientCertificateError::{name} ({code}, exit code {})\nerror: {message}\nhint: {hint}\n",
                exit as u8
            )
            .unwrap();
        };
        for (name, error) in errors {
            add(
                name,
                failure(&error, Path::new("ada's.pem"), CERTIFICATE_FLAG),
            );
            add(name, failure(&error, Path::new("key.pem"), KEY_FLAG));
        }
        let mismatch = mismatch(Path::new("cert.pem"), Path::new("key.pem"));
        add("Mismatch", mismatch);
        assert_words!("errors", "client_certificate", text);
    }
}
