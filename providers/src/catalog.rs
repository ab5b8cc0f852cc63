//! All definitions: those bundled with authsome, and the user's own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use thiserror::Error;

use crate::bundled::BUNDLED;
use crate::definition::Definition;
use crate::error::DefinitionError;
use crate::id::ProviderId;
use crate::source::Source;

/// The largest custom definition that is read.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// How many files are looked at for strays, and how many of these are named.
const MAX_FILES: usize = 1000;
const MAX_STRAYS: usize = 8;

/// How many known names are suggested for an unknown one.
const MAX_NEAR: usize = 3;

/// All definitions. A custom one takes precedence over the bundled one of the same name.
#[derive(Clone, Debug)]
pub struct Catalog {
    custom_dir: Option<PathBuf>,
}

impl Catalog {
    /// A catalog of the bundled definitions and those in `custom_dir` (`NAME.json`). Reads nothing
    /// yet.
    pub fn new(custom_dir: Option<PathBuf>) -> Self {
        Self { custom_dir }
    }

    /// The definition of this name.
    pub fn get(&self, id: &ProviderId) -> Result<Definition, CatalogError> {
        let (definition, file) = if let Some((text, path)) = self.custom(id)? {
            (Definition::parse(&text, Source::Custom(path.clone())), path)
        } else if let Some(definition) = bundled(id) {
            (definition, PathBuf::from(format!("{id}.json (bundled)")))
        } else {
            return Err(CatalogError::NotFound {
                id: id.clone(),
                near: self.near(id),
            });
        };
        let definition = definition.and_then(|definition| check_name(definition, id));
        definition.map_err(|error| CatalogError::Invalid { file, error })
    }

    /// The definition of this name, for what only shows it. If the user's own file cannot be used
    /// and a definition of that name is bundled, this is the bundled one, and the error.
    pub fn get_or_bundled(
        &self,
        id: &ProviderId,
    ) -> Result<(Definition, Option<CatalogError>), CatalogError> {
        match self.get(id) {
            Ok(definition) => Ok((definition, None)),
            Err(error @ CatalogError::NotFound { .. }) => Err(error),
            Err(error) => match Self::new(None).get(id) {
                Ok(bundled) => Ok((bundled, Some(error))),
                Err(_) => Err(error),
            },
        }
    }

    /// The definition to start a custom one from, and the empty custom file that was skipped, if
    /// there is one: a shell that redirects the output into that file empties it before this
    /// program can read it.
    pub fn template(&self, id: &ProviderId) -> Result<(Definition, Option<PathBuf>), CatalogError> {
        let is_bundled = BUNDLED.iter().any(|bundled| bundled.name == id.as_str());
        let path = self.custom_path(id).filter(|_| is_bundled);
        let empty = path.filter(|path| read(path).is_ok_and(|text| text.trim().is_empty()));
        let definition = match &empty {
            Some(_) => Self::new(None).get(id)?,
            None => self.get(id)?,
        };
        Ok((definition, empty))
    }

    /// All definitions, sorted by name. An invalid custom file is an entry with its error. A file
    /// whose name is not a valid provider name is one of [`Catalog::strays`].
    pub fn list(&self) -> Vec<Listed> {
        let entry = |id: ProviderId| Listed {
            source: self.source(&id),
            definition: self.get(&id),
            id,
        };
        self.ids().into_iter().map(entry).collect()
    }

    /// Files beside the custom definitions that look like one and are not read because of their
    /// names, such as `Acme.json` or `acme.jsonc`: their owner may wait for them to have an effect.
    /// Sorted, and at most eight.
    pub fn strays(&self) -> Vec<PathBuf> {
        let files = self
            .custom_dir
            .as_deref()
            .and_then(|dir| dir.read_dir().ok());
        let files = files.into_iter().flatten().take(MAX_FILES);
        let strays: BTreeSet<_> = files
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|path| is_stray(path))
            .collect();
        strays.into_iter().take(MAX_STRAYS).collect()
    }

    fn ids(&self) -> BTreeSet<ProviderId> {
        let bundled = BUNDLED
            .iter()
            .filter_map(|bundled| bundled.name.parse().ok());
        let files = self
            .custom_dir
            .as_deref()
            .and_then(|dir| dir.read_dir().ok());
        let custom = files.into_iter().flatten().filter_map(|file| {
            let name = file.ok()?.file_name();
            name.to_str()?.strip_suffix(".json")?.parse().ok()
        });
        bundled.chain(custom).collect()
    }

    /// The user's own file of this name, if there is one, and where it is.
    fn custom(&self, id: &ProviderId) -> Result<Option<(String, PathBuf)>, CatalogError> {
        let Some(path) = self.custom_path(id) else {
            return Ok(None);
        };
        match read(&path) {
            Ok(text) => Ok(Some((text, path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CatalogError::Unreadable { file: path, error }),
        }
    }

    fn source(&self, id: &ProviderId) -> Source {
        let custom = self
            .custom_path(id)
            .filter(|path| path.symlink_metadata().is_ok());
        custom.map_or(Source::Bundled, Source::Custom)
    }

    fn custom_path(&self, id: &ProviderId) -> Option<PathBuf> {
        self.custom_dir
            .as_deref()
            .map(|dir| dir.join(format!("{id}.json")))
    }

    /// The known names of which `id` may be a misspelling, the nearest first.
    fn near(&self, id: &ProviderId) -> Vec<ProviderId> {
        let allowed = 1 + id.as_str().len() / 4;
        let mut near: Vec<(usize, ProviderId)> = self
            .ids()
            .into_iter()
            .map(|known| {
                let starts_alike = known.as_str().starts_with(id.as_str())
                    || id.as_str().starts_with(known.as_str());
                let distance = if starts_alike {
                    1
                } else {
                    strsim::osa_distance(id.as_str(), known.as_str())
                };
                (distance, known)
            })
            .filter(|(distance, _)| *distance <= allowed)
            .collect();
        let nearest = near.iter().map(|(distance, _)| *distance).min();
        near.retain(|(distance, _)| Some(*distance) == nearest);
        near.sort();
        near.into_iter().take(MAX_NEAR).map(|(_, id)| id).collect()
    }
}

/// The bundled definition of this name. It is parsed once in a process, and stays: all connections
/// of all runs share it.
fn bundled(id: &ProviderId) -> Option<Result<Definition, DefinitionError>> {
    static PARSED: [OnceLock<Definition>; BUNDLED.len()] =
        [const { OnceLock::new() }; BUNDLED.len()];
    let index = BUNDLED
        .binary_search_by_key(&id.as_str(), |bundled| bundled.name)
        .ok()?;
    let (parsed, bundled) = (PARSED.get(index)?, BUNDLED.get(index)?);
    if let Some(definition) = parsed.get() {
        return Some(Ok(definition.clone()));
    }
    let definition = Definition::bundled(bundled);
    Some(definition.map(|definition| parsed.get_or_init(|| definition).clone()))
}

/// One entry of [`Catalog::list`].
#[derive(Debug)]
pub struct Listed {
    /// The provider's name.
    pub id: ProviderId,
    /// Where its definition comes from.
    pub source: Source,
    /// The definition, or what is wrong with it.
    pub definition: Result<Definition, CatalogError>,
}

/// Why a definition cannot be provided.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The definition is not valid.
    #[error("{}: {error}", file.display())]
    Invalid {
        /// The file with the definition.
        file: PathBuf,
        /// What is wrong with it.
        error: DefinitionError,
    },
    /// No definition has this name.
    #[error("there is no provider `{id}`")]
    NotFound {
        /// The name.
        id: ProviderId,
        /// At most three similar names, the nearest first.
        near: Vec<ProviderId>,
    },
    /// The custom definition cannot be read.
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

fn check_name(definition: Definition, id: &ProviderId) -> Result<Definition, DefinitionError> {
    if definition.provider.id == *id {
        return Ok(definition);
    }
    let name = &definition.provider.id;
    Err(DefinitionError::field(
        "name",
        format!("it is `{name}`, and the file is called {id}.json"),
    ))
}

/// Whether the name ends as that of a definition does, and is not one. A hidden file is not meant
/// to be read, and one that is not valid Unicode is a stray as well.
fn is_stray(path: &Path) -> bool {
    let ends_well = path.extension().is_some_and(|ending| {
        ending.eq_ignore_ascii_case("json") || ending.eq_ignore_ascii_case("jsonc")
    });
    let name = path.file_name().unwrap_or_default();
    let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
    let is_read = id.is_some_and(|id| id.parse::<ProviderId>().is_ok());
    ends_well && !is_read && !name.as_encoded_bytes().starts_with(b".")
}

/// The text of a file of limited size. A pipe or device is refused, because reading it could block.
fn read(path: &Path) -> io::Result<String> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let mut text = String::new();
    let size = File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(size).is_ok_and(|size| size <= MAX_FILE_BYTES) {
        Ok(text)
    } else {
        Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is larger than 1 MiB",
        ))
    }
}
