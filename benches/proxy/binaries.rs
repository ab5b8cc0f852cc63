//! Where what is measured is built.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;
use crate::options::Options;

/// Cargo's target directory, which this program is in.
pub(crate) fn target_directory() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?;
    Ok(program
        .ancestors()
        .nth(3)
        .ok_or("the bench is outside of a target directory")?
        .to_owned())
}

/// The binary to measure: built as it ships, since cargo builds the bench's own copy with the
/// features of the tests.
pub(crate) fn release_binary(options: &Options) -> Result<PathBuf, Failure> {
    if let Some(binary) = &options.authsome {
        return Ok(std::path::absolute(binary)?);
    }
    let target = target_directory()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--bin", "authsome", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if built.success() {
        Ok(target.join("release/authsome"))
    } else {
        Err("authsome cannot be built".into())
    }
}
