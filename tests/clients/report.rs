//! What was found, for whoever ran it and for `docs/clients.md`.

use std::time::Duration;

use authsome::clock::Timestamp;

use crate::attempt::{Attempt, Verdict};
use crate::rows::{Needs, Place, Row, Way};

/// Rows in their order, each with what came of it.
pub(crate) struct Report<'a>(pub(crate) Vec<(&'a Row, Attempt)>);

impl Report<'_> {
    /// The failures in full, and the line at the end.
    pub(crate) fn print(&self, green: bool, took: Duration) {
        for (row, attempt) in &self.0 {
            if let Verdict::Failed(report) = &attempt.verdict {
                println!("\n---- {} ----\n{report}", row.id);
            }
        }
        println!(
            "\ntest result: {}. {} passed; {} failed; {} skipped (missing); {} documented failures; finished in {:.1}s\n",
            if green { "ok" } else { "FAILED" },
            self.count(|verdict| matches!(verdict, Verdict::Passed)),
            self.failed(),
            self.missing(),
            self.count(|verdict| matches!(verdict, Verdict::Documented)),
            took.as_secs_f64(),
        );
    }

    pub(crate) fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed(_)))
    }

    pub(crate) fn missing(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Missing))
    }

    fn count(&self, wanted: impl Fn(&Verdict) -> bool) -> usize {
        let verdicts = self.0.iter().map(|(_, attempt)| &attempt.verdict);
        verdicts.filter(|verdict| wanted(verdict)).count()
    }

    /// The page for users. Every row must have run and be as it says.
    pub(crate) fn page(&self) -> String {
        let mut page = format!("{INTRODUCTION}\n{}", self.totals());
        let mut groups: Vec<&str> = Vec::new();
        for (row, _) in self.outside() {
            if !groups.contains(&row.group.as_str()) {
                groups.push(&row.group);
            }
        }
        for group in groups {
            let rows = self.outside().filter(|(row, _)| row.group == group);
            let lines: String = rows.map(|(row, attempt)| line(row, attempt)).collect();
            page.extend(["\n## ", group, "\n\n", HEAD, &lines]);
        }
        page
    }

    /// The rows that are tried as most users start them.
    fn outside(&self) -> impl Iterator<Item = &(&Row, Attempt)> {
        self.0.iter().filter(|(row, _)| row.place == Place::Outside)
    }

    /// When and where it was tried, and how many work.
    fn totals(&self) -> String {
        let now = Timestamp::now().to_string();
        let date = now.split('T').next().unwrap_or_default();
        let all = self.outside().count();
        let failures = self.outside().filter(|(row, _)| !row.works);
        let failures: Vec<_> = failures
            .map(|(row, _)| format!("{} ({})", row.client, row.group))
            .collect();
        let named = if failures.is_empty() {
            String::new()
        } else {
            format!(" These do not: {}.", failures.join(", "))
        };
        let need = |wanted| {
            self.outside()
                .filter(|(row, _)| row.needs() == wanted)
                .count()
        };
        let bare = need(Needs::Nothing);
        let (roots, variables) = (need(Needs::Roots), need(Needs::Variables));
        let with_more = roots + variables;
        format!(
            "Tried on {date} with authsome {} on {} {}: **{} of {all} work.**{named}\n\n\
             **Isolated** ({}): **{bare} work with an empty environment**, and {with_more} more with variables that authsome sets: {roots} of them \
             have their certificates compiled in and add those that a variable names, {variables} have settings of their own that name another \
             proxy, or ask for one. **{} of {all}** in all.\n",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            all - failures.len(),
            "`authsome run --isolate`, [isolation.md](isolation.md)",
            bare + with_more,
        )
    }
}

fn line(row: &Row, attempt: &Attempt) -> String {
    let way = match row.way {
        _ if !row.works => "",
        Way::Absolute => "absolute",
        Way::Connect => "CONNECT",
    };
    let remark = match (&row.reason, &row.way_out, &row.note) {
        (Some(reason), Some(way_out), _) => format!("{reason} **Instead:** {way_out}"),
        (_, _, note) => note.clone().unwrap_or_default(),
    };
    let cells = [
        row.client.as_str(),
        attempt.version.as_deref().unwrap_or_default(),
        if row.works { "yes" } else { "**no**" },
        way,
        row.needs().name(),
        &remark,
    ];
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    format!("| {} |\n", cells.join(" | "))
}

const HEAD: &str = "| Client | Version | Works | Way | Isolated | Remark |\n| --- | --- | --- | --- | --- | --- |\n";

const INTRODUCTION: &str = "\
<!-- Written by `cargo test --test clients -- --write-docs` from tests/clients/rows/; changes go there. -->

# Clients

A program under `authsome run` needs no set-up. Its environment names the proxy and the certificates to trust, and small helper files tell
those that read no variable. You set nothing, pass no flag, and change neither a file nor the code.

Each line below is a small program, run as `authsome run -- PROGRAM` for a user who has configured nothing. It talked to a GitLab whose
name only authsome could resolve, so nothing could go around the proxy. *Yes* means that the program got the right response, that every request
reached GitLab with the user's token and without the placeholder, and that the program printed neither the token nor the proxy's password.

**Way** is how the client talks to the proxy. With `CONNECT`, the usual way, it opens a tunnel. With `absolute` it asks the proxy for
`https://…` and leaves TLS to it: that request is in clear between the two, which does not leave this machine. authsome injects in both.

**Isolated** is the same client as `authsome run --isolate -- env -i PROGRAM`: no variable names a proxy or a certificate, as each connection is
captured and the system's certificates have the session's beside them. *With its variables*: the certificates that the program trusts are compiled
in, and the variables that authsome sets add one; none names the proxy.

A client that is not listed most likely works too, if it obeys `HTTPS_PROXY` or the proxy setting of its language. If one does not,
`authsome log` shows whether it reached the proxy at all.
";
