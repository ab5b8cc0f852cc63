//! `authsome version`.

use serde_json::json;

use crate::cli::printer::Printer;

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(in crate::cli) fn run(printer: &Printer) {
    if printer.is_json() {
        printer.value(&json!({ "version": VERSION }));
    } else {
        printer.line(&format!("authsome {VERSION}"));
    }
}
