//! A provider at one instance: its endpoints, routes and rules.

use std::sync::Arc;

use url::Url;

use crate::base_url::BaseUrl;
use crate::endpoint::Endpoint;
use crate::error::DefinitionError;
use crate::params::is_below;
use crate::provider::{ApiUrl, Auth, OAuth, Provider};
use crate::route::RoutePattern;
use crate::rules::Rules;
use crate::scheme::Scheme;

/// The endpoints of an authorization server, and what is requested from it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OAuthEndpoints {
    /// The authorization endpoint; the flows without a browser have no use for it.
    pub authorization: Option<Url>,
    /// The token endpoint.
    pub token: Url,
    /// The revocation endpoint.
    pub revocation: Option<Url>,
    /// The authorization server's metadata.
    pub metadata: Option<Url>,
    /// The device authorization endpoint.
    pub device_authorization: Option<Url>,
    /// The client registration endpoint.
    pub registration: Option<Url>,
    /// The scopes to request, unless the user chooses others.
    pub scopes: Vec<String>,
    /// Additional parameters of the authorization request.
    pub authorization_params: Vec<(String, String)>,
}

/// A provider with the base URL that applies.
pub(super) struct Place<'provider> {
    pub(super) provider: &'provider Provider,
    pub(super) base: Option<&'provider BaseUrl>,
}

impl Place<'_> {
    fn own(&self) -> Option<&BaseUrl> {
        self.provider.base_url.as_ref()
    }

    pub(super) fn url(&self, endpoint: &Endpoint) -> Result<Url, DefinitionError> {
        endpoint
            .resolve(self.base, self.own())
            .ok_or_else(|| DefinitionError::BaseUrlMissing {
                provider: self.provider.id.to_string(),
            })
    }

    pub(super) fn optional_url(
        &self,
        endpoint: Option<&Endpoint>,
    ) -> Result<Option<Url>, DefinitionError> {
        endpoint.map(|endpoint| self.url(endpoint)).transpose()
    }

    /// `None` if they are discovered.
    pub(super) fn oauth(&self, oauth: &OAuth) -> Result<Option<OAuthEndpoints>, DefinitionError> {
        let Some(token) = &oauth.token else {
            return Ok(None);
        };
        Ok(Some(OAuthEndpoints {
            authorization: self.optional_url(oauth.authorization.as_ref())?,
            token: self.url(token)?,
            revocation: self.optional_url(oauth.revocation.as_ref())?,
            metadata: self.optional_url(oauth.metadata.as_ref())?,
            device_authorization: self.optional_url(oauth.device_authorization.as_ref())?,
            registration: self.optional_url(oauth.registration.as_ref())?,
            scopes: oauth.scopes.clone(),
            authorization_params: oauth.authorization_params.clone(),
        }))
    }

    pub(super) fn rules(&self, routes: &[RoutePattern]) -> Result<Arc<Rules>, DefinitionError> {
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

    pub(super) fn routes(&self) -> Result<Vec<RoutePattern>, DefinitionError> {
        let moved = self.base.is_some() && self.base != self.own();
        let mut routes: Vec<RoutePattern> = Vec::new();
        for api_url in &self.provider.api_urls {
            let found = match api_url {
                ApiUrl::OnInstance(path) => vec![self.route_below(path)?],
                ApiUrl::Below(url) if self.is_named_by_the_token(url) => {
                    vec![RoutePattern::below(url)]
                }
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

    /// Whether the token's response has named this host: it is the same at every base URL.
    fn is_named_by_the_token(&self, url: &BaseUrl) -> bool {
        let instance = self.provider.instance_url.as_ref();
        instance.is_some_and(|instance| is_below(url.host(), &instance.suffix))
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
        let token = oauth.token.as_ref().map(path).transpose()?;
        if let Some(token) = token.flatten() {
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
