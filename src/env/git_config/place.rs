//! The places where the proxy injects a credential into git's requests.

use std::collections::HashSet;

use authsome_providers::{
    GitSection, HostPattern, Injection, RoutePattern, Scheme, Service, Shape,
};

use super::ssh::Aliases;

/// A place where the proxy injects a credential into git's requests.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct GitPlace {
    pub(super) host: String,
    /// `https://host:8443/root`, without a slash at the end.
    pub(super) url: String,
    pub(super) path_prefix: String,
    /// The port of SSH on that host.
    ssh_port: u16,
    /// Other names and ports under which the same repositories are reached by SSH.
    ssh: Vec<(String, u16)>,
}

/// The port of SSH where a definition names none.
const SSH: u16 = 22;

/// The query of the first request that git makes at a repository to fetch from it.
const QUERY: &str = "service=git-upload-pack";

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
                .filter(|route| git_shape(service, route).is_some());
            for place in routes.filter_map(|route| Self::at(route, service.git.as_ref())) {
                if known.insert(place.clone()) {
                    places.push(place);
                }
            }
        }
        places
    }

    fn at(route: &RoutePattern, git: Option<&GitSection>) -> Option<Self> {
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
        let path_prefix = root(route, git)?;
        Some(Self {
            url: format!("https://{host}{port}{path_prefix}"),
            host,
            path_prefix: path_prefix.to_owned(),
            ssh_port: git.map_or(SSH, |git| git.ssh_port),
            ssh: git.map(|git| git.ssh.clone()).unwrap_or_default(),
        })
    }

    /// The names under which the place may be reached by SSH, with the port.
    pub(super) fn ssh_names(&self) -> impl Iterator<Item = (&str, u16)> {
        let own = (self.host.as_str(), self.ssh_port);
        let others = self.ssh.iter().map(|(name, port)| (name.as_str(), *port));
        std::iter::once(own).chain(others.filter(move |other| *other != own))
    }

    pub(super) fn has_ssh_name(&self, host: &str, aliases: &Aliases) -> bool {
        let host = aliases.real(host);
        self.ssh_names()
            .any(|(name, _)| name.eq_ignore_ascii_case(host))
    }
}

/// The path below which the repositories of a route are. `None` if they are not on that route.
fn root<'a>(route: &'a RoutePattern, git: Option<&'a GitSection>) -> Option<&'a str> {
    match git.and_then(|git| git.below.as_deref()) {
        None => Some(&route.path_prefix),
        Some(below) => route.is_above(below).then_some(below),
    }
}

/// How git logs in at the repositories of a route: by HTTP Basic, or with a bearer token. `None` if
/// the service has no repositories there.
pub(crate) fn git_shape<'a>(service: &'a Service, route: &RoutePattern) -> Option<&'a Shape> {
    let HostPattern::Exact(host) = &route.host else {
        return None;
    };
    let rules = &service.rules;
    let root = root(route, service.git.as_ref())?;
    let shape_of = |below: &str, injection: &dyn Fn(&str) -> Option<Injection>| {
        let path = format!("{root}{below}");
        let found = injection(service.relative_path(&path).unwrap_or(&path))?;
        rules.shapes().get(found.shape)
    };
    let is_basic = |shape: &Shape| matches!(shape, Shape::Basic { .. });
    let has_section = service.git.is_some();
    // A service that takes HTTP Basic for everything has no repositories, unless it says so.
    let of_any = |path: &str| rules.injection(host, "GET", path, None);
    let is_forge = has_section || !shape_of("/", &of_any).is_some_and(is_basic);
    let is_git_host = match service.git.as_ref().and_then(|git| git.host.as_ref()) {
        Some(named) => named.matches(host),
        None => true,
    };
    if route.scheme != Scheme::Https || !is_forge || !is_git_host {
        return None;
    }
    let of_git = |path: &str| rules.injection_for_git(host, path, QUERY);
    let usual = shape_of("/group/project.git/info/refs", &of_git);
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
    use std::collections::BTreeMap;

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

    /// The URL of each place, and under which names it is reached by SSH.
    fn of_bundled(name: &str, base: Option<&str>) -> Vec<(String, Vec<(String, u16)>)> {
        let definition = Catalog::new(None).get(&name.parse().unwrap()).unwrap();
        let base = base.map(|base| base.parse().unwrap());
        let params = BTreeMap::from([("organization".to_owned(), "a".to_owned())]);
        let has_params = !definition.provider.params.is_empty();
        let params = if has_params {
            params
        } else {
            BTreeMap::default()
        };
        let service = definition
            .placed(&params)
            .unwrap()
            .at(base.as_ref())
            .unwrap();
        let places = GitPlace::of([&service].into_iter()).into_iter();
        let names = |place: &GitPlace| {
            let names = place
                .ssh_names()
                .map(|(name, port)| (name.to_owned(), port));
            names.collect()
        };
        places
            .map(|place| (place.url.clone(), names(&place)))
            .collect()
    }

    #[test]
    fn a_forge_has_one_place_of_which_git_knows_the_names() {
        let names = |names: &[(&str, u16)]| {
            let names = names.iter().map(|(name, port)| ((*name).to_owned(), *port));
            names.collect::<Vec<_>>()
        };
        let github = names(&[("github.com", 22), ("ssh.github.com", 443)]);
        for name in ["github", "github-token"] {
            let expected = [("https://github.com".to_owned(), github.clone())];
            assert_eq!(of_bundled(name, None), expected, "not the hosts of its API");
        }
        let own = names(&[("git.acme.test", 22)]);
        let moved = of_bundled("gitea", Some("https://git.acme.test/gitea"));
        assert_eq!(moved, [("https://git.acme.test/gitea".to_owned(), own)]);
        let server = of_bundled("bitbucket-server", Some("https://git.acme.test:8443/bb"));
        let own = names(&[("git.acme.test", 7999)]);
        let url = "https://git.acme.test:8443/bb/scm".to_owned();
        assert_eq!(server, [(url, own)], "not its API");
        let azure = names(&[
            ("dev.azure.com", 22),
            ("ssh.dev.azure.com", 22),
            ("vs-ssh.visualstudio.com", 22),
        ]);
        let expected = [("https://dev.azure.com".to_owned(), azure)];
        assert_eq!(of_bundled("azure-devops", None), expected);
    }

    #[test]
    fn the_rule_that_is_marked_as_gits_is_the_one_for_a_repository() {
        let paths = [
            "/group/project.git/info/refs",
            "/scm/group/project.git/info/refs",
            "/a/project/_git/repository/info/refs",
        ];
        let mut checked = 0;
        for listed in Catalog::new(None).list() {
            let provider = listed.definition.unwrap().provider;
            if provider.git.is_none() {
                continue;
            }
            checked += 1;
            let base = "https://git.acme.test".parse().unwrap();
            let service = provider
                .at(provider.needs_address().then_some(&base))
                .unwrap();
            let agrees = |route: &RoutePattern, path: &str| {
                let host = route.host.to_string();
                let path = service.relative_path(path).unwrap_or(path);
                let found = service.rules.injection(&host, "GET", path, Some(QUERY));
                // Another path shows that it is marked.
                let of_git = |path| service.rules.injection_for_git(&host, path, QUERY);
                found.is_some() && found == of_git(path) && found == of_git("/~")
            };
            let forges = service.routes.iter();
            let forges = forges.filter(|route| git_shape(&service, route).is_some());
            let agree = forges.map(|route| paths.iter().any(|path| agrees(route, path)));
            let agree: Vec<_> = agree.collect();
            assert!(
                !agree.is_empty() && agree.iter().all(|agrees| *agrees),
                "{}",
                provider.id
            );
        }
        assert!(checked > 10, "{checked}");
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
