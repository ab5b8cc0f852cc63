//! The session's directory with most of its files, which another thread writes while the proxy is
//! made.
//!
//! Whatever stands in the way is found and told by the ordinary way, which is then taken from its
//! beginning (`environment.rs`).

use std::sync::Arc;

use authsome_ca::TrustBundle;

use super::directories;
use super::options::Options;
use super::parent::Parent;
use crate::env::helpers;
use crate::net::tls::{ReadAhead, TrustError};
use crate::os::run_dir::{self, RunDirectory};
use crate::os::second_thread::{Asked, SecondThread};

/// A directory that is being made, if there is a thread for it. Dropped, nothing is left of it.
pub(super) struct FilesAhead(Option<Asked<Option<RunDirectory>>>);

impl FilesAhead {
    /// Begins to make it where the ordinary way would look first. `session` is the session's public
    /// name. Returns the roots as well, once they are read.
    pub(super) fn begin(
        thread: Option<&SecondThread>,
        (host, options): (&Parent, &Options),
        session: &str,
        roots: ReadAhead,
    ) -> Result<(Arc<TrustBundle>, Self), TrustError> {
        let roots = roots.bundle()?;
        // Those of containers are others, and a directory that the user names is checked first.
        let is_usual = options.containers.is_none() && options.directory.is_none();
        let place = thread.filter(|_| is_usual).zip(directories::first(host));
        let asked = place.map(|(thread, place)| {
            let (roots, session) = (Arc::clone(&roots), session.to_owned());
            thread.ask(move || {
                let place = run_dir::fit(&place).ok()?;
                run_dir::sweep(&place);
                let directory = RunDirectory::create(&place, &session).ok()?;
                helpers::write_common(&directory, &roots).ok()?;
                Some(directory)
            })
        });
        Ok((roots, Self(asked)))
    }

    /// The directory, once it is made. `None` if something stood in the way.
    pub(super) fn directory(mut self) -> Option<RunDirectory> {
        self.take()
    }

    fn take(&mut self) -> Option<RunDirectory> {
        self.0.take()?.value()?
    }
}

impl Drop for FilesAhead {
    /// Waits for the thread, which may be about to make it.
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::Ipv4Addr;
    use std::path::Path;

    use super::*;
    use crate::session::options::SeenFrom;

    const SESSION: &str = "ThisSession";

    fn begin(
        thread: &SecondThread,
        place: &Path,
        options: &Options,
    ) -> (Arc<TrustBundle>, FilesAhead) {
        let parent = Parent::new([("TMPDIR".into(), place.into())], "/");
        let roots = parent.trust().read_ahead_on(thread);
        FilesAhead::begin(Some(thread), (&parent, options), SESSION, roots).unwrap()
    }

    fn count(place: &Path) -> usize {
        fs::read_dir(place).unwrap().count()
    }

    #[test]
    fn the_directory_is_made_where_it_belongs_and_nothing_is_left_of_one_that_is_not_taken() {
        let temporary = tempfile::tempdir().unwrap();
        let place = temporary.path().canonicalize().unwrap();
        let (thread, options) = (SecondThread::start(), Options::default());
        let (_, ahead) = begin(&thread, &place, &options);
        let directory = ahead.directory().unwrap();
        assert_eq!(directory.path(), place.join(format!("authsome-{SESSION}")));
        assert!(directory.path().join("bundle.pem").is_file());
        drop(directory);
        let (roots, ahead) = begin(&thread, &place, &options);
        drop(ahead);
        assert_eq!(Arc::strong_count(&roots), 1, "the thread has done it");
        assert_eq!(count(&place), 0);
    }

    #[test]
    fn where_something_stands_in_the_way_there_is_none() {
        let temporary = tempfile::tempdir().unwrap();
        let (place, thread) = (temporary.path(), SecondThread::start());
        let other = RunDirectory::create(place, SESSION).unwrap();
        let unspeakable = place.join("$HOME");
        fs::create_dir(&unspeakable).unwrap();
        let containers = Options {
            containers: Some(SeenFrom {
                host: Ipv4Addr::LOCALHOST.to_string(),
                directory: "/run/authsome".into(),
            }),
            ..Options::default()
        };
        let named = Options {
            directory: Some(place.join("named")),
            ..Options::default()
        };
        for (place, options) in [
            (place, Options::default()),
            (&unspeakable, Options::default()),
            (place, containers),
            (place, named),
        ] {
            let (_, ahead) = begin(&thread, place, &options);
            assert!(ahead.directory().is_none());
        }
        assert_eq!((count(place), count(other.path())), (2, 1));
    }
}
