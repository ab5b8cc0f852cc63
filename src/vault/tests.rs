//! What every vault must do, however it stores its records. An implementation is added to these
//! tests by its name in `suite!`.

use std::ffi::OsStr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::memory::MemoryVault;
use authsome_test_support::Postgres;

use super::{Change, Expect, Offline, RecordKey, RecordLock, Vault, VaultError, open, open_shared};
use crate::net::tls::Trust;
use crate::os::home::Home;
use crate::secret::Secret;

/// A vault, and a function that opens it again, as another process would.
struct Subject {
    vault: Arc<dyn Vault>,
    again: Box<dyn Fn() -> Arc<dyn Vault>>,
}

fn in_sqlite() -> Subject {
    let (directory, home) = Home::temporary();
    let again = move || {
        let _kept = &directory;
        open(&home, None).unwrap()
    };
    Subject {
        vault: again(),
        again: Box::new(again),
    }
}

fn in_postgres() -> Option<Subject> {
    let url = Postgres::shared()?.database();
    let (directory, home) = Home::temporary();
    let key = OsStr::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let trust = Trust::new(None, Vec::new());
    let again = move || {
        let _kept = &directory;
        open_shared(&url, &home, Some(key), &trust, Offline::Refuse).unwrap()
    };
    Some(Subject {
        vault: again(),
        again: Box::new(again),
    })
}

fn in_memory() -> Subject {
    let vault = MemoryVault::default();
    let again = vault.clone();
    Subject {
        vault: Arc::new(vault),
        again: Box::new(move || Arc::new(again.clone())),
    }
}

macro_rules! suite {
    ([$($implementation:ident),+], $tests:tt) => {
        $(suite!(@ $implementation, $tests);)+
    };
    (@ $implementation:ident, { $($test:ident),+ $(,)? }) => {
        mod $implementation {
            $(#[test] fn $test() {
                // Where there is no server, its tests are skipped by name.
                let subject: Option<super::Subject> = super::$implementation().into();
                if let Some(subject) = subject {
                    super::$test(&subject);
                }
            })+
        }
    };
}

suite!([in_sqlite, in_memory, in_postgres], {
    keeps_records_for_who_opens_it_next,
    names_and_reads_all_of_a_kind_in_order,
    compares_before_it_swaps,
    a_refused_transaction_leaves_nothing,
    never_gives_a_generation_twice,
    takes_writers_at_one_time,
    a_small_write_changes_no_record,
    has_one_renewal_of_a_record_at_a_time,
    a_lock_is_free_again_for_who_waits,
    an_unused_reserve_is_nothing_and_goes_away,
    a_filled_reserve_waits_for_everybody,
    a_second_reserve_leaves_the_value_that_waits,
});

fn key(name: &str) -> RecordKey {
    RecordKey::new("thing", name)
}

fn secret(text: &str) -> Secret<Vec<u8>> {
    Secret::new(text.as_bytes().to_vec())
}

fn put(name: &str, value: &str, expect: Expect) -> Change {
    Change::Put {
        key: key(name),
        value: secret(value),
        expect,
    }
}

fn text(value: &Secret<Vec<u8>>) -> String {
    String::from_utf8(value.expose().clone()).unwrap()
}

fn read(vault: &dyn Vault, name: &str) -> Option<(u64, String)> {
    let record = vault.get(&key(name)).unwrap()?;
    Some((record.generation, text(&record.value)))
}

fn keeps_records_for_who_opens_it_next(Subject { vault, again }: &Subject) {
    let changes = [
        put("a", "one", Expect::Absent),
        put("b", "two", Expect::Any),
    ];
    let generations = vault.apply(&changes).unwrap();
    assert!(generations[1] > generations[0]);
    let other = again();
    assert_eq!(read(&*other, "a"), Some((generations[0], "one".to_owned())));
    assert_eq!(other.generation(&key("b")).unwrap(), Some(generations[1]));
    assert_eq!(read(&*other, "c"), None);
    assert_eq!(other.generation(&key("c")).unwrap(), None);
    let other_kind = RecordKey::new("other", "a");
    assert!(other.get(&other_kind).unwrap().is_none());
}

fn names_and_reads_all_of_a_kind_in_order(Subject { vault, .. }: &Subject) {
    for name in ["b", "a/2", "a0", "a/1"] {
        vault.apply(&[put(name, name, Expect::Absent)]).unwrap();
    }
    assert_eq!(vault.names("thing").unwrap(), ["a/1", "a/2", "a0", "b"]);
    assert_eq!(vault.names_from("thing", "a/").unwrap(), ["a/1", "a/2"]);
    assert_eq!(vault.names_from("thing", "c").unwrap(), [""; 0]);
    assert_eq!(vault.names("other").unwrap(), [""; 0]);
    let mut seen = Vec::new();
    let mut visit = |name: &str, record: Result<super::Record, _>| {
        assert_eq!(text(&record.unwrap().value), name);
        seen.push(name.to_owned());
    };
    vault.each("thing", &mut visit).unwrap();
    assert_eq!(seen, ["a/1", "a/2", "a0", "b"]);
}

fn compares_before_it_swaps(Subject { vault, again }: &Subject) {
    let other = again();
    let first = vault.apply(&[put("a", "one", Expect::Absent)]).unwrap()[0];
    let refused = |change: Change| other.apply(&[change]).unwrap_err();
    let taken = refused(put("a", "x", Expect::Absent));
    assert!(matches!(taken, VaultError::Conflict), "{taken}");
    let swap = |generation| put("a", "two", Expect::Generation(generation));
    let second = other.apply_now(&[swap(first)], None).unwrap()[0];
    let stale = refused(swap(first));
    assert!(matches!(stale, VaultError::Conflict), "{stale}");
    assert_eq!(read(&**vault, "a"), Some((second, "two".to_owned())));
    vault.apply(&[Change::Delete(key("a"))]).unwrap();
    let gone = refused(swap(second));
    assert!(matches!(gone, VaultError::Conflict), "{gone}");
}

fn a_refused_transaction_leaves_nothing(Subject { vault, .. }: &Subject) {
    vault.apply(&[put("a", "one", Expect::Absent)]).unwrap();
    let refused = vault.apply(&[
        put("b", "new", Expect::Absent),
        Change::Delete(key("a")),
        put("c", "new", Expect::Generation(0)),
    ]);
    assert!(matches!(refused, Err(VaultError::Conflict)), "{refused:?}");
    assert_eq!(vault.names("thing").unwrap(), ["a"]);
}

fn never_gives_a_generation_twice(Subject { vault, .. }: &Subject) {
    let write = || vault.apply(&[put("a", "x", Expect::Any)]).unwrap()[0];
    let before = write();
    vault.apply(&[Change::Delete(key("a"))]).unwrap();
    vault.apply(&[Change::Delete(key("a"))]).unwrap(); // to delete nothing is no error
    assert!(write() > before);
}

fn takes_writers_at_one_time(Subject { again, .. }: &Subject) {
    let writers: Vec<_> = (0..4).map(|_| again()).collect();
    let mut generations: Vec<_> = thread::scope(|scope| {
        let write = |vault: Arc<dyn Vault>| {
            let put = || put("a", "x", Expect::Any);
            (0..5).map(move |_| vault.apply(&[put()]).unwrap()[0])
        };
        let writers: Vec<_> = writers
            .into_iter()
            .map(|vault| scope.spawn(move || write(vault).collect::<Vec<_>>()))
            .collect();
        let written = writers.into_iter().map(|writer| writer.join().unwrap());
        written.flatten().collect()
    });
    generations.sort_unstable();
    generations.dedup();
    assert_eq!(generations.len(), 20);
    let last = again().generation(&key("a")).unwrap();
    assert_eq!(last, generations.last().copied());
}

fn a_small_write_changes_no_record(Subject { vault, .. }: &Subject) {
    vault.apply(&[put("a", "one", Expect::Absent)]).unwrap();
    let before = read(&**vault, "a");
    vault.check_writable().unwrap();
    assert_eq!(read(&**vault, "a"), before);
}

fn lock(vault: &dyn Vault, name: &str) -> Result<RecordLock, VaultError> {
    vault.lock(&key(name), Duration::from_millis(1))
}

fn has_one_renewal_of_a_record_at_a_time(Subject { vault, again }: &Subject) {
    let other = again();
    let held = lock(&**vault, "a/b").unwrap();
    for vault in [vault, &other] {
        let refused = lock(&**vault, "a/b").unwrap_err();
        assert!(refused.is_held(), "{refused}");
    }
    let _free = lock(&*other, "a/c").unwrap();
    // A new login does not wait for a renewal.
    let written = other.apply(&[put("a/b", "x", Expect::Any)]);
    written.unwrap();
    drop(held);
    lock(&*other, "a/b").unwrap();
}

fn a_lock_is_free_again_for_who_waits(Subject { vault, again }: &Subject) {
    let other = again();
    let held = lock(&**vault, "a/b").unwrap();
    thread::scope(|scope| {
        let waiting =
            scope.spawn(move || other.lock(&key("a/b"), Duration::from_secs(30)).map(drop));
        thread::sleep(Duration::from_millis(20));
        drop(held);
        waiting.join().unwrap().unwrap();
    });
}

fn waiting(vault: &dyn Vault, name: &str) -> Option<(u64, u32, String)> {
    let pending = vault.pending(&key(name)).unwrap()?;
    Some((pending.base, pending.step, text(&pending.value)))
}

fn an_unused_reserve_is_nothing_and_goes_away(Subject { vault, again }: &Subject) {
    assert!(vault.pending_names().unwrap().is_empty());
    let reserve = vault.reserve(&key("a/b"), 7, 1, 100).unwrap();
    let other = again();
    assert_eq!(waiting(&*other, "a/b"), None);
    assert!(other.pending_names().unwrap().contains("a/b"));
    drop(reserve);
    assert!(other.pending_names().unwrap().is_empty());
}

fn a_filled_reserve_waits_for_everybody(Subject { vault, again }: &Subject) {
    let mut reserve = vault.reserve(&key("a/b"), 7, 1, 100).unwrap();
    reserve.fill(&secret("half")).unwrap();
    reserve.fill(&secret("TOKEN")).unwrap();
    drop(reserve);
    let other = again();
    assert_eq!(waiting(&*other, "a/b"), Some((7, 1, "TOKEN".to_owned())));
    assert!(other.pending_names().unwrap().contains("a/b"));
    assert_eq!(waiting(&*other, "a/c"), None);
    assert_eq!(read(&*other, "a/b"), None, "it is not in the vault yet");
    other.forget_pending(&key("a/b")).unwrap();
    other.forget_pending(&key("a/b")).unwrap();
    assert_eq!(waiting(&**vault, "a/b"), None);
    assert!(vault.pending_names().unwrap().is_empty());
}

fn a_second_reserve_leaves_the_value_that_waits(Subject { vault, .. }: &Subject) {
    for (step, text) in [(1, "one"), (2, "two"), (3, "three")] {
        let before = waiting(&**vault, "a/b");
        let mut reserve = vault.reserve(&key("a/b"), 7, step, 10).unwrap();
        assert_eq!(waiting(&**vault, "a/b"), before);
        reserve.fill(&secret(text)).unwrap();
        let expected = Some((7, step, text.to_owned()));
        assert_eq!(waiting(&**vault, "a/b"), expected);
    }
}
