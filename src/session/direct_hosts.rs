//! Which hosts a child contacts without the proxy.

use super::options::Join;
use crate::net::user_proxy::UserProxies;
use crate::proxy::{RouteTable, SessionPolicy};

/// The hosts that the child contacts without the proxy: the loopback names and the user's
/// `NO_PROXY` entries, without those that would exclude a host of a connection.
///
/// A policy that refuses hosts has to see every request. Under such a policy, the user's entries
/// apply only to the proxy's own upstream connections. So they do where connections may join: they
/// may bring a host that an entry excludes.
pub(super) fn direct_hosts(
    routes: &RouteTable,
    proxies: &UserProxies,
    policy: &SessionPolicy,
    join: Join,
) -> Vec<String> {
    let hosts: Vec<_> = routes.hosts().collect();
    let domains: Vec<_> = routes.domains().collect();
    let loopback = ["localhost", "127.0.0.1", "::1"].into_iter();
    let loopback = loopback.filter(|host| !hosts.contains(host));
    let mut direct: Vec<_> = loopback.map(str::to_owned).collect();
    if !policy.restricts_hosts() && join != Join::New {
        let mut excluded = proxies.exceptions_beside(&hosts, &domains);
        excluded.retain(|host| !direct.contains(host));
        direct.append(&mut excluded);
    }
    direct
}
