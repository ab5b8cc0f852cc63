//! A refresh, a request and a tunnel, which all go through the proxy of the user.

use authsome_test_support::{Arrived, FakeGitLab};

use crate::kit::{Outcome, Setup, World};

/// Names that only squid knows (`hosts_file`), and our SOCKS server: whatever arrives by them went
/// through it.
pub(crate) const MANAGED: &str = "corp.gitlab.test";

pub(crate) const UNMANAGED: &str = "www.gitlab.test";

/// Every request of the API came with the pair that is in force.
pub(crate) fn expect_right(gitlab: &FakeGitLab) {
    let pair = gitlab.live_pairs().pop().unwrap();
    let right = Arrived::Bearer { token: pair.access };
    let seen = gitlab.seen();
    let api = seen.iter().filter(|seen| seen.path.starts_with("/api/"));
    let credentials: Vec<_> = api.map(|seen| &seen.credential).collect();
    assert_eq!(credentials, [&right]);
}

/// A connection whose token has expired, and a host of no connection.
pub(crate) struct Journey {
    pub(crate) world: World,
    pub(crate) gitlab: FakeGitLab,
    pub(crate) other: FakeGitLab,
    pub(crate) hosts: [&'static str; 2],
}

impl Journey {
    pub(crate) fn new(managed: &'static str, unmanaged: &'static str) -> Self {
        let (world, gitlab) = Setup::unconnected();
        world.connect_as("default", &gitlab, &gitlab.base_url_at(managed), 0);
        Self {
            world,
            gitlab,
            other: FakeGitLab::start(),
            hosts: [managed, unmanaged],
        }
    }

    /// A request that needs a refresh first, and one through a blind tunnel.
    pub(crate) fn travel(&self, environment: &[(&str, &str)]) {
        let script = format!(
            "curl -sSf {}/api/v4/user && curl -sSf --noproxy '' --cacert '{}' {}/public",
            self.gitlab.base_url_at(self.hosts[0]),
            self.other.ca_file().display(),
            self.other.base_url_at(self.hosts[1]),
        );
        let mut command = self.world.authsome(["run", "--", "bash", "-c", &script]);
        command.envs(environment.iter().copied());
        let outcome = Outcome::of(command.output().unwrap()).expect(0);
        assert!(outcome.stdout.contains("ada"), "{outcome:?}");
        assert!(outcome.stdout.ends_with("public\n"), "{outcome:?}");
        assert_eq!(self.gitlab.refreshes(), 1);
        expect_right(&self.gitlab);
        let seen = self.other.seen();
        assert_eq!((seen.len(), &seen[0].credential), (1, &Arrived::None));
        for seen in self.gitlab.seen().iter().chain(&seen) {
            let ours = seen
                .headers
                .iter()
                .any(|(name, _)| name.starts_with("proxy-"));
            assert!(!ours, "{seen:?}");
        }
    }

    pub(crate) fn managed(&self) -> String {
        format!("{}:{}", self.hosts[0], self.gitlab.port())
    }

    pub(crate) fn unmanaged(&self) -> String {
        format!("{}:{}", self.hosts[1], self.other.port())
    }
}
