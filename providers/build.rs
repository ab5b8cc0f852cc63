//! Lists the bundled definitions, so that a new file needs no line in the code.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
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
        let file = file.display().to_string();
        let _ = writeln!(table, "    ({name:?}, include_str!({file:?})),");
    }
    table.push(']');
    let out = env::var("OUT_DIR").unwrap_or_default();
    let written = fs::File::create(Path::new(&out).join("bundled.rs"))
        .and_then(|mut file| file.write_all(table.as_bytes()));
    if let Err(error) = written {
        println!("cargo::error=cannot list the bundled definitions: {error}");
    }
}
