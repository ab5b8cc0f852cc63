//! The table of clients: `rows/*.toml`, read and checked.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

/// One client, and what is expected of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// Unique; what a filter on the command line is compared with.
    pub(crate) id: String,
    /// The heading under which it stands in the documentation.
    pub(crate) group: String,
    /// Its name in the documentation.
    pub(crate) client: String,
    /// Prints the client's version, and fails where the client is not installed.
    pub(crate) version: Vec<String>,
    /// What runs under `authsome run`.
    pub(crate) command: Vec<String>,
    /// What is looked at afterwards.
    #[serde(default)]
    pub(crate) check: Check,
    /// How the request reaches the proxy.
    #[serde(default)]
    pub(crate) way: Way,
    /// The HTTP version in which the request reaches the server, where it matters.
    pub(crate) http: Option<Http>,
    /// What must stand in the program's output; for a failure, the mark of its reason.
    pub(crate) expect: Option<String>,
    /// What a program needs for its own sake, and never what a user would have to set.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Of a documented failure: what stands in the output where it works, in an isolated run. The
    /// user of `rest`, if nothing is said.
    answer: Option<String>,
    /// Run before, outside of authsome.
    #[serde(default)]
    pub(crate) prepare: Vec<Vec<String>>,
    /// False for a failure that is documented.
    #[serde(default = "yes")]
    pub(crate) works: bool,
    /// Why it cannot work.
    pub(crate) reason: Option<String>,
    /// What the user can do.
    pub(crate) way_out: Option<String>,
    /// A remark for the documentation.
    pub(crate) note: Option<String>,
    /// What it needs in an isolated run; else that of its group.
    isolated: Option<Needs>,
    /// Where it is tried.
    #[serde(skip)]
    pub(crate) place: Place,
    /// Seconds after which the program is ended.
    #[serde(default = "one_minute")]
    timeout: u64,
}

/// What is looked at when the program has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Check {
    /// Requests to the API, and `expect` in the output.
    Body,
    /// Nothing reached the server.
    Failure,
    /// Git's own requests, and `expect` in the output.
    Git,
    /// Calls to the gRPC service, and `expect` in the output.
    Grpc,
    /// `GET /api/v4/user`, and the user in the output.
    #[default]
    Rest,
    /// Requests to a host that is nobody's, which come as they were sent, and `expect` in the
    /// output.
    Tunnel,
}

/// What a client needs of the environment of an isolated run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Needs {
    /// It does not work there: the roots that it trusts are compiled in, and nothing adds one.
    Another,
    /// Nothing at all.
    #[default]
    Nothing,
    /// The variables that name certificates: the roots that it trusts are compiled in, and these add
    /// one.
    Roots,
    /// All variables of a run: its own settings name another proxy, which these overrule, or it asks
    /// them for one.
    Variables,
}

impl Needs {
    /// For the documentation.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Another => "**no**",
            Self::Nothing => "yes",
            Self::Roots | Self::Variables => "with its variables",
        }
    }
}

/// Where a row is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// As `authsome run -- CLIENT`.
    #[default]
    Outside,
    /// As `authsome run --isolate -- CLIENT`, without any variable of authsome's that it can do
    /// without.
    Isolated(Needs),
}

/// How a request reaches the proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// In absolute form, which leaves TLS to the proxy.
    Absolute,
    /// Through a tunnel.
    #[default]
    Connect,
}

impl Way {
    /// The word for it, in the rows and in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Connect => "connect",
        }
    }
}

/// An HTTP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Http {
    #[serde(rename = "1.1")]
    One,
    #[serde(rename = "2")]
    Two,
}

impl Row {
    /// The same client in an isolated run, where none of its connections needs a proxy.
    pub(crate) fn isolated(&self) -> Self {
        let needs = self.needs();
        let works = needs != Needs::Another;
        let mut row = self.clone();
        row.id = format!("isolated-{}", self.id);
        row.place = Place::Isolated(needs);
        if works && !self.works {
            row.check = Check::Body;
            row.expect = row.answer.take();
        }
        row.works = works;
        row
    }

    /// What it needs of the environment of an isolated run.
    pub(crate) fn needs(&self) -> Needs {
        self.isolated.unwrap_or_default()
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// What is wrong with the row beyond its types.
    fn problem(&self) -> Option<&'static str> {
        if self.version.is_empty() || self.command.is_empty() {
            return Some("`version` and `command` need at least a program");
        }
        if self.prepare.iter().any(Vec::is_empty) {
            return Some("each command of `prepare` needs at least a program");
        }
        let explained = self.reason.is_some() && self.way_out.is_some();
        if self.works != (self.check != Check::Failure) {
            return Some("`check = \"failure\"` and `works = false` go together");
        }
        if !self.works && !explained {
            return Some("a documented failure needs `reason` and `way_out`");
        }
        if self.works && (self.reason.is_some() || self.way_out.is_some()) {
            return Some("`reason` and `way_out` are for failures; use `note`");
        }
        match (self.check, &self.expect) {
            (Check::Rest, Some(_)) => Some("`expect` is not for `rest`, which has its own"),
            (Check::Failure, None) => {
                Some("a documented failure needs `expect`: what it prints for this reason only")
            }
            (Check::Body | Check::Git | Check::Grpc | Check::Tunnel, None) => {
                Some("`expect` is missing: a text of the right output")
            }
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<toml::Value>,
    /// What the clients of a group need in an isolated run.
    #[serde(default)]
    isolated: BTreeMap<String, Needs>,
}

/// Reads every file of the directory, in the order of their names; with the rows comes all that is
/// wrong.
pub(crate) fn read(directory: &Path) -> (Vec<Row>, Vec<String>) {
    let mut files: Vec<_> = fs::read_dir(directory)
        .expect("the rows are in the repository")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match read_file(&file) {
            Ok(found) => {
                for row in found {
                    row.map_or_else(|problem| problems.push(problem), |row| rows.push(row));
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    let mut ids = HashSet::new();
    for row in &rows {
        if !ids.insert(row.id.as_str()) {
            problems.push(format!("two rows have the id `{}`", row.id));
        }
    }
    (rows, problems)
}

/// Each row by itself, so that an error names it.
fn read_file(file: &Path) -> Result<Vec<Result<Row, String>>, String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
    let table: Table = toml::from_str(&text).map_err(|error| format!("{shown}: {error}"))?;
    let rows = table.row.into_iter().enumerate().map(|(index, value)| {
        let id = value.get("id").and_then(toml::Value::as_str);
        let name = id.map_or_else(|| format!("row {}", index + 1), |id| format!("row `{id}`"));
        let row: Row = value
            .try_into()
            .map_err(|error: toml::de::Error| format!("{shown}: {name}: {}", error.message()))?;
        let isolated = row
            .isolated
            .or_else(|| table.isolated.get(&row.group).copied());
        match row.problem() {
            None => Ok(Row { isolated, ..row }),
            Some(problem) => Err(format!("{shown}: {name}: {problem}")),
        }
    });
    Ok(rows.collect())
}

fn yes() -> bool {
    true
}

fn one_minute() -> u64 {
    60
}
