//! A provider at the base URL of a connection.

mod place;

use std::sync::Arc;

use url::Url;

pub use self::place::OAuthEndpoints;
use self::place::Place;
use crate::base_url::{BaseUrl, strip_path_prefix};
use crate::endpoint::Endpoint;
use crate::error::DefinitionError;
use crate::field::PLACEHOLDER;
use crate::git_section::GitSection;
use crate::host::HostPattern;
use crate::pointer::JsonPointer;
use crate::provider::{ApiUrl, Auth, Post, Provider, SignedFor};
use crate::route::RoutePattern;
use crate::rules::{GuardRule, Rules};

/// What the proxy needs of a provider at one base URL. A session has one of these for each of its
/// connections, so it is small.
#[derive(Clone, Debug)]
pub struct Service {
    /// The address of the instance, if the provider has one.
    pub base_url: Option<BaseUrl>,
    /// The requests that belong to this connection.
    pub routes: Vec<RoutePattern>,
    /// What is injected into these requests, and which are denied.
    pub rules: Arc<Rules>,
    /// Where git's repositories are. Names for SSH are those of the public instance.
    pub git: Option<GitSection>,
    /// What stands for a part of the credential in a run, where that does not have the usual
    /// placeholder in it.
    pub placeholders: Vec<String>,
}

impl Service {
    /// Keeps only the routes that are within one of `routes`, and returns the others.
    pub fn keep_to(&mut self, routes: &[RoutePattern]) -> Vec<RoutePattern> {
        let within = |route: &RoutePattern| routes.iter().any(|known| known.covers(route));
        let (kept, left_out) = std::mem::take(&mut self.routes)
            .into_iter()
            .partition(within);
        self.routes = kept;
        left_out
    }

    /// A canonical request path in the form that [`Rules`] need: relative to the base URL's path
    /// prefix. `None` if it is not below that prefix.
    pub fn relative_path<'path>(&self, path: &'path str) -> Option<&'path str> {
        strip_path_prefix(
            path,
            self.base_url.as_ref().map_or("", BaseUrl::path_prefix),
        )
    }
}

/// What a login needs of a provider at one base URL.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The address of the instance, if the provider has one.
    pub base_url: Option<BaseUrl>,
    /// The base URL in the form of an issuer identifier: without a trailing slash.
    pub issuer: Option<String>,
    /// The authorization server; `None` if the credential is an API key.
    pub oauth: Option<OAuthEndpoints>,
    /// Where a key is exchanged for what requests carry.
    pub exchange: Option<Url>,
    /// Where the user registers an OAuth application.
    pub applications_url: Option<Url>,
    /// Requests that identify the account of a credential, in the order in which to try them.
    pub account_lookups: Vec<AccountLookup>,
}

/// A request that identifies the account of a credential.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountLookup {
    /// The URL to request with the credential.
    pub url: Url,
    /// Where the response has the account's permanent identifier; `None` if the response only tells
    /// whether the credential is good.
    pub id: Option<JsonPointer>,
    /// Where the response has the account's display name.
    pub label: Option<JsonPointer>,
    /// What is sent if the service is asked by POST; `None` if by GET.
    pub post: Option<Post>,
    /// For what the request is signed, where the credential only signs.
    pub signed_for: Option<SignedFor>,
}

impl Provider {
    /// The provider at the base URL of a connection, or at its own.
    ///
    /// At a base URL other than the definition's own, only that instance is a route: a token of
    /// `gitlab.acme.com` must not be sent to the hosts of the public service.
    pub fn at(&self, base: Option<&BaseUrl>) -> Result<Service, DefinitionError> {
        let place = self.place(base)?;
        let routes = place.routes()?;
        Ok(Service {
            base_url: place.base.cloned(),
            rules: place.rules(&routes)?,
            git: self.git_at(place.base),
            placeholders: self.unusual_placeholders(),
            routes,
        })
    }

    fn unusual_placeholders(&self) -> Vec<String> {
        let fields = match &self.auth {
            Auth::ApiKey(key) => &key.fields[..],
            Auth::OAuth2(_) => &[],
        };
        let fields = fields.iter().map(|field| &field.placeholder);
        let all = std::iter::once(&self.placeholder).chain(fields);
        let mut unusual: Vec<String> = Vec::new();
        for placeholder in all.filter(|text| !text.contains(PLACEHOLDER)) {
            if !unusual.contains(placeholder) {
                unusual.push(placeholder.clone());
            }
        }
        unusual
    }

    /// What of `git` holds at that base URL.
    fn git_at(&self, base: Option<&BaseUrl>) -> Option<GitSection> {
        let mut git = self.git.clone()?;
        let is_moved = base != self.base_url.as_ref();
        if is_moved {
            git.ssh.clear();
        }
        if let Some(base) = base {
            if is_moved || git.host.is_none() {
                git.host = Some(HostPattern::Exact(base.host().to_owned()));
            }
            git.below = git
                .below
                .map(|path| format!("{}{path}", base.path_prefix()));
        }
        Some(git)
    }

    /// What is needed to log in to the provider at the base URL of a connection, or at its own.
    pub fn sign_in_at(&self, base: Option<&BaseUrl>) -> Result<SignIn, DefinitionError> {
        let place = self.place(base)?;
        let oauth = match &self.auth {
            Auth::OAuth2(oauth) => place.oauth(oauth)?,
            Auth::ApiKey(_) => None,
        };
        let lookup = |source: &crate::provider::AccountSource| {
            Ok(AccountLookup {
                url: place.url(&source.url)?,
                id: source.id.clone(),
                label: source.label.clone(),
                post: source.post.clone(),
                signed_for: source.signed_for.clone(),
            })
        };
        // A token of another instance must not be sent to the public one to ask whose it is.
        let elsewhere = place
            .base
            .filter(|base| Some(*base) != self.base_url.as_ref());
        let is_at = |url: &Url| elsewhere.is_none_or(|base| url.host_str() == base.url_host());
        let is_here = |lookup: &AccountLookup| is_at(&lookup.url);
        let exchange = match &self.auth {
            Auth::ApiKey(key) => key.exchange.as_ref(),
            Auth::OAuth2(_) => None,
        };
        let exchange = place.optional_url(exchange.map(|exchange| &exchange.url))?;
        Ok(SignIn {
            base_url: place.base.cloned(),
            issuer: place.base.map(ToString::to_string),
            oauth,
            exchange: exchange.filter(is_at),
            applications_url: place.optional_url(self.applications_url.as_ref())?,
            account_lookups: self
                .accounts
                .iter()
                .map(lookup)
                .filter(|found| found.as_ref().map_or(true, is_here))
                .collect::<Result<_, DefinitionError>>()?,
        })
    }

    /// Where the projects are whose CI variables its API has, at the base URL of a connection or at
    /// its own.
    pub fn ci_variables_at(&self, base: Option<&BaseUrl>) -> Result<Option<Url>, DefinitionError> {
        self.place(base)?.optional_url(self.ci_variables.as_ref())
    }

    /// All guard rules.
    pub fn guards(&self) -> &[GuardRule] {
        self.rules.guards()
    }

    /// The same provider with the guard rules of `other` added, and the names of the added rules.
    /// `None` if it already has all of them.
    pub fn guarded_like(&self, other: &Self) -> Option<(Self, Vec<String>)> {
        let (rules, added) = self.rules.with_guards_of(&other.rules)?;
        let provider = Self {
            rules,
            ..self.clone()
        };
        Some((provider, added))
    }

    /// The instance that the typed URL is a page of, if it is one: users copy addresses from their
    /// browser or their API client (`…/users/sign_in`, `…/api/v4`). The known pages are those that
    /// the definition names, its own endpoints, and the parents of these endpoints.
    pub fn instance_of(&self, typed: &BaseUrl) -> Option<BaseUrl> {
        let typed_segments: Vec<_> = segments(typed.path_prefix()).collect();
        let is_page = |rest: &[&str]| {
            let begins = |page: &str| segments(page).zip(rest).all(|(page, typed)| page == *typed);
            let is_whole = |page: &&String| segments(page).count() <= rest.len();
            let named = self.pages.iter().filter(is_whole);
            named.map(String::as_str).any(begins)
                || self
                    .own_paths()
                    .any(|path| segments(path).count() >= rest.len() && begins(path))
        };
        let pages = (0..typed_segments.len()).find(|&at| is_page(&typed_segments[at..]));
        pages.map(|at| typed.cut_to(at))
    }

    /// The paths of the definition's own endpoints on the instance.
    fn own_paths(&self) -> impl Iterator<Item = &str> {
        let oauth = match &self.auth {
            Auth::OAuth2(oauth) => Some(oauth.endpoints()),
            Auth::ApiKey(_) => None,
        };
        let accounts = self.accounts.iter().map(|source| &source.url);
        let endpoints = oauth.into_iter().flatten().chain(accounts);
        let endpoints = endpoints.chain(&self.applications_url);
        let paths = endpoints.filter_map(|endpoint| match endpoint {
            Endpoint::OnInstance(path) => path.split('?').next(),
            Endpoint::Fixed(_) => None,
        });
        let addresses = self.addresses.iter().map(|address| address.path.as_str());
        paths.chain(addresses)
    }

    fn place<'a>(&'a self, base: Option<&'a BaseUrl>) -> Result<Place<'a>, DefinitionError> {
        if base.is_some() && !self.follows_base_url() {
            return Err(DefinitionError::BaseUrlUnused {
                provider: self.id.to_string(),
            });
        }
        Ok(Place {
            provider: self,
            base: base.or(self.base_url.as_ref()),
        })
    }

    /// Whether it is connected by OAuth at any address that the user names.
    pub fn can_move(&self) -> bool {
        matches!(self.auth, Auth::OAuth2(_)) && self.follows_base_url()
    }

    /// Whether it can only be connected at an address that the user names, and is then all that is
    /// at that address.
    pub fn needs_address(&self) -> bool {
        let is_discovered = matches!(&self.auth, Auth::OAuth2(oauth) if oauth.discover);
        is_discovered && self.base_url.is_none() && self.can_move()
    }

    /// Whether a base URL makes a difference. An API key may be sent to any instance that the user
    /// names.
    fn follows_base_url(&self) -> bool {
        let endpoint_follows = match &self.auth {
            Auth::OAuth2(oauth) => {
                let is_on_instance = |place: &ApiUrl| matches!(place, ApiUrl::OnInstance(_));
                let moves = self.api_urls.is_empty() || self.api_urls.iter().any(is_on_instance);
                (oauth.discover && moves) || oauth.endpoints().any(Endpoint::is_on_instance)
            }
            Auth::ApiKey(_) => true,
        };
        self.base_url.is_some() || endpoint_follows
    }
}

/// The segments of a path, without empty ones.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}
