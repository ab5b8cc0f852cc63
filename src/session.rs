//! Puts one run together: the user's connections, the session's CA and proxy, and the environment
//! that directs a child process to the proxy.
//!
//! Every program that starts runs does so through [`Session`]; `authsome run` is one of them. A
//! session is built in two steps, and each step consumes the result of the step before:
//! [`Session::plan`] reads the vault and determines which connections take part, and
//! [`SessionPlan::start`] binds the proxy and writes the session's files. What the user should know
//! on the way is reported as a [`Notice`]: this module prints nothing, parses no flags, and never
//! exits the process.
//!
//! ```no_run
//! use authsome::Session;
//! use authsome::session::{Notice, Options, Parent, UserData};
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let parent = Parent::of_this_process();
//! let roots = parent.trust().read_ahead(); // read on a thread, in parallel with what follows
//! let data = UserData::open(&parent)?;
//! let notify = |notice: Notice| eprintln!("{notice:?}");
//! let options = Options {
//!     only: vec!["gitlab".parse()?],
//!     ..Options::default()
//! };
//! let session = Session::plan(options, &data, &parent, &notify)?
//!     .start(roots)
//!     .await?;
//! let mut command = std::process::Command::new("agent");
//! for (name, value) in session.environment().changes() {
//!     match value {
//!         Some(value) => command.env(name, value), // one value contains the proxy's password
//!         None => command.env_remove(name),
//!     };
//! }
//! let mut agent = command.spawn()?;
//! tokio::task::spawn_blocking(move || agent.wait()).await??;
//! session.close(&notify, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

mod closing;
mod contributions;
pub mod control;
mod direct_hosts;
mod directories;
mod dry_run;
mod entered;
mod environment;
mod error;
mod facts;
mod files_ahead;
mod git_login;
mod hand_back;
mod isolated;
mod isolation;
mod joining;
mod key_file;
mod living;
mod made_with;
mod member;
mod members;
mod notice;
mod options;
mod own;
mod parent;
mod pending;
mod policy;
mod routes;
mod run_log;
mod scrub;
mod settings;
mod shared_vault;
mod spawn_isolated;
mod start;
mod suggest;
mod user_data;
mod vault_place;
mod watch;
mod words;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::closing::finish;
use self::control::Stopping;
use self::entered::Entered;
pub use self::error::{DirectoryTrouble, SessionError, UnusedDirectory};
pub use self::facts::{Facts, GuardFact, PlaceFact, RuleFact};
pub(crate) use self::git_login::{GitChoice, GitLogin, git_login};
use self::hand_back::{hand_back_rest, start_apart};
use self::isolated::Isolated;
pub use self::isolated::IsolatedSpawnError;
pub use self::isolation::Isolation;
use self::joining::Joining;
pub use self::living::{allows_export, facts_of, living};
pub(crate) use self::made_with::{is_on_route, provider_made_with};
use self::member::Member;
use self::members::There;
pub use self::notice::{Change, Notice};
pub use self::options::{Join, Options, Park, PolicyOptions, SeenFrom};
pub use self::parent::Parent;
use self::policy::Permitted;
use self::run_log::RunLog;
pub(crate) use self::scrub::Scrub;
use self::scrub::Scrubbed;
pub use self::settings::{
    PolicyFile, Settings, SettingsError, SettingsPreview, allowed_preview, set_allowed,
    set_unasked, unasked_preview,
};
pub use self::suggest::{Observed, ObservedRun, Remark, Sufficient, Suggestion, suggest};
pub use self::user_data::{UserData, UserFiles};
use self::words::Words;
use crate::audit::Feed;
use crate::child::{Child, ChildError, Starter};
use crate::connection::Credentials;
use crate::credential::ConnectionId;
use crate::env::env_vars::Environment;
use crate::env::programs::Programs;
use crate::hand_back::HandBack;
use crate::os::run_dir::RunDirectory;
use crate::os::second_thread::SecondThread;
use crate::proxy::{Pending, Serving};

/// A session whose connections are known, but of which nothing has been created yet.
pub struct SessionPlan<'a> {
    options: Options,
    data: &'a UserData,
    parent: &'a Parent,
    notify: &'a dyn Fn(Notice),
    members: Vec<Member>,
    /// Which connections there are, if others may join.
    there: Option<There>,
    permitted: Permitted,
    scrubbed: Scrubbed,
    /// Writes most of the session's files.
    helping: Option<&'a SecondThread>,
}

/// A session whose proxy accepts connections. [`Session::close`] ends it and waits for work that
/// must not be interrupted. If it is dropped instead, the proxy accepts no further connection, and
/// the session's files are removed.
pub struct Session {
    serving: Serving,
    credentials: Arc<Credentials>,
    address: SocketAddr,
    isolated: Isolated,
    /// Whether its connections are captured whatever their port is.
    captures_all: bool,
    environment: Environment,
    log: RunLog,
    /// How programs other than the command are started.
    programs: Programs,
    /// What hands new pairs to the next job.
    hand_back: Option<Arc<HandBack>>,
    pending: Arc<Pending>,
    needing_login: Vec<ConnectionId>,
    /// `None` if no connection may join.
    joining: Option<Box<Joining>>,
    /// `None` if that failed: its commands are then still recognized by their process ancestry.
    entered: Option<Entered>,
    stopping: Arc<Stopping>,
    directory: RunDirectory,
}

impl Session {
    /// The address that the proxy listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory of the session's files. It is removed with the session.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The certificates that a child has to trust, in a file of PEM: the system's and the session's
    /// own, where clients see it.
    pub fn trust_bundle(&self) -> PathBuf {
        self.directory.seen().join("bundle.pem")
    }

    /// The directory with the files that clients read: the same, or a part of it that containers
    /// may have.
    pub fn client_files(&self) -> PathBuf {
        self.directory.files()
    }

    /// The child's environment. It contains the proxy's password.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Waits until the end of the run is asked for from outside ([`control`]). Returns how long the
    /// command has to end by itself.
    pub async fn stop_requested(&self) -> Duration {
        self.stopping.requested().await
    }

    /// Subscribes to the events from now on: completed requests, refusals, refreshes. They are the
    /// events of the log; none contains a secret.
    pub fn events(&self) -> Feed {
        self.log.audit().subscribe()
    }

    /// Starts a command in that environment. Where the kernel shows the process tree (Linux), its
    /// processes need no password at the proxy. Must be called on a thread that outlives the
    /// command, as [`Child::spawn`] says, and in a program that calls
    /// [`crate::child::exec_in_place`] where its first argument is the helper's.
    pub fn spawn(
        &self,
        program: &OsString,
        arguments: Vec<OsString>,
        starter: impl Into<Starter>,
    ) -> Result<Child, ChildError> {
        let words = Words::of(program, arguments, self.directory());
        let child = Child::spawn(program, &words.told, &self.environment, starter.into())?;
        self.begin(&words.asked, &child);
        Ok(child)
    }

    /// A command has been started.
    fn begin(&self, words: &[OsString], child: &Child) {
        self.log.begin(words, child.id());
        if let Some(tree) = child.tree() {
            self.serving.admit_tree(tree);
        }
        start_apart(self.hand_back.as_deref(), child);
        // Only now, after `Child::spawn` has installed the signal handlers: without them, a signal
        // would kill this process in the middle of a refresh.
        self.credentials.renew_due();
    }

    /// Serves clients that something else starts, until the session is closed. `words` are what the
    /// log shows as the command. The caller has installed its signal handlers: from now on, a
    /// refresh may be under way.
    pub fn attend(&self, words: &[OsString]) {
        self.log.begin(words, std::process::id());
        self.credentials.renew_due();
    }

    /// Waits for a command that this session has started, and returns the exit code of the run.
    pub async fn wait(&self, child: &mut Child) -> Result<u8, ChildError> {
        let code = child.wait().await?;
        self.log.ended(code, child);
        Ok(code)
    }

    /// The public name of the session, as in `AUTHSOME_SESSION`.
    pub fn name(&self) -> &str {
        self.log.id()
    }

    /// What waits for the user: requests, and what programs inside ask for.
    pub fn pending(&self) -> &Arc<Pending> {
        &self.pending
    }

    /// How to start programs other than the command: without a variable that holds a secret.
    pub(crate) fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Ends the session. Requests that are under way at the proxy get a short grace period. A
    /// refresh request that has been sent, and a pair that is being handed back, are waited for
    /// until `given_up` completes; `given_up` is polled only once the wait has become long. Returns
    /// whether all new pairs are handed back.
    pub async fn close(self, notify: &dyn Fn(Notice), given_up: impl Future<Output = ()>) -> bool {
        let closing = Box::pin(self.close_with(|files| files, notify, given_up));
        closing.await.0 // and the files are removed last
    }

    /// The same. `remove` is given the directory of the session's files as soon as the proxy has
    /// stopped serving, because they are of no use without it. Returns what `remove` returns, too.
    pub(crate) async fn close_with<T>(
        self,
        remove: impl FnOnce(RunDirectory) -> T,
        notify: &dyn Fn(Notice),
        given_up: impl Future<Output = ()>,
    ) -> (bool, T) {
        self.serving.shut_down().await;
        let removing = remove(self.directory);
        let mut given_up = pin!(given_up);
        let mut is_given_up = false;
        let until_given_up = async {
            given_up.as_mut().await;
            is_given_up = true;
        };
        let is_durable = finish(&self.credentials, notify, until_given_up).await;
        let until_given_up = async {
            if !is_given_up {
                given_up.await; // it completes once
            }
        };
        let hand_back = self.hand_back.as_deref();
        let is_handed_back = hand_back_rest(hand_back, notify, until_given_up).await;
        // The pair of a refresh that was given up may have been issued: nobody has it.
        let is_handed_back = is_handed_back && (is_durable || hand_back.is_none());
        self.log.finish();
        if let Some(entered) = self.entered {
            entered.leave().await;
        }
        for (id, reason) in self.credentials.needing_login() {
            notify(Notice::NeedsLogin { id, reason });
        }
        for (id, scopes) in self.credentials.lacking().await {
            notify(Notice::LacksScopes { id, scopes });
        }
        (is_handed_back, removing)
    }
}
