//! Ring 3: mint another credential, or do what the policy denies.

use std::process::Command;

use crate::attempt::{Attempt, attempt};
use crate::defence::Defence::{
    self, AddressRules, Budgets, CanonicalPath, GraphqlGuard, GraphqlReadable, Guard, HostRules,
    MethodOverride, MintedSecrets, PathRules, PushPolicy, ReadOnly, RuleSpellings, SecretCommands,
};
use crate::origin::MINTED;

pub(super) fn all() -> Vec<Attempt> {
    let mut all = guarded();
    all.extend(graphql());
    all.extend(reading());
    all.extend(runs());
    all.push(allowed());
    all.extend(paths());
    all.extend(hosts());
    all.extend(budgets());
    all.extend(pushes());
    all
}

/// Some request arrived with the user's credential.
fn arrives(
    name: &'static str,
    against: &'static [Defence],
    flags: &'static [&'static str],
) -> Attempt {
    attempt(name, against, move |stage| {
        stage.connect(7200);
        stage.run(flags)?;
        Ok(!stage.authorized().is_empty())
    })
}

fn each(
    names: &[&'static str],
    against: &'static [Defence],
    flags: &'static [&'static str],
) -> impl Iterator<Item = Attempt> {
    names.iter().map(move |name| arrives(name, against, flags))
}

fn guarded() -> Vec<Attempt> {
    let plain = [
        "personal access token",
        "project access token",
        "rotated token",
        "deploy token",
        "deploy key",
        "runner token",
        "ci variables",
        "webhook",
        "terraform state",
        "remote mirror",
        "cable",
        "method in small letters",
        "guarded path with a slash",
        "guarded path with a suffix",
        "escaped letter",
    ];
    let spelled = [
        "double slash",
        "dot segments",
        "escaped dot segments",
        "twice escaped dots",
        "backslash",
        "dots with a parameter",
    ];
    let overridden = [
        "override by header",
        "override by another header",
        "override by a third header",
        "override by query",
        "override by escaped query",
    ];
    let in_a_form = ["override in a form", "override in a multipart form"];
    each(&plain, &[Guard], &[])
        .chain(each(&spelled, &[CanonicalPath], &[]))
        .chain(each(&overridden, &[MethodOverride], &[]))
        .chain(each(
            &in_a_form,
            &[MethodOverride],
            &["--deny-path", "gitlab=DELETE /**"],
        ))
        .collect()
}

fn graphql() -> Vec<Attempt> {
    let denied = [
        "graphql mutation",
        "graphql alias",
        "graphql fragment",
        "graphql second operation",
        "graphql batch",
        "graphql field",
        "graphql directive",
        "graphql form",
        "graphql suffix",
        "graphql multipart",
        "graphql beside a query string",
    ];
    let unreadable = [
        "graphql persisted",
        "graphql two queries",
        "graphql charset",
        "graphql unknown field",
        "graphql compressed",
    ];
    each(&denied, &[GraphqlGuard], &[])
        .chain(each(&unreadable, &[GraphqlReadable], &[]))
        .collect()
}

fn reading() -> Vec<Attempt> {
    let names = [
        "write while reading",
        "delete while reading",
        "override while reading",
        "mutation while reading",
        "lfs upload while reading",
        "file named as a fetch",
        "file named as a download",
        "mutation by get while reading",
    ];
    each(&names, &[ReadOnly], &["--read-only"]).collect()
}

/// The user has lifted a guard rule, and the new token is still not seen.
fn allowed() -> Attempt {
    const FLAGS: &[&str] = &["--allow", "gitlab/project-access-token"];
    attempt(
        "token of a call that is allowed",
        &[MintedSecrets],
        |stage| {
            stage.connect_origin();
            Ok(stage.run(FLAGS)?.stdout.contains(MINTED))
        },
    )
}

/// A run within the run, which knows nothing of the outer one's rules.
fn runs() -> Vec<Attempt> {
    each(
        &["a run that may write"],
        &[SecretCommands],
        &["--read-only"],
    )
    .chain(each(
        &["a run with all connections"],
        &[SecretCommands],
        &["--only", "github"],
    ))
    .chain(each(&["a run that lifts a rule"], &[SecretCommands], &[]))
    .collect()
}

fn paths() -> Vec<Attempt> {
    const ONE: &[&str] = &["--allow-path", "gitlab=/api/v4/projects/42/**"];
    const HOOKS: &[&str] = &["--deny-path", "gitlab=/api/v4/projects/42/hooks"];
    let spelled = [
        "denied path with a suffix",
        "denied path with another suffix",
        "denied path with a slash",
    ];
    each(
        &["another project", "a project with a longer number"],
        &[PathRules],
        ONE,
    )
    .chain(each(&["denied path"], &[PathRules], HOOKS))
    .chain(each(&spelled, &[RuleSpellings], HOOKS))
    .chain(each(
        &["denied path escaped"],
        &[CanonicalPath, RuleSpellings],
        HOOKS,
    ))
    .collect()
}

fn hosts() -> Vec<Attempt> {
    // The attacker's server is on this machine, which is refused as well where hosts are.
    const BOTH: &[Defence] = &[HostRules, AddressRules];
    const CLOSED: &[&str] = &["--policy", "deny"];
    const BELOW: &[&str] = &["--policy", "deny", "--allow-host", "allowed.test"];
    const DENIED: &[&str] = &["--deny-host", "evil.test"];
    let rows: [(_, &'static [Defence], _); 5] = [
        ("to an unmanaged host", BOTH, CLOSED),
        ("to an unmanaged host in clear", BOTH, CLOSED),
        ("to a name below an allowed one", BOTH, BELOW),
        ("to a denied host in capitals", &[HostRules], DENIED),
        ("to a denied host with a dot", &[HostRules], DENIED),
    ];
    let rows = rows.into_iter().map(|(name, against, flags)| {
        attempt(name, against, move |stage| {
            stage.connect(7200);
            stage.run(flags)?;
            Ok(stage
                .plain
                .arrived()
                .iter()
                .any(|bytes| bytes.contains("loot")))
        })
    });
    rows.collect()
}

fn budgets() -> Vec<Attempt> {
    let more_than = |name, flags: &'static [&'static str]| {
        attempt(name, &[Budgets], move |stage| {
            stage.connect(7200);
            stage.run(flags)?;
            Ok(stage.gitlab.seen().len() > 2)
        })
    };
    vec![
        more_than("many requests", &["--limit", "requests=2"]),
        more_than("many requests of a provider", &["--limit", "gitlab=2/h"]),
        attempt("many bytes", &[Budgets], |stage| {
            stage.connect(7200);
            let said = stage.run(&["--limit", "bytes-up=100KiB"])?;
            Ok(said.stdout.starts_with("200"))
        }),
    ]
}

fn pushes() -> Vec<Attempt> {
    const AGENTS: &[&str] = &["--git-push", "agent/*"];
    const TAGS: &[&str] = &["--git-push", "agent/*", "--git-push", "refs/tags/**"];
    const ALL: &[&str] = &["--git-push", "**"];
    let rows: [(_, &'static [Defence], _); 7] = [
        ("push to another branch", &[PushPolicy], AGENTS),
        ("push to the default branch", &[PushPolicy], ALL),
        ("push in good company", &[PushPolicy], AGENTS),
        ("push of a deletion", &[PushPolicy], AGENTS),
        ("push of a tag", &[PushPolicy], TAGS),
        ("push by force", &[PushPolicy], AGENTS),
        (
            "push while reading",
            &[PushPolicy, ReadOnly],
            &["--read-only"],
        ),
    ];
    let rows = rows.into_iter().map(|(name, against, flags)| {
        attempt(name, against, move |stage| {
            stage.connect(7200);
            stage.add_project();
            let repository = stage.gitlab.repo_path("group/private");
            let git = |words: &[&str]| {
                let output = Command::new("git")
                    .arg("-C")
                    .arg(&repository)
                    .args(words)
                    .output();
                output.map(|output| output.stdout).unwrap_or_default()
            };
            git(&["branch", "agent/old", "main"]);
            git(&["tag", "v1", "main"]);
            let before = git(&["show-ref"]);
            stage.run(flags)?;
            Ok(before != git(&["show-ref"]))
        })
    });
    rows.collect()
}
