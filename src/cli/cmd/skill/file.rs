//! Changes a file of a project that an agent reads.
//!
//! A project may come from anybody, so a link in it must not lead a change to a file elsewhere.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::section::{self, BadMarkers};
use crate::os::home::open_file;

/// The longest file that is changed, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// What has happened to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Added,
    Created,
    Deleted,
    None,
    Replaced,
    TakenOut,
}

impl Edit {
    /// Its name in JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Created => "created",
            Self::Deleted => "deleted",
            Self::None => "none",
            Self::Replaced => "replaced",
            Self::TakenOut => "taken_out",
        }
    }
}

/// Why the file cannot be changed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is, by a link, not in the directory.
    Elsewhere(PathBuf),
    Failed(io::Error),
    Markers,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<BadMarkers> for Trouble {
    fn from(BadMarkers: BadMarkers) -> Self {
        Self::Markers
    }
}

/// Puts the section into the file; a new file begins with `head`.
pub(super) fn install(
    directory: &Path,
    place: &str,
    head: &str,
    content: &str,
) -> Result<Edit, Trouble> {
    let root = directory.canonicalize()?;
    let Some(path) = existing(&root, place)? else {
        let path = new_file(&root, place)?;
        write(&path, &section::with(head, content)?, None)?;
        return Ok(Edit::Created);
    };
    let text = read(&path)?;
    let new = section::with(&text, content)?;
    if new == text {
        return Ok(Edit::None);
    }
    let had_one = section::without(&text)?.is_some();
    write(&path, &new, Some(&path))?;
    Ok(if had_one { Edit::Replaced } else { Edit::Added })
}

/// Takes the section out of the file, and removes a file in which nothing but `head` is left.
pub(super) fn remove(directory: &Path, place: &str, head: &str) -> Result<Edit, Trouble> {
    let root = directory.canonicalize()?;
    let Some(path) = existing(&root, place)? else {
        return Ok(Edit::None);
    };
    let Some(left) = section::without(&read(&path)?)? else {
        return Ok(Edit::None);
    };
    if left.trim() != head.trim() {
        write(&path, &left, Some(&path))?;
        return Ok(Edit::TakenOut);
    }
    fs::remove_file(&path)?;
    // The directories are removed as far as they are empty.
    let mut parent = path.parent();
    while let Some(directory) = parent.filter(|parent| **parent != root) {
        if fs::remove_dir(directory).is_err() {
            break;
        }
        parent = directory.parent();
    }
    Ok(Edit::Deleted)
}

/// The file itself, behind all links. `None` if there is none.
fn existing(root: &Path, place: &str) -> Result<Option<PathBuf>, Trouble> {
    match root.join(place).canonicalize() {
        Ok(path) if path.starts_with(root) => Ok(Some(path)),
        Ok(path) => Err(Trouble::Elsewhere(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The path of a file that is to be created, whose directories are.
fn new_file(root: &Path, place: &str) -> Result<PathBuf, Trouble> {
    let path = root.join(place);
    let mut parent = root.to_owned();
    let directories = Path::new(place).parent().into_iter().flatten();
    for name in directories {
        parent.push(name);
        match fs::create_dir(&parent) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        let real = parent.canonicalize()?;
        if !real.starts_with(root) {
            return Err(Trouble::Elsewhere(real));
        }
    }
    if path.is_symlink() {
        let target = fs::read_link(&path)?;
        return Err(Trouble::Elsewhere(target)); // to nothing: what it would create is not known
    }
    Ok(path)
}

fn read(path: &Path) -> Result<String, Trouble> {
    let file = open_file(OpenOptions::new().read(true), path)?;
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it is too long").into());
    }
    Ok(text)
}

/// A reader sees the old file or the new one. The new one has the permissions of the old one.
fn write(path: &Path, text: &str, old: Option<&Path>) -> Result<(), Trouble> {
    let mut staging = path.as_os_str().to_owned();
    staging.push(format!(".{}.new", std::process::id()));
    let staging = PathBuf::from(staging);
    let written = (|| {
        let mut file = File::create_new(&staging)?;
        file.write_all(text.as_bytes())?;
        if let Some(old) = old {
            file.set_permissions(fs::metadata(old)?.permissions())?;
        }
        fs::rename(&staging, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&staging);
    }
    Ok(written?)
}
