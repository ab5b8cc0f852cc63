//! The table of docs/providers.md, which repeats what the definitions say.

use std::fmt::Write as _;
use std::path::Path;

use authsome_providers::{Auth, Catalog, Definition, Flow};

const BEGIN: &str =
    "<!-- the providers: written by `UPDATE=1 cargo test -p authsome-providers` -->\n";
const END: &str = "<!-- the end of the providers -->\n";

/// More hosts than these make a row unreadable.
const MAX_HOSTS: usize = 4;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a page of the repository is no file of a home"
)]
fn the_table_of_providers_says_what_the_definitions_say() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/providers.md");
    let whole = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = whole.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let text = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&page, &text).unwrap();
        return;
    }
    let stale = whole
        .lines()
        .zip(text.lines())
        .find(|(is, says)| is != says);
    assert!(
        whole == text,
        "docs/providers.md is stale: `UPDATE=1 cargo test -p authsome-providers` writes it anew; {stale:#?}"
    );
}

fn table() -> String {
    let mut table = String::from(
        "| provider | | category | log in by | hosts | variables | checked |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for listed in Catalog::new(None).list() {
        let _ = writeln!(table, "{}", row(&listed.definition.unwrap()));
    }
    table
}

fn row(definition: &Definition) -> String {
    let provider = &definition.provider;
    let name = match &provider.docs_url {
        Some(url) => format!("[{}]({url})", provider.display_name),
        None => provider.display_name.clone(),
    };
    let checked = match (&provider.checked, provider.unverified.len()) {
        (Some(checked), 0) => checked.on.clone(),
        (Some(checked), open) => format!("{}, {open} open", checked.on),
        (None, 0) => String::from("no date"),
        (None, _) => String::from("unverified"),
    };
    let variables = provider.export.iter().map(|export| &export.variable);
    let variables: Vec<_> = variables.map(|name| format!("`{name}`")).collect();
    format!(
        "| `{}` | {name} | {} | {} | {} | {} | {checked} |",
        provider.id,
        provider.category.as_deref().unwrap_or_default(),
        way(definition),
        hosts(definition),
        variables.join(", "),
    )
}

/// What the user is asked for, or does.
fn way(definition: &Definition) -> String {
    let provider = &definition.provider;
    let way = match (&provider.auth, provider.flow) {
        (Auth::ApiKey(key), _) if key.fields.len() > 1 => "keys",
        (Auth::ApiKey(_), _) => "key",
        (_, Flow::DeviceCode) => "device code",
        (_, Flow::DcrPkce) => "browser, no application needed",
        (_, Flow::ClientCredentials) => "client credentials",
        _ => "browser",
    };
    let params: Vec<_> = provider
        .params
        .iter()
        .map(|param| format!("`{}`", param.name))
        .collect();
    if params.is_empty() {
        way.to_owned()
    } else {
        format!("{way}; {}", params.join(", "))
    }
}

/// A self-hosted service, with its usual instance if it has one.
fn instance(definition: &Definition) -> String {
    let base = definition
        .provider
        .base_url
        .as_ref()
        .map(ToString::to_string);
    match base.filter(|base| !base.ends_with(".invalid") && !base.ends_with(".invalid/")) {
        Some(base) => format!("`--base-url`, or `{}`", base.trim_start_matches("https://")),
        None => String::from("`--base-url`"),
    }
}

/// The hosts as the definition has them, so that a parameter is seen as one.
fn hosts(definition: &Definition) -> String {
    let json = definition.json();
    let written = json.get("api_url");
    let listed = written
        .and_then(|value| value.as_array())
        .into_iter()
        .flatten();
    let mut hosts: Vec<String> = Vec::new();
    for text in listed.chain(written).filter_map(|value| value.as_str()) {
        let host = if let Some(pattern) = text.strip_prefix("regex:") {
            pattern.replace('|', "\\|")
        } else {
            let place = text.trim_start_matches("https://");
            place.split('/').next().unwrap_or_default().to_owned()
        };
        let host = if host.len() > 60 {
            "a pattern of hosts".to_owned()
        } else {
            format!("`{host}`")
        };
        // What is left is a path of the instance.
        let host = if host == "``" || host.starts_with("`{") && host.contains("_url}") {
            instance(definition)
        } else {
            host
        };
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    if hosts.is_empty() {
        hosts.push(instance(definition));
    }
    let more = hosts.len().saturating_sub(MAX_HOSTS);
    hosts.truncate(MAX_HOSTS);
    match more {
        0 => hosts.join(", "),
        _ => format!("{} and {more} more", hosts.join(", ")),
    }
}
