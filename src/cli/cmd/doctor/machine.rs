//! What authsome needs of this machine and of its user's files.

use std::net::{Ipv4Addr, TcpListener};

use super::finding::Finding;
use crate::cli::cmd::not_read;
use crate::cli::failure::Failure;
use crate::loopback::REDIRECT_PORT;
use crate::os::port_owner::port_owner;
use crate::session::{Parent, UserFiles};

pub(super) fn findings(parent: &Parent) -> Vec<Finding> {
    let version = format!("authsome {}", env!("CARGO_PKG_VERSION"));
    let mut findings = vec![Finding::good("version", version)];
    match UserFiles::open(parent) {
        Ok(files) => {
            let root = files.home.root().display().to_string();
            findings.push(Finding::good("home", root));
            findings.extend(definitions(&files));
        }
        Err(error) => findings.push(Finding::of_failure("home", Failure::from(error))),
    }
    findings.push(port());
    findings.push(roots(parent));
    findings.extend(proxies(parent));
    findings
}

fn definitions(files: &UserFiles) -> Vec<Finding> {
    let listed = files.catalog.list();
    let broken = listed.iter().filter_map(|listed| {
        let error = listed.definition.as_ref().err()?;
        let remedy = format!("authsome inspect {} --edit", listed.id);
        Some(Finding::bad("definition", error.to_string(), remedy))
    });
    let strays = files.catalog.strays().into_iter().map(|stray| {
        let remedy = "its field `name` is that name without .json";
        Finding::warning("definition", not_read(&stray), remedy)
    });
    broken.chain(strays).collect()
}

/// A login needs this one port, because it is part of the redirect URI that the user has registered
/// with the provider.
fn port() -> Finding {
    let subject = format!("port {REDIRECT_PORT}");
    match TcpListener::bind((Ipv4Addr::LOCALHOST, REDIRECT_PORT)) {
        Ok(_) => Finding::good(subject, "is free for a login"),
        Err(error) => {
            if let Some(owner) = port_owner(REDIRECT_PORT) {
                let words = format!("is taken by {} (process {})", owner.name, owner.pid);
                let remedy = format!("end it before a login: kill {}", owner.pid);
                Finding::warning(subject, words, remedy)
            } else {
                let remedy = format!("see who has it: ss -ltnp 'sport = :{REDIRECT_PORT}'");
                Finding::warning(subject, error.to_string(), remedy)
            }
        }
    }
}

fn roots(parent: &Parent) -> Finding {
    match parent.trust().bundle() {
        Ok(_) => Finding::good("roots", "the system's certificates can be read"),
        Err(error) => Finding::of_failure("roots", Failure::from(error)),
    }
}

/// The user's own proxies, which everything that authsome sends goes through.
fn proxies(parent: &Parent) -> Vec<Finding> {
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let set = names.into_iter().filter(|name| {
        let value = parent.variable(name);
        value.is_some_and(|value| !value.is_empty())
    });
    let found = set.map(|name| Finding::good("proxy", format!("{name} names one, which is used")));
    found.take(1).collect()
}
