//! The flags of `authsome vault`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCandidates;

use super::named::Target;
use crate::age_file::Recipient;
use crate::cli::complete;

const EXPORT_EXAMPLES: &str = "\
Without --recipient and --passphrase-file, whoever has this vault's key can open the file:
a machine with the same AUTHSOME_MASTER_KEY.

Examples:
  authsome vault export --to gitlab.age --only gitlab
  authsome vault export --to gitlab.age --recipient age1...
  authsome vault export --to - --passphrase-file pass.txt | ssh build authsome vault import -";

const MOVE_EXAMPLES: &str = "\
Afterwards, say where the vault is: AUTHSOME_VAULT, or vault in config.toml.

Examples:
  authsome vault move --to postgres://ci@db.acme.com/grants
  AUTHSOME_VAULT=postgres://ci@db.acme.com/grants authsome vault move --to home";

const IMPORT_EXAMPLES: &str = "\
A later pair of the same login is never replaced by an earlier one.

Examples:
  authsome vault import gitlab.age
  authsome vault import gitlab.age --identity-file key.txt";

#[derive(Clone, Debug, Subcommand)]
pub(in crate::cli) enum Vault {
    /// Show where the vault and its key are
    Status,
    /// Give the vault a new key, and keep that in another place
    Rekey(Rekey),
    /// Move all connections to a database that machines share, or back into this home
    #[command(after_help = MOVE_EXAMPLES)]
    Move(VaultMove),
    /// Write connections to a sealed file, for a CI job or another machine
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(VaultExport),
    /// Take in connections of a sealed file, where it has newer ones
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(VaultImport),
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Rekey {
    /// Where to keep the new key
    #[arg(long, value_enum)]
    pub(in crate::cli) to: KeyPlaceArgument,
    /// Print the new key, which is needed for `--to env`
    #[arg(long)]
    pub(in crate::cli) show_secret: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum KeyPlaceArgument {
    /// The keyring of your session
    Keyring,
    /// A file beside the vault
    File,
    /// Nowhere: you keep it, and set `AUTHSOME_MASTER_KEY`
    Env,
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct VaultMove {
    /// The database, as `postgres://USER@HOST/DATABASE`, or `home`
    #[arg(long, value_name = "ADDRESS|home")]
    pub(in crate::cli) to: String,
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct VaultExport {
    /// Only these connections; all of them if omitted
    #[arg(
        long,
        value_name = "PROVIDER[/NAME],...",
        value_delimiter = ',',
        add = ArgValueCandidates::new(complete::targets)
    )]
    pub(in crate::cli) only: Vec<Target>,
    /// The file to write, or - for standard output
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) to: PathBuf,
    /// Seal it to this recipient of age, an age1... word; may be repeated
    #[arg(long, value_name = "RECIPIENT", conflicts_with = "passphrase_file")]
    pub(in crate::cli) recipient: Vec<Recipient>,
    /// Seal it with the passphrase in this file, or - for standard input
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) passphrase_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct VaultImport {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Open it with the identities in this file, as age-keygen writes it
    #[arg(long, value_name = "PATH", conflicts_with = "passphrase_file")]
    pub(in crate::cli) identity_file: Option<PathBuf>,
    /// Open it with the passphrase in this file, or - for standard input
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) passphrase_file: Option<PathBuf>,
    /// Replace a connection of another login, even if it works
    #[arg(long)]
    pub(in crate::cli) force: bool,
}
