//! Which connection git logs in with at a URL, outside of any run: where a run would inject its
//! credential into git's requests, that connection answers.

use authsome_providers::{BaseUrl, RoutePattern, Shape};

use super::error::SessionError;
use super::member::Member;
use super::members::gather;
use super::notice::Notice;
use super::options::Options;
use super::parent::Parent;
use super::user_data::UserData;
use crate::authority::Authority;
use crate::canonical_path::canonical_path;
use crate::connection::Stored;
use crate::credential::ConnectionId;
use crate::credential::git_protocol::{GitRequest, common_username};
use crate::env::git_config::git_shape;
use crate::proxy::Preference;

/// The connection that git logs in with, and how.
#[derive(Debug)]
pub(crate) struct GitLogin {
    /// The connection.
    pub(crate) stored: Stored,
    /// How it is sent.
    pub(crate) shape: Shape,
    /// The path of the instance on its host.
    prefix: String,
    is_default: bool,
}

/// What was found for a URL.
#[derive(Debug)]
pub(crate) enum GitChoice {
    /// Connections are at that URL, and none of them is the account that git asks for.
    AnotherAccount {
        /// These.
        ids: Vec<ConnectionId>,
        /// The address that the first one was made at, if it was made at one.
        base_url: Option<BaseUrl>,
    },
    /// No connection is at that URL.
    Nothing,
    /// The connection is at a path of the host, and git does not tell the path.
    NeedsPath(ConnectionId),
    /// A connection is at that host, but the credential would be sent in the clear.
    NotHttps(ConnectionId),
    /// This one.
    One(Box<GitLogin>),
    /// Several are at that URL, and none of them is the only default.
    Several(Vec<ConnectionId>),
}

/// Chooses the connection for what git asks.
pub(crate) fn git_login(
    request: &GitRequest,
    data: &UserData,
    parent: &Parent,
    notify: &dyn Fn(Notice),
) -> Result<GitChoice, SessionError> {
    let Some(authority) = &request.authority else {
        return Ok(GitChoice::Nothing);
    };
    // By the same spelling as in a run: what a run refuses gets no answer here, because the server
    // could take `/gitlab/..;/other` for `/other`.
    let path = request.path.as_ref().map(|path| format!("/{path}"));
    let Ok(path) = path.as_deref().map(canonical_path).transpose() else {
        return Ok(GitChoice::Nothing);
    };
    let members = gather(&Options::default(), data, parent, notify)?.members;
    let here = |member| login_at(member, authority, request, path.as_deref());
    Ok(choose(
        members.into_iter().filter_map(here).collect(),
        request,
    ))
}

/// The login of a connection whose host this is, and whose path, if git tells it.
fn login_at(
    member: Member,
    authority: &Authority,
    request: &GitRequest,
    path: Option<&str>,
) -> Option<GitLogin> {
    let is_here = |route: &&RoutePattern| {
        // http has another port, and gets no answer but a warning.
        let has_port = route.port == authority.port() || !request.is_https;
        has_port
            && route.host.matches(authority.host())
            && path.is_none_or(|path| route.is_above(path))
    };
    let service = &member.service;
    let routes = service.routes.iter().filter(is_here);
    let mut found = routes.filter_map(|route| Some((route, git_shape(service, route)?)));
    let (route, shape) = found.next()?;
    Some(GitLogin {
        shape: shape.clone(),
        prefix: route.path_prefix.clone(),
        is_default: member.preference == Preference::Default,
        stored: member.stored,
    })
}

fn choose(mut logins: Vec<GitLogin>, request: &GitRequest) -> GitChoice {
    let Some(first) = logins.first() else {
        return GitChoice::Nothing;
    };
    if !request.is_https {
        return GitChoice::NotHttps(first.id());
    }
    let id = first.id();
    match &request.path {
        // The longest path, as in a run.
        Some(_) => {
            let longest = logins.iter().map(|login| login.prefix.len()).max();
            logins.retain(|login| Some(login.prefix.len()) == longest);
        }
        // git would send the answer to any path of the host, where another service may be.
        None => logins.retain(|login| login.prefix.is_empty()),
    }
    if logins.is_empty() {
        return GitChoice::NeedsPath(id);
    }
    let is_particular = |name: &&String| {
        let mut common = logins.iter().map(|login| common_username(&login.shape));
        !common.any(|common| common.as_ref() == Some(name))
    };
    if let Some(name) = request.username.as_ref().filter(is_particular) {
        let is_unknown = matches!(&logins[..], [only] if only.stored.connection.account.is_none());
        if !is_unknown && !logins.iter().any(|login| login.is_called(name)) {
            let base_url = logins.first();
            let base_url = base_url.and_then(|login| login.stored.connection.base_url.clone());
            let ids = ids(&logins);
            return GitChoice::AnotherAccount { ids, base_url };
        }
        logins.retain(|login| is_unknown || login.is_called(name));
    }
    let ids = ids(&logins);
    if logins.len() > 1 {
        logins.retain(|login| login.is_default);
    }
    match (logins.pop(), logins.is_empty()) {
        (Some(login), true) => GitChoice::One(Box::new(login)),
        _ => GitChoice::Several(ids),
    }
}

fn ids(logins: &[GitLogin]) -> Vec<ConnectionId> {
    logins.iter().map(GitLogin::id).collect()
}

impl GitLogin {
    fn id(&self) -> ConnectionId {
        self.stored.connection.id.clone()
    }

    /// Whether that is a name of the account, or of the connection.
    fn is_called(&self, name: &str) -> bool {
        let connection = &self.stored.connection;
        let account = connection.account.as_ref();
        let label = account.and_then(|account| account.label.as_deref());
        let id = account.map(|account| account.id.as_str());
        let fields = connection.fields.iter();
        let fields = fields.filter_map(|field| field.public_value());
        let (full, own) = (connection.id.to_string(), connection.id.name.to_string());
        let mut known = [Some(full.as_str()), Some(&own), label, id].into_iter();
        known.any(|known| known == Some(name)) || fields.into_iter().any(|field| field == name)
    }
}
