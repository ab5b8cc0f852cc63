//! The places where the proxy injects a credential into git's requests.

use std::collections::HashSet;

use authsome_providers::{HostPattern, RoutePattern, Scheme, Service, Shape};

use super::ssh::Aliases;

/// The port of SSH.
const SSH: u16 = 22;

/// A place where the proxy injects a credential into git's requests.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct GitPlace {
    pub(super) host: String,
    /// `https://host:8443/root`, without a slash at the end.
    pub(super) url: String,
    pub(super) path_prefix: String,
    /// Other names and ports under which the same repositories are reached by SSH.
    ssh: Vec<(String, u16)>,
}

impl GitPlace {
    /// The places of these services, each once. A service whose rules inject nothing into git's
    /// requests has none: the user's own settings stay in force there.
    pub fn of<'a>(services: impl Iterator<Item = &'a Service>) -> Vec<Self> {
        let mut places = Vec::new();
        let mut known = HashSet::new();
        for service in services {
            let routes = service
                .routes
                .iter()
                .filter(|route| serves_git(service, route));
            let ssh = service.git.as_ref().map(|git| git.ssh.clone());
            let ssh = ssh.unwrap_or_default();
            for place in routes.filter_map(|route| Self::at(route, &ssh)) {
                if known.insert(place.clone()) {
                    places.push(place);
                }
            }
        }
        places
    }

    fn at(route: &RoutePattern, ssh: &[(String, u16)]) -> Option<Self> {
        let HostPattern::Exact(host) = &route.host else {
            return None; // git's configuration has no such pattern
        };
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        let port = match route.port {
            443 => String::new(),
            port => format!(":{port}"),
        };
        Some(Self {
            url: format!("https://{host}{port}{}", route.path_prefix),
            host,
            path_prefix: route.path_prefix.clone(),
            ssh: ssh.to_vec(),
        })
    }

    /// The names under which the place may be reached by SSH, with the port.
    pub(super) fn ssh_names(&self) -> impl Iterator<Item = (&str, u16)> {
        let own = (self.host.as_str(), SSH);
        let others = self.ssh.iter().map(|(name, port)| (name.as_str(), *port));
        std::iter::once(own).chain(others.filter(move |other| *other != own))
    }

    pub(super) fn has_ssh_name(&self, host: &str, aliases: &Aliases) -> bool {
        let host = aliases.real(host);
        self.ssh_names()
            .any(|(name, _)| name.eq_ignore_ascii_case(host))
    }
}

/// Whether the injected credential is one that git can use: over HTTPS, and by HTTP Basic.
fn serves_git(service: &Service, route: &RoutePattern) -> bool {
    matches!(git_shape(service, route), Some(Shape::Basic { .. }))
}

/// How git logs in at the repositories of a route: by HTTP Basic, or with a bearer token. `None` if
/// the service has no repositories there.
pub(crate) fn git_shape<'a>(service: &'a Service, route: &RoutePattern) -> Option<&'a Shape> {
    let HostPattern::Exact(host) = &route.host else {
        return None;
    };
    let rules = &service.rules;
    let shape_of = |below: &str, query| {
        let path = format!("{}{below}", route.path_prefix);
        let path = service.relative_path(&path).unwrap_or(&path);
        let found = rules.injection(host, "GET", path, query)?;
        rules.shapes().get(found.shape)
    };
    let is_basic = |shape: &Shape| matches!(shape, Shape::Basic { .. });
    let has_section = service.git.is_some();
    // A service that takes HTTP Basic for everything has no repositories, unless it says so.
    let is_forge = has_section || !shape_of("/", None).is_some_and(is_basic);
    let is_git_host = match service.git.as_ref().and_then(|git| git.host.as_ref()) {
        Some(named) => named.matches(host),
        None => true,
    };
    if route.scheme != Scheme::Https || !is_forge || !is_git_host {
        return None;
    }
    let query = Some("service=git-upload-pack");
    let usual = shape_of("/group/project.git/info/refs", query);
    // Some have their repositories at paths of another form, but log in one way everywhere.
    let only = || match rules.shapes() {
        [only] if has_section => Some(only),
        _ => None,
    };
    let shape = usual.or_else(only)?;
    let is_bearer = has_section && *shape == Shape::Bearer;
    (is_bearer || is_basic(shape)).then_some(shape)
}

#[cfg(test)]
impl GitPlace {
    /// The places of GitLab at these base URLs.
    pub(super) fn of_gitlab_at(bases: &[&str]) -> Vec<Self> {
        let gitlab = authsome_providers::Catalog::new(None).get(&"gitlab".parse().unwrap());
        let provider = gitlab.unwrap().provider;
        let at = |base: &&str| provider.at(Some(&base.parse().unwrap())).unwrap();
        let services: Vec<_> = bases.iter().map(at).collect();
        Self::of(services.iter())
    }
}

#[cfg(test)]
mod tests {
    use authsome_providers::Catalog;

    use super::*;

    #[test]
    fn a_place_is_where_git_gets_basic() {
        let mut urls = Vec::new();
        for place in GitPlace::of_gitlab_at(&[
            "https://gitlab.com",
            "https://gitlab.com",
            "https://gitlab.acme.com:8443/gitlab",
            "https://[::1]",
            "http://localhost:8080",
        ]) {
            urls.push(place.url);
        }
        let expected = [
            "https://gitlab.com",
            "https://gitlab.acme.com:8443/gitlab",
            "https://[::1]",
        ];
        assert_eq!(urls, expected);
        let directory = tempfile::tempdir().unwrap();
        let definition = r#"{"schema_version": 1, "name": "acme", "auth_type": "api_key", "api_url": "api.acme.com",
            "api_key": {"header_name": "Authorization", "header_prefix": "Bearer"}}"#;
        let mut file = std::fs::File::create(directory.path().join("acme.json")).unwrap();
        std::io::Write::write_all(&mut file, definition.as_bytes()).unwrap();
        let catalog = Catalog::new(Some(directory.path().to_owned()));
        let other = catalog.get(&"acme".parse().unwrap()).unwrap();
        let other = other.provider.at(None).unwrap();
        assert_eq!(GitPlace::of([&other].into_iter()), []);
    }

    #[test]
    fn a_place_whose_repositories_have_paths_of_their_own_is_one() {
        let place = |git: &str| {
            let definition = format!(
                r#"{{"name":"a","auth_type":"api_key","api_url":["a.test","b.test"],{git}
                "inject":[{{"path":"regex:(?:/[^/]+)+/_code/.+","as":"basic","username":"me"}}]}}"#
            );
            let source = authsome_providers::Source::Bundled;
            let definition = authsome_providers::Definition::parse(&definition, source).unwrap();
            let service = definition.provider.at(None).unwrap();
            let places = GitPlace::of([&service].into_iter());
            let urls = places.into_iter().map(|place| place.url);
            urls.collect::<Vec<_>>()
        };
        assert_eq!(place(r#""git":{"host":"a.test"},"#), ["https://a.test"]);
        assert_eq!(place(""), [""; 0], "nothing says that it has repositories");
    }
}
