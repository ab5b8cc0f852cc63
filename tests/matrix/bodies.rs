//! Bodies as files, for clients that read them from one.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::pattern;

/// A file for each size.
#[derive(Debug)]
pub(crate) struct Bodies(TempDir);

impl Bodies {
    pub(crate) fn new() -> io::Result<Self> {
        let directory = TempDir::with_prefix("authsome-matrix-")?;
        write(directory.path())?;
        Ok(Self(directory))
    }

    /// The one of that size.
    pub(crate) fn of(&self, size: u64) -> PathBuf {
        self.0.path().join(size.to_string())
    }
}

fn write(directory: &Path) -> io::Result<()> {
    for size in BODIES {
        let mut file = io::BufWriter::new(File::create(directory.join(size.to_string()))?);
        let mut written = 0;
        while written < size {
            let piece = pattern::piece(
                written,
                usize::try_from(size - written).unwrap_or(usize::MAX),
            );
            file.write_all(piece)?;
            written += piece.len() as u64;
        }
        file.flush()?;
    }
    Ok(())
}

/// Sizes of curl's bodies.
const BODIES: [u64; 3] = [1_000_000, 3_000_000, 30_000_000];
