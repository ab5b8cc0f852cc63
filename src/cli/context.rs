//! Builds what a command needs, when the command needs it.

use std::sync::Arc;
use std::thread;

use authsome_providers::{Definition, Provider, ProviderId, Service};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::args::Named;
use super::failure::{Exit, Failure, MORE_PROCESSES, not_found};
use super::notices::tell;
use super::printer::Printer;
use super::waits;
use crate::connection::{Connection, Stored};
use crate::credential::{ConnectionId, ConnectionName};
use crate::net::resolve::Resolve;
use crate::net::tls::ReadAhead;
use crate::oauth::HttpClients;
use crate::os::private_memory;
use crate::os::ulimits::Ulimits;
use crate::session::{Parent, UserData, UserFiles};
use crate::vault::{ExportKeys, Offline};

/// If this variable is 1, authsome's memory stays readable for a debugger or profiler of the same
/// user.
const READABLE_MEMORY: &str = "AUTHSOME_READABLE_MEMORY";

/// What every command gets.
pub(super) struct Context<'a> {
    pub(super) printer: &'a Printer,
    /// The limits that authsome was started with, which are restored for a command.
    pub(super) ulimits: Ulimits,
}

impl<'a> Context<'a> {
    pub(super) fn new(printer: &'a Printer, ulimits: Ulimits) -> Self {
        if wants_readable_memory() {
            printer.warn(&format!(
                "{READABLE_MEMORY}=1: other processes of this user can read authsome's memory, and every secret in it"
            ));
        }
        Self { printer, ulimits }
    }

    pub(super) fn user_files() -> Result<UserFiles, Failure> {
        Ok(UserFiles::open_telling(
            &Parent::of_this_process(),
            Some(waits::told()),
        )?)
    }

    pub(super) fn user_data() -> Result<UserData, Failure> {
        Self::user_data_of(&Parent::of_this_process())
    }

    pub(super) fn user_data_of(parent: &Parent) -> Result<UserData, Failure> {
        Self::opened(parent, false)
    }

    /// The same for a session. With `offline_ok`, a copy of a shared vault does where its server is
    /// away.
    pub(super) fn user_data_or_copy(
        parent: &Parent,
        offline_ok: bool,
    ) -> Result<Arc<UserData>, Failure> {
        Self::opened(parent, offline_ok).map(Arc::new)
    }

    fn opened(parent: &Parent, offline_ok: bool) -> Result<UserData, Failure> {
        let mut files = UserFiles::open_telling(parent, Some(waits::told()))?;
        if offline_ok {
            files.offline = Offline::UseCopy;
        }
        if !wants_readable_memory() {
            refuse_tracer()?; // before the key is read
        }
        Ok(files.with_vault(parent)?)
    }

    /// The same for something that the vault's own key opens, which `check` does. Without such a
    /// key, no vault is created.
    pub(super) fn user_data_for(
        check: impl FnOnce(&ExportKeys) -> Result<(), Failure>,
    ) -> Result<UserData, Failure> {
        let parent = Parent::of_this_process();
        let files = UserFiles::open_telling(&parent, Some(waits::told()))?;
        if !wants_readable_memory() {
            refuse_tracer()?; // before the key is read
        }
        files.with_vault_for(&parent, check)
    }

    /// A single-threaded runtime on the process's main thread. A child's parent-death signal is
    /// bound to the thread that starts the child, and so to the life of the process.
    ///
    /// Name lookups and vault accesses run on further threads, which are started when needed.
    /// authsome cannot work without them, so this checks right away that a thread can be started.
    /// It is not waited for: the roots, which are read meanwhile, would take this processor.
    pub(super) fn runtime() -> Result<Runtime, Failure> {
        if let Err(error) = thread::Builder::new().spawn(|| ()) {
            let message = format!("cannot start a thread: {error}");
            let hint = MORE_PROCESSES;
            return Err(Failure::new(Exit::Unexpected, "unexpected", message, hint));
        }
        unchecked_runtime()
    }

    /// The same beside `roots`: where a thread reads them, one can be started.
    pub(super) fn runtime_beside(roots: &ReadAhead) -> Result<Runtime, Failure> {
        if roots.is_on_thread() {
            unchecked_runtime()
        } else {
            Self::runtime()
        }
    }

    pub(super) fn clients(resolve: &[Resolve]) -> HttpClients {
        let parent = Parent::of_this_process();
        HttpClients::new(parent.trust(), resolve, parent.proxies())
    }
}

fn unchecked_runtime() -> Result<Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    Ok(builder.enable_all().build()?)
}

impl UserData {
    /// The definition of a provider. Its warnings are printed.
    pub(super) fn definition(
        &self,
        id: &ProviderId,
        printer: &Printer,
    ) -> Result<Definition, Failure> {
        Ok(self.definition_of(id, &|notice| tell(notice, printer))?)
    }

    /// The provider that the definition describes.
    pub(super) fn provider(
        &self,
        id: &ProviderId,
        printer: &Printer,
    ) -> Result<Arc<Provider>, Failure> {
        Ok(self.definition(id, printer)?.provider)
    }

    /// The same for a command that only shows something. If the user's own definition cannot be
    /// used, that is reported, and the bundled one is shown.
    pub(super) fn definition_to_show(
        &self,
        id: &ProviderId,
        printer: &Printer,
    ) -> Result<Definition, Failure> {
        let (definition, unused) = self.catalog.get_or_bundled(id)?;
        if let Some(error) = unused {
            printer.warn(&format!(
                "{error}; this is by the definition that comes with authsome"
            ));
            return Ok(definition);
        }
        self.definition(id, printer)
    }

    /// The connection that the flags name.
    pub(super) fn connection(&self, named: &Named) -> Result<Stored, Failure> {
        let id = self.id_of(named)?;
        self.store
            .load(&id)?
            .ok_or_else(|| not_found(&id.provider, Some(&id.name)))
    }

    /// The id of the connection that the flags name.
    pub(super) fn id_of(&self, named: &Named) -> Result<ConnectionId, Failure> {
        if let Some((one, other)) = named.contradiction() {
            let message = format!("it names two connections, {one} and {other}");
            let hint = "leave out --connection, or the name after the slash";
            return Err(Failure::new(Exit::Usage, "usage", message, hint));
        }
        self.id(named.provider(), named.name())
    }

    /// The id of the provider's connection with that name, or of its default connection.
    fn id(
        &self,
        provider: &ProviderId,
        name: Option<&ConnectionName>,
    ) -> Result<ConnectionId, Failure> {
        let name = match name {
            Some(name) => Some(name.clone()),
            None => self.store.default_of(provider)?,
        };
        if let Some(name) = name {
            return Ok(ConnectionId {
                provider: provider.clone(),
                name,
            });
        }
        let others: Vec<_> = self
            .store
            .list()?
            .into_iter()
            .filter(|id| id.provider == *provider)
            .collect();
        if others.is_empty() {
            self.catalog.get(provider)?; // an unknown provider is reported first
            return Err(not_found(provider, None));
        }
        let names: Vec<_> = others.iter().map(|id| id.name.to_string()).collect();
        let message = format!(
            "{provider} has no default connection; there are: {}",
            names.join(", ")
        );
        let hint = format!("authsome set-default {provider} {}", names[0]);
        Err(Failure::new(
            Exit::NoConnection,
            "connection_not_found",
            message,
            hint,
        ))
    }
}

/// Whether the user wants to debug or profile authsome itself.
pub(super) fn wants_readable_memory() -> bool {
    std::env::var_os(READABLE_MEMORY).is_some_and(|value| value == "1")
}

/// Refuses to work under a tracer, which could read every secret and control what is done with it.
fn refuse_tracer() -> Result<(), Failure> {
    let Some(tracer) = private_memory::tracer() else {
        return Ok(());
    };
    let message = format!(
        "process {} ({}) traces authsome and would see every secret",
        tracer.pid, tracer.name
    );
    let hint = format!(
        "start the tracer inside the run: authsome run -- strace COMMAND; to debug authsome itself: {READABLE_MEMORY}=1"
    );
    Err(Failure::new(Exit::Vault, "traced", message, hint))
}

/// Waits for Ctrl-C. From the first poll on, Ctrl-C no longer ends the process by itself.
pub(super) async fn interrupt() {
    match signal(SignalKind::interrupt()) {
        Ok(mut interrupt) => drop(interrupt.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// The service at this connection's instance, limited to the routes that the connection was made
/// with.
pub(super) fn service_of(provider: &Provider, connection: &Connection) -> Result<Service, Failure> {
    let mut service = provider.at(connection.base_url.as_ref())?;
    if let Some(terms) = &connection.terms {
        service.keep_to(&terms.routes);
        if service.routes.is_empty() {
            service.routes.clone_from(&terms.routes); // the definition names none of them any more
        }
    }
    Ok(service)
}
