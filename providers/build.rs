//! Lists the bundled definitions, so that a new file needs no line in the code, and takes out of
//! them what only people read: each start of a run parses some of them.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{Error, Write as _};
use std::path::Path;

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
            Ok(text) => {
                let _ = writeln!(table, "    ({name:?}, {text:?}),");
            }
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
fn compact(file: &Path) -> Result<String, Error> {
    let text = json_comments::StripComments::new(fs::File::open(file)?);
    let json: serde_json::Value = serde_json::from_reader(std::io::BufReader::new(text))?;
    Ok(json.to_string())
}
