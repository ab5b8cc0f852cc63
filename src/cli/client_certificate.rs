//! The files of `--client-cert` and `--client-key`, and what to do where they are not what they
//! should be.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use super::failure::{Exit, Failure};
use super::words::shell_word;
use crate::net::tls::{ClientCertificate, ClientCertificateError};
use crate::secret::{Secret, SecretBuffer};

const CERTIFICATE_FLAG: &str = "--client-cert";
const KEY_FLAG: &str = "--client-key";

/// The largest file that is read.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Reads the chain and the key, which is in the same file unless another is named.
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

fn read_file(path: &Path, flag: &str) -> Result<Secret<Vec<u8>>, Failure> {
    read_wiping(path).map_err(|error| {
        let message = format!("{flag}: cannot read {}: {error}", path.display());
        let hint = format!("ls -l {}", shell_word(path.as_os_str()));
        Failure::new(Exit::Usage, "usage", message, hint)
    })
}

/// `read_to_end` would leave a copy behind each time it grows.
fn read_wiping(path: &Path) -> io::Result<Secret<Vec<u8>>> {
    let mut file = File::open(path)?.take(LARGEST_FILE + 1);
    let mut piece = Zeroizing::new([0; 4096]);
    let mut text = SecretBuffer::default();
    loop {
        match file.read(&mut *piece) {
            Ok(0) => break,
            Ok(length) => text.write_all(piece.get(..length).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if file.limit() == 0 {
        return Err(io::Error::other("it is too large for a certificate"));
    }
    Ok(text.finish())
}
