//! A provider at the base URL of a connection.

use std::sync::Arc;

use url::Url;

use crate::base_url::{BaseUrl, strip_path_prefix};
use crate::endpoint::Endpoint;
use crate::error::DefinitionError;
use crate::pointer::JsonPointer;
use crate::provider::{ApiUrl, Auth, OAuth, Provider};
use crate::route::RoutePattern;
use crate::rules::Rules;
use crate::scheme::Scheme;

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
    /// Where the user registers an OAuth application.
    pub applications_url: Option<Url>,
    /// Requests that identify the account of a credential, in the order in which to try them.
    pub account_lookups: Vec<AccountLookup>,
}

/// The endpoints of an authorization server, and what is requested from it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OAuthEndpoints {
    /// The authorization endpoint.
    pub authorization: Url,
    /// The token endpoint.
    pub token: Url,
    /// The revocation endpoint.
    pub revocation: Option<Url>,
    /// The device authorization endpoint.
    pub device_authorization: Option<Url>,
    /// The client registration endpoint.
    pub registration: Option<Url>,
    /// The scopes to request, unless the user chooses others.
    pub scopes: Vec<String>,
    /// Additional parameters of the authorization request.
    pub authorization_params: Vec<(String, String)>,
}

/// A request that identifies the account of a credential.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountLookup {
    /// The URL to request with the credential.
    pub url: Url,
    /// Where the response has the account's permanent identifier.
    pub id: JsonPointer,
    /// Where the response has the account's display name.
    pub label: Option<JsonPointer>,
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
            routes,
        })
    }

    /// What is needed to log in to the provider at the base URL of a connection, or at its own.
    pub fn sign_in_at(&self, base: Option<&BaseUrl>) -> Result<SignIn, DefinitionError> {
        let place = self.place(base)?;
        let oauth = match &self.auth {
            Auth::OAuth2(oauth) => Some(place.oauth(oauth)?),
            Auth::ApiKey(_) => None,
        };
        let lookup = |source: &crate::provider::AccountSource| {
            Ok(AccountLookup {
                url: place.url(&source.url)?,
                id: source.id.clone(),
                label: source.label.clone(),
            })
        };
        Ok(SignIn {
            base_url: place.base.cloned(),
            issuer: place.base.map(ToString::to_string),
            oauth,
            applications_url: place.optional_url(self.applications_url.as_ref())?,
            account_lookups: self
                .accounts
                .iter()
                .map(lookup)
                .collect::<Result<_, DefinitionError>>()?,
        })
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

    /// Whether a base URL makes a difference. An API key may be sent to any instance that the user
    /// names.
    fn follows_base_url(&self) -> bool {
        let endpoint_follows = match &self.auth {
            Auth::OAuth2(oauth) => {
                oauth.authorization.is_on_instance() || oauth.token.is_on_instance()
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

/// A provider with the base URL that applies.
struct Place<'provider> {
    provider: &'provider Provider,
    base: Option<&'provider BaseUrl>,
}

impl Place<'_> {
    fn own(&self) -> Option<&BaseUrl> {
        self.provider.base_url.as_ref()
    }

    fn url(&self, endpoint: &Endpoint) -> Result<Url, DefinitionError> {
        endpoint
            .resolve(self.base, self.own())
            .ok_or_else(|| DefinitionError::BaseUrlMissing {
                provider: self.provider.id.to_string(),
            })
    }

    fn optional_url(&self, endpoint: Option<&Endpoint>) -> Result<Option<Url>, DefinitionError> {
        endpoint.map(|endpoint| self.url(endpoint)).transpose()
    }

    fn oauth(&self, oauth: &OAuth) -> Result<OAuthEndpoints, DefinitionError> {
        Ok(OAuthEndpoints {
            authorization: self.url(&oauth.authorization)?,
            token: self.url(&oauth.token)?,
            revocation: self.optional_url(oauth.revocation.as_ref())?,
            device_authorization: self.optional_url(oauth.device_authorization.as_ref())?,
            registration: self.optional_url(oauth.registration.as_ref())?,
            scopes: oauth.scopes.clone(),
            authorization_params: oauth.authorization_params.clone(),
        })
    }

    fn rules(&self, routes: &[RoutePattern]) -> Result<Arc<Rules>, DefinitionError> {
        let rules = &self.provider.rules;
        let Auth::OAuth2(oauth) = &self.provider.auth else {
            return rules.usual(|| Ok(Vec::new()));
        };
        let is_on_route = |base: &BaseUrl| {
            let (scheme, host, port) = (base.scheme(), base.host(), base.port());
            routes
                .iter()
                .any(|route| route.has_origin(scheme, host, port))
        };
        let paths = || self.oauth_paths(oauth, routes);
        // Relative to the base URL, endpoints on the instance have the same paths at every base
        // URL.
        if oauth.endpoints().all(Endpoint::is_on_instance) && self.base.is_some_and(is_on_route) {
            rules.usual(paths)
        } else {
            paths().map(|paths| rules.with(paths))
        }
    }

    fn routes(&self) -> Result<Vec<RoutePattern>, DefinitionError> {
        let moved = self.base.is_some() && self.base != self.own();
        let mut routes: Vec<RoutePattern> = Vec::new();
        for api_url in &self.provider.api_urls {
            let found = match api_url {
                ApiUrl::OnInstance(path) => vec![self.route_below(path)?],
                ApiUrl::Below(_) | ApiUrl::Hosts(_) if moved => self.moved_route(api_url)?,
                ApiUrl::Below(url) => vec![RoutePattern::below(url)],
                ApiUrl::Hosts(hosts) => hosts.iter().cloned().map(RoutePattern::of_host).collect(),
            };
            for route in found {
                if !routes.contains(&route) {
                    routes.push(route);
                }
            }
        }
        if routes.is_empty() {
            routes.push(self.route_below("")?);
        }
        Ok(routes)
    }

    /// The route of a fixed `api_url` at another base URL: one below the definition's own base URL
    /// moves to that base URL; any other has no route there.
    fn moved_route(&self, api_url: &ApiUrl) -> Result<Vec<RoutePattern>, DefinitionError> {
        let (ApiUrl::Below(url), Some(own)) = (api_url, self.own()) else {
            return Ok(Vec::new());
        };
        match own.path_below(&url.join("")) {
            Some(path) => Ok(vec![self.route_below(path)?]),
            None => Ok(Vec::new()),
        }
    }

    fn route_below(&self, path: &str) -> Result<RoutePattern, DefinitionError> {
        let base = self.base.ok_or_else(|| DefinitionError::BaseUrlMissing {
            provider: self.provider.id.to_string(),
        })?;
        let mut route = RoutePattern::below(base);
        route.path_prefix.push_str(path.trim_end_matches('/'));
        Ok(route)
    }

    /// The paths of the authorization server that are on a route of this connection.
    fn oauth_paths(
        &self,
        oauth: &OAuth,
        routes: &[RoutePattern],
    ) -> Result<Vec<String>, DefinitionError> {
        let path = |endpoint| {
            let url = self.url(endpoint)?;
            Ok(self.path_on_route(&url, routes))
        };
        let paths = oauth.endpoints().map(path);
        let paths: Vec<Option<String>> = paths.collect::<Result<_, DefinitionError>>()?;
        let mut paths: Vec<String> = paths.into_iter().flatten().collect();
        if let Some(token) = path(&oauth.token)? {
            paths.extend(siblings(&token));
        }
        paths.retain(|path| !path.is_empty());
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    fn path_on_route(&self, url: &Url, routes: &[RoutePattern]) -> Option<String> {
        let scheme = if url.scheme() == "http" {
            Scheme::Http
        } else {
            Scheme::Https
        };
        let host = url
            .host_str()?
            .trim_start_matches('[')
            .trim_end_matches(']');
        let port = url.port_or_known_default()?;
        if !routes
            .iter()
            .any(|route| route.has_origin(scheme, host, port))
        {
            return None;
        }
        let path = match self.base {
            Some(base) => base.path_below(url).unwrap_or(url.path()),
            None => url.path(),
        };
        Some(path.trim_end_matches('/').to_owned())
    }
}

/// Paths of endpoints that a definition need not name: the siblings of the token endpoint, if its
/// parent segment is one for OAuth, such as in `/oauth/token` or `/login/oauth/access_token`.
fn siblings(token_path: &str) -> Vec<String> {
    let Some((room, _)) = token_path.rsplit_once('/') else {
        return Vec::new();
    };
    if !room
        .rsplit('/')
        .next()
        .is_some_and(|name| name.contains("oauth"))
    {
        return Vec::new();
    }
    OAUTH_NAMES
        .iter()
        .map(|name| format!("{room}/{name}"))
        .collect()
}

/// The usual names of the endpoints of RFC 6749, 7009, 7591, 7662, 8628 and 9126.
const OAUTH_NAMES: [&str; 11] = [
    "access_token",
    "authorize",
    "authorize_device",
    "device",
    "device_authorization",
    "introspect",
    "par",
    "register",
    "revoke",
    "token",
    "tokens",
];
