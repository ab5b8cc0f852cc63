//! The children's environment as a file.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::cli::args::EnvFormat;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::cli::words::shell_word;
use crate::env::env_vars::Environment;
use crate::os::home::create_private_file;

/// The file that was written. Dropping it removes it.
pub(super) struct EnvFile {
    path: PathBuf,
    /// What another process has put there in the meantime stays.
    inode: u64,
}

/// Writes the environment to the file, or to standard output with `-`. It has the proxy's password.
pub(super) fn give(
    path: &Path,
    format: EnvFormat,
    environment: &Environment,
    printer: &Printer,
) -> Result<Option<EnvFile>, Failure> {
    let (text, left_out) = formatted(format, environment);
    if !left_out.is_empty() {
        printer.warn(&format!(
            "not in the environment file, whose form has no place for their values: {}",
            left_out.join(", ")
        ));
    }
    if path.as_os_str() == "-" {
        printer.exact(&text);
        return Ok(None);
    }
    let failed = |error: &dyn std::fmt::Display| {
        let message = format!("cannot write {}: {error}", path.display());
        let hint = "name a file in a directory of yours: --env-file FILE";
        Failure::new(Exit::Usage, "usage", message, hint)
    };
    write(path, &text).map(Some).map_err(|error| failed(&error))
}

/// A reader sees the whole file, or none.
fn write(path: &Path, text: &str) -> io::Result<EnvFile> {
    if let Ok(found) = fs::symlink_metadata(path)
        && !found.is_file()
    {
        return Err(io::Error::other("it is there, and no file"));
    }
    let mut staging = path.as_os_str().to_owned();
    staging.push(format!(".{}.new", std::process::id()));
    let staging = PathBuf::from(staging);
    let written = (|| {
        let mut file = create_private_file(&staging).map_err(io::Error::other)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&staging, path)?;
        Ok(EnvFile {
            path: path.to_owned(),
            inode: file.metadata()?.ino(),
        })
    })();
    if written.is_err() {
        let _ = fs::remove_file(&staging);
    }
    written
}

impl Drop for EnvFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The variables in that form, and the names of those that have no place in it.
fn formatted(format: EnvFormat, environment: &Environment) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut object = Map::new();
    let mut left_out = Vec::new();
    for (name, value) in environment.changes() {
        let shown = name.to_string_lossy().into_owned();
        let value = value.map(OsStr::to_str);
        let line = match (format, value) {
            (_, Some(None)) => None,
            (EnvFormat::Json, value) => {
                let value = value.flatten().map_or(Value::Null, Value::from);
                object.insert(shown.clone(), value);
                Some(String::new())
            }
            (EnvFormat::Shell, Some(Some(value))) => Some(format!(
                "export {shown}={}\n",
                shell_word(OsStr::new(value))
            )),
            (EnvFormat::Shell, None) => Some(format!("unset {shown}\n")),
            // What only unsets a variable is of no use where nothing is inherited.
            (_, None) => Some(String::new()),
            (_, Some(Some(value))) if value.contains('\n') => None,
            (EnvFormat::Docker, Some(Some(value))) => Some(format!("{shown}={value}\n")),
            (EnvFormat::Dotenv, Some(Some(value))) => Some(format!("{shown}={}\n", quoted(value))),
        };
        match line {
            Some(line) => text.push_str(&line),
            None => left_out.push(shown),
        }
    }
    if format == EnvFormat::Json {
        text = format!("{:#}\n", Value::Object(object));
    }
    (text, left_out)
}

/// A value for systemd, Compose and dotenv: in single quotes nothing is interpreted by any of them.
fn quoted(value: &str) -> String {
    if !value.contains('\'') {
        return format!("'{value}'");
    }
    let mut text = String::from("\"");
    for character in value.chars() {
        if matches!(character, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    text
}
