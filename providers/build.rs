//! Lists the bundled definitions, so that a new file needs no line in the code. Each start of a run
//! parses some of them, so what it does not need is taken out: what only people read, and the guard
//! rules (`src/bundled.rs`).

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{Error, Write as _};
use std::path::Path;

use serde_json::{Map, Value};

/// The fields whose values the user gives at login. They may stand in guard rules, which then have
/// to be parsed with them.
const OF_THE_PLACE: [&str; 2] = ["params", "instance_url"];

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let bundled = Path::new(&root).join("bundled");
    println!("cargo::rerun-if-changed=bundled");
    let entries = match fs::read_dir(&bundled) {
        Ok(entries) => entries,
        Err(error) => {
            println!("cargo::error=cannot list the bundled definitions: {error}");
            return;
        }
    };
    let names = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_suffix(".json")?.to_owned())
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    let mut table = String::from("[\n");
    for name in names {
        let file = bundled.join(format!("{name}.json"));
        println!("cargo::rerun-if-changed={}", file.display());
        match compact(&file) {
            Ok(fields) => table.push_str(&entry(&name, fields)),
            Err(error) => println!("cargo::error={}: {error}", file.display()),
        }
    }
    table.push(']');
    let out = env::var("OUT_DIR").unwrap_or_default();
    let written = fs::File::create(Path::new(&out).join("bundled.rs"))
        .and_then(|mut file| file.write_all(table.as_bytes()));
    if let Err(error) = written {
        println!("cargo::error=cannot list the bundled definitions: {error}");
    }
}

/// The definition without comments and blanks, its fields in their order.
fn compact(file: &Path) -> Result<Map<String, Value>, Error> {
    let text = json_comments::StripComments::new(fs::File::open(file)?);
    Ok(serde_json::from_reader(std::io::BufReader::new(text))?)
}

/// A definition in the table, its guard rules behind it.
fn entry(name: &str, mut fields: Map<String, Value>) -> String {
    let before = fields.keys().take_while(|field| *field != "guard").count();
    let depends_on_place = OF_THE_PLACE.iter().any(|field| fields.contains_key(*field));
    let guard = match fields.get("guard") {
        Some(Value::Array(_)) if !depends_on_place => fields.shift_remove("guard"),
        _ => None,
    };
    let mut text = Value::Object(fields).to_string();
    let rules = text.len();
    let mut lines = rules;
    if let Some(guard) = guard {
        text.push_str(&guard.to_string());
        lines = text.len();
        text.push_str(&lines_about(&guard));
    }
    format!(
        "    Bundled {{ name: {name:?}, text: {text:?}, rules: {rules}, lines: {lines}, before: {before} }},\n"
    )
}

/// A line about each name of a guard rule: the name, and the reason. Of several rules with one name
/// the last one's reason counts.
fn lines_about(guard: &Value) -> String {
    let rules = guard.as_array().into_iter().flatten();
    let named: BTreeMap<_, _> = rules
        .filter_map(|rule| Some((rule.get("name")?.as_str()?, rule.get("reason")?.as_str()?)))
        .collect();
    let mut lines = String::new();
    for (name, reason) in named {
        let _ = writeln!(lines, "{name}\t{reason}"); // writing to a String cannot fail
    }
    lines
}
