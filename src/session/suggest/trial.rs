//! Tries a suggestion on the requests that it is from, by the code of the proxy.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Observed, ObservedRun, Remark, Suggestion};
use crate::proxy::{DependsOn, DryRun, Imagined, Outcome, Policy, PolicyLayer, SessionPolicy};

impl Suggestion {
    /// Tries the rules on each request of the run, and finds out whether all of them only read.
    pub(super) fn try_on(&mut self, run: &ObservedRun, dry_run: DryRun) {
        // Without any policy, what denies a request of the run is a guard rule that it had lifted.
        let mut dry_run = dry_run.under(SessionPolicy::default(), []);
        let mut lifted = BTreeSet::new();
        loop {
            let rule = denied(run, &dry_run).find_map(|(_, _, rule)| rule);
            let Some(rule) = rule.filter(|rule| lifted.insert(rule.clone())) else {
                break;
            };
            dry_run = dry_run.under(SessionPolicy::default(), [rule]);
        }
        self.remarks.extend(lifted.into_iter().map(Remark::Lifted));
        self.read_only = self.git_push.is_none();
        dry_run = dry_run.under(self.policy(), []);
        if self.read_only && !only_reads(run, &dry_run) {
            self.read_only = false;
            dry_run = dry_run.under(self.policy(), []);
        }
        let not_permitted = denied(run, &dry_run);
        self.remarks
            .extend(not_permitted.map(|(request, reason, _)| {
                let what = format!("{} {}{}", request.method, request.host, request.path);
                Remark::NotPermitted(what, reason)
            }));
    }

    /// The policy that it is. A rule that is none is left out, and the run's requests tell.
    fn policy(&self) -> SessionPolicy {
        let paths = self.allow_paths.iter().map(|(rule, _)| rule);
        let layer = PolicyLayer {
            unmanaged: Policy::Deny,
            allow_hosts: parsed(&self.allow_hosts),
            allow_paths: parsed(paths),
            deny_paths: parsed(&self.deny_paths),
            git_push: self.git_push.as_ref().map(parsed),
            is_read_only: self.read_only,
            ..PolicyLayer::default()
        };
        SessionPolicy::new([layer], Instant::now())
    }
}

fn parsed<'a, T: std::str::FromStr>(texts: impl IntoIterator<Item = &'a String>) -> Vec<T> {
    let texts = texts.into_iter();
    texts.filter_map(|text| text.parse().ok()).collect()
}

fn imagined(request: &Observed) -> Option<Imagined> {
    let url = format!("https://{}{}", request.host, request.path);
    Imagined::new(&request.method, &url).ok()
}

/// The requests of a run that would be denied, why, and by which rule.
fn denied<'a>(
    run: &'a ObservedRun,
    dry_run: &'a DryRun,
) -> impl Iterator<Item = (&'a Observed, String, Option<String>)> {
    run.requests.iter().filter_map(
        |request| match dry_run.foresee(&imagined(request)?).outcome {
            Outcome::Denied(by) => Some((request, by.reason, by.rule)),
            _ => None,
        },
    )
}

/// Whether each request surely only reads.
fn only_reads(run: &ObservedRun, dry_run: &DryRun) -> bool {
    run.requests.iter().all(|request| {
        let Some(request) = imagined(request) else {
            return false;
        };
        let foreseen = dry_run.foresee(&request);
        let is_denied = matches!(foreseen.outcome, Outcome::Denied(_));
        // git-lfs has uploaded nothing where nothing was pushed, and no field was denied.
        !is_denied
            && matches!(
                foreseen.depends_on,
                None | Some(DependsOn::Fields | DependsOn::LfsBatch)
            )
    })
}
