//! Reads the files of the log, while sessions append to them and rotate them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::audit::{FILE, ROTATED};
use crate::os::home::{Home, open_file};

/// The longest line that is read, in bytes. Lines of authsome are far shorter.
const MAX_LINE: u64 = 1024 * 1024;

/// The log of one home.
pub(super) struct LogReader {
    path: PathBuf,
    file: Option<BufReader<File>>,
}

impl LogReader {
    /// The present file, from its beginning. There may be none yet.
    pub(super) fn open(home: &Home) -> io::Result<Self> {
        let path = home.path(FILE);
        let file = open(&path)?;
        Ok(Self { path, file })
    }

    /// Calls `each` with the lines of the file that was rotated last, if there is one.
    pub(super) fn each_rotated(home: &Home, mut each: impl FnMut(&str)) -> io::Result<()> {
        let path = home.path(ROTATED);
        let file = open(&path)?;
        Self { path, file }.each(&mut each)
    }

    /// Skips all but the last `length` bytes.
    pub(super) fn skip_to_last(&mut self, length: u64) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            let end = file.get_ref().metadata()?.len();
            let start = end.saturating_sub(length);
            file.seek(SeekFrom::Start(start))?;
            if start > 0 {
                next_line(file)?; // it is only the end of a line
            }
        }
        Ok(())
    }

    /// Calls `each` with the lines that have not been read yet.
    pub(super) fn each(&mut self, mut each: impl FnMut(&str)) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        while let Some(line) = next_line(file)? {
            each(&line);
        }
        Ok(())
    }

    /// The same. If the file has been rotated, the rest of it is read first, and then the new one.
    pub(super) fn each_new(&mut self, mut each: impl FnMut(&str)) -> io::Result<()> {
        if self
            .file
            .as_ref()
            .is_none_or(|file| is_rotated(file.get_ref(), &self.path))
        {
            self.each(&mut each)?;
            self.file = open(&self.path)?;
        }
        self.each(each)
    }
}

/// Whether the path has become another file.
fn is_rotated(open: &File, path: &Path) -> bool {
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    match (open.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => identity(open) != identity(there),
        _ => false,
    }
}

fn open(path: &Path) -> io::Result<Option<BufReader<File>>> {
    match open_file(File::options().read(true), path) {
        Ok(file) => Ok(Some(BufReader::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn next_line(reader: &mut BufReader<File>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let read = io::Read::take(&mut *reader, MAX_LINE).read_until(b'\n', &mut line)?;
    let is_whole = line.last() == Some(&b'\n');
    if read > 0 && !is_whole && u64::try_from(read).is_ok_and(|read| read < MAX_LINE) {
        // Only a part of the line has been written. It is read again later.
        reader.seek_relative(-i64::try_from(read).unwrap_or(0))?;
        return Ok(None);
    }
    Ok((read > 0).then(|| String::from_utf8_lossy(line.trim_ascii_end()).into_owned()))
}
