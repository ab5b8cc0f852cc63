//! What concerns only a vault in a file: its mode, a truncation, a later version.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use rusqlite::Connection;

use crate::os::home::Home;
use crate::secret::Secret;
use crate::vault::{Change, Expect, RecordKey, Vault, VaultError, open};

struct Opened {
    _directory: tempfile::TempDir,
    home: Home,
    vault: Arc<dyn Vault>,
}

/// A vault with records of those names.
fn opened(things: &[&str]) -> Opened {
    let (directory, home) = Home::temporary();
    let vault = open(&home, None).unwrap();
    for name in things {
        vault.apply(&[put(name)]).unwrap();
    }
    Opened {
        _directory: directory,
        home,
        vault,
    }
}

fn put(name: &str) -> Change {
    Change::Put {
        key: RecordKey::new("thing", name),
        value: Secret::new(name.as_bytes().to_vec()),
        expect: Expect::Absent,
    }
}

/// The tables, as another program sees them.
fn tables(home: &Home) -> Connection {
    Connection::open(home.path("vault.db")).unwrap()
}

#[test]
fn its_files_are_private() {
    let Opened { home, .. } = &opened(&["a"]);
    for file in ["vault.db", "vault.db-wal", "vault.db-shm", "master.key"] {
        let mode = fs::metadata(home.path(file)).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
}

#[test]
fn one_pass_goes_on_behind_a_record_that_does_not_open() {
    let Opened { home, vault, .. } = &opened(&["a", "b", "c"]);
    let swap =
        "UPDATE record SET sealed = (SELECT sealed FROM record WHERE name = 'c') WHERE name = 'b'";
    tables(home).execute(swap, []).unwrap();
    let mut seen = Vec::new();
    vault
        .each("thing", &mut |name, record| {
            seen.push((name.to_owned(), record.is_ok()));
        })
        .unwrap();
    let expected = [("a", true), ("b", false), ("c", true)];
    assert_eq!(seen, expected.map(|(name, is_ok)| (name.to_owned(), is_ok)));
    let read = vault.get(&RecordKey::new("thing", "b"));
    assert!(matches!(read, Err(VaultError::Tampered { .. })), "{read:?}");
}

#[test]
fn a_truncated_vault_is_an_error_at_every_length_and_is_left_as_it_is() {
    let opened = opened(&["a"]);
    let home = &opened.home;
    drop(opened.vault);
    let path = home.path("vault.db");
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 99, 100, 512, 4095, 4096, 5000, whole.len() - 4096] {
        let file = fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut &file, &whole[..length]).unwrap();
        let read = open(home, None).and_then(|vault| vault.get(&RecordKey::new("thing", "a")));
        assert!(
            matches!(read, Err(VaultError::Corrupt { .. })),
            "length {length}: {read:?}"
        );
        assert_eq!(
            fs::metadata(&path).unwrap().len(),
            length as u64,
            "the file is left for a rescue"
        );
    }
}

#[test]
fn a_vault_that_a_later_version_took_over_is_left_alone() {
    let Opened { home, vault, .. } = &opened(&["a"]);
    let later = tables(home);
    later.pragma_update(None, "user_version", 3).unwrap();
    let written = vault.apply(&[put("b")]);
    assert!(
        matches!(written, Err(VaultError::TooNew { .. })),
        "{written:?}"
    );
    let seal =
        "UPDATE record SET sealed = CAST(x'03' || substr(sealed, 2) AS BLOB) WHERE name = 'a'";
    later.execute(seal, []).unwrap();
    let read = vault.get(&RecordKey::new("thing", "a"));
    assert!(matches!(read, Err(VaultError::TooNew { .. })), "{read:?}");
    let opened = open(home, None).err();
    assert!(
        matches!(opened, Some(VaultError::TooNew { .. })),
        "{opened:?}"
    );
}
