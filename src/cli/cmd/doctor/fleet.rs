//! Those who share a vault: machines, leases, renewals, waits.

use super::finding::Finding;
use crate::cli::failure::Failure;
use crate::session::{Parent, UserData};
use crate::vault::{FleetLease, FleetMachine};

pub(super) fn findings(data: &UserData, parent: &Parent) -> Vec<Finding> {
    let view = match data.fleet(parent) {
        Ok(Some(view)) => view,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![Finding::of_failure("fleet", Failure::from(error))],
    };
    let refreshes = format!("{} renewals within the last hour", view.refreshes_an_hour);
    let mut findings = vec![Finding::good("fleet", refreshes)];
    findings.extend(view.machines.iter().map(machine));
    findings.extend(view.leases.iter().map(lease));
    findings
}

fn machine(machine: &FleetMachine) -> Finding {
    let FleetMachine {
        name,
        seen_seconds,
        waits,
        waited_ms,
    } = machine;
    let words = format!(
        "{name}, seen {seen_seconds} s ago; has waited {waits} times for another's renewal, {waited_ms} ms in all"
    );
    Finding::good("machine", words)
}

fn lease(lease: &FleetLease) -> Finding {
    let FleetLease {
        name,
        machine,
        left_seconds,
    } = lease;
    let words = format!("{machine} renews {name}, for {left_seconds} s more at most");
    Finding::good("lease", words)
}
