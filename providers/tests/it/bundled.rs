//! What holds for every definition that comes with authsome.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use authsome_providers::{
    Auth, Catalog, Checked, Definition, ExportField, Flow, HostPattern, PLACEHOLDER, Provider,
    Scheme, Service, Source,
};

fn all() -> Vec<Definition> {
    let listed = Catalog::new(None).list();
    let (mut definitions, mut wrong) = (Vec::new(), Vec::new());
    for listed in listed {
        match listed.definition {
            Ok(definition) => definitions.push(definition),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    definitions
}

/// The provider at an example of its place.
fn placed(definition: &Definition) -> Arc<Provider> {
    let params = definition.provider.params.iter();
    let values: BTreeMap<_, _> = params
        .map(|param| (param.name.clone(), param.example.clone()))
        .collect();
    let placed = definition.placed(&values);
    placed.unwrap_or_else(|error| panic!("{}: {error}", definition.provider.id))
}

#[test]
fn each_is_valid_and_has_only_known_fields() {
    for definition in all() {
        let id = &definition.provider.id;
        assert_eq!(definition.source, Source::Bundled);
        assert_eq!(definition.warnings, [""; 0], "{id}");
        placed(&definition);
    }
}

/// What the catalog takes for checked.
#[test]
fn each_is_valid_as_a_custom_one_of_which_everything_is_checked() {
    for definition in all() {
        let full = full(&definition);
        assert_eq!(full.warnings, [""; 0], "{}", full.provider.id);
        placed(&full);
    }
}

/// What the definition's file says, of which nothing was taken out.
fn full(definition: &Definition) -> Definition {
    let name = format!("bundled/{}.json", definition.provider.id);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let full = Definition::parse(&fs::read_to_string(file).unwrap(), Source::Bundled);
    full.unwrap_or_else(|error| panic!("{}: {error}", definition.provider.id))
}

/// The service at its own address, or at an example of one.
fn service(provider: &Provider) -> Service {
    let base = "https://acme.example.com".parse().unwrap();
    let service = provider.at(None).or_else(|_| provider.at(Some(&base)));
    service.unwrap_or_else(|error| panic!("{}: {error}", provider.id))
}

#[test]
fn guard_rules_that_are_parsed_later_are_the_same() {
    let mut rules = 0;
    for definition in all() {
        let (id, full) = (&definition.provider.id, full(&definition));
        let [later, whole] = [&definition, &full].map(|definition| service(&placed(definition)));
        // Before the rules are asked for.
        let told: BTreeMap<_, _> = later.rules.guard_reasons().collect();
        let expected: BTreeMap<_, _> = whole.rules.guard_reasons().collect();
        assert_eq!(told, expected, "{id}");
        assert_eq!(later.rules.guards(), whole.rules.guards(), "{id}");
        assert_eq!(
            definition.json().to_string(),
            full.json().to_string(),
            "{id}"
        );
        assert_eq!(
            later.rules.denies_other_methods(),
            whole.rules.denies_other_methods(),
            "{id}"
        );
        rules += whole.rules.guards().len();
    }
    assert!(rules > 1000, "{rules}");
}

#[test]
fn each_says_when_it_was_checked_or_what_was_not() {
    for definition in all() {
        let provider = &definition.provider;
        let id = &provider.id;
        let is_said = provider.checked.is_some() || !provider.unverified.is_empty();
        assert!(is_said || id.as_str() == "gitlab", "{id}");
        for source in provider.checked.iter().flat_map(|checked| &checked.from) {
            assert!(!source.starts_with('/'), "{id} was checked with a file");
        }
        let is_empty = |checked: &Checked| checked.from.is_empty();
        assert!(!provider.checked.as_ref().is_some_and(is_empty), "{id}");
        assert!(provider.description.is_some(), "{id} has no description");
        assert!(provider.docs_url.is_some(), "{id} has no docs_url");
    }
}

/// A host that is not the service's, made from one that is.
fn similar_hosts(host: &str) -> Vec<String> {
    let homograph = host.replacen('a', "\u{430}", 1).replacen('o', "\u{43e}", 1);
    let mut others = vec![
        format!("evil-{host}"),
        format!("evil{host}"),
        format!("{host}.evil.test"),
        format!("x{host}"),
        format!("{host}x"),
        format!("{host}..evil.test"),
        format!("{}.evil.test", host.trim_end_matches(".com")),
        host.replace('.', "-"),
        host.replacen('.', "x", 1),
    ];
    if homograph != host {
        others.push(homograph);
    }
    others
}

/// Hosts that a pattern is for: an exact one, or examples below its domain.
fn own_hosts(pattern: &HostPattern) -> Vec<String> {
    match pattern {
        HostPattern::Exact(host) => vec![host.clone()],
        pattern @ HostPattern::Regex(_) => vec![pattern.literal_suffix().unwrap().to_owned()],
    }
}

#[test]
fn no_host_that_only_looks_like_one_is_taken() {
    for definition in all() {
        let provider = placed(&definition);
        for route in &service(&provider).routes {
            assert_eq!(route.scheme, Scheme::Https, "{}: {route}", provider.id);
            for host in own_hosts(&route.host) {
                for other in similar_hosts(&host) {
                    // A pattern is anchored to a domain: below it, everything may be its own.
                    let suffix = route.host.literal_suffix();
                    let is_below =
                        suffix.is_some_and(|suffix| other.ends_with(&format!(".{suffix}")));
                    assert!(
                        is_below || !route.host.matches(&other),
                        "{}: {route} takes {other}",
                        provider.id
                    );
                }
            }
        }
    }
}

/// A pattern that is too wide would take a host of somebody else's below the same domain, so each
/// is looked at by a person before it is listed here.
#[test]
fn each_pattern_of_hosts_is_known() {
    let mut patterns = Vec::new();
    for definition in all() {
        let provider = placed(&definition);
        let Ok(service) = provider.at(None) else {
            continue;
        };
        for route in &service.routes {
            if let HostPattern::Regex(_) = route.host {
                patterns.push(format!("{} {}", provider.id, route.host));
            }
        }
    }
    let expected = [
        r"aws regex:[a-z0-9][a-z0-9.-]*\.s3\.[a-z]{2}(?:-[a-z]+)+-[0-9]\.amazonaws\.com",
        r"google-vertex-ai regex:[a-z0-9-]+-aiplatform\.googleapis\.com",
        r"pinecone regex:[a-z0-9-]+\.svc\.[a-z0-9-]+\.pinecone\.io",
        r"twilio regex:api\.[a-z0-9]+\.[a-z0-9]+\.twilio\.com",
    ];
    assert_eq!(patterns, expected);
}

/// The suffix of a format is taken off a request's path, so one in a rule would fit only itself.
#[test]
fn no_guard_ends_in_the_suffix_of_a_format() {
    for definition in all() {
        for rule in definition.provider.guards() {
            let path = rule.path();
            let has_suffix = [".json", ".xml", ".csv"]
                .iter()
                .any(|end| path.ends_with(end));
            assert!(!has_suffix, "{} {path}", definition.provider.id);
        }
    }
}

/// One API has the same rules, whichever definition leads to it.
#[test]
fn the_wider_definition_guards_what_the_narrower_one_does() {
    let paths = |definition: &Definition| {
        let guards = definition.provider.guards().iter();
        guards
            .map(|rule| (rule.methods.clone(), rule.path()))
            .collect::<Vec<_>>()
    };
    let all = all();
    let of = |id: &str| {
        all.iter()
            .find(|one| one.provider.id.as_str() == id)
            .unwrap()
    };
    for (narrow, wide) in [("slack-token", "slack"), ("slack", "slack-token")] {
        let wide_paths = paths(of(wide));
        for path in paths(of(narrow)) {
            assert!(
                wide_paths.contains(&path),
                "{wide} lacks {path:?} of {narrow}"
            );
        }
    }
}

#[test]
fn case_and_a_final_dot_do_not_matter() {
    for definition in all() {
        let provider = placed(&definition);
        let Ok(service) = provider.at(None) else {
            continue;
        };
        for route in &service.routes {
            if let HostPattern::Exact(host) = &route.host {
                assert!(route.host.matches(&host.to_uppercase()));
                assert!(route.host.matches(&format!("{host}.")));
                assert!(!route.host.matches(&format!("{host}..")));
            }
        }
    }
}

#[test]
fn what_stands_for_a_key_has_the_form_of_one() {
    for definition in all() {
        let provider = &definition.provider;
        if let Auth::ApiKey(key) = &provider.auth {
            for field in key.fields.iter().filter(|field| field.is_secret) {
                let placeholder = &field.placeholder;
                let fits = field
                    .pattern
                    .as_ref()
                    .is_none_or(|pattern| pattern.accepts(placeholder));
                assert!(fits, "{}: {placeholder} as {}", provider.id, field.name);
                assert!(placeholder.len() >= 12, "{}", provider.id);
            }
        }
    }
    let gitlab = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
    assert_eq!(gitlab.provider.placeholder, PLACEHOLDER);
}

#[test]
fn a_variable_holds_what_it_says() {
    for definition in all() {
        let provider = &definition.provider;
        let mut seen = BTreeSet::new();
        for export in &provider.export {
            let is_oauth = matches!(provider.auth, Auth::OAuth2(_));
            match export.field {
                ExportField::AccessToken => assert!(is_oauth, "{}", provider.id),
                ExportField::ApiToken => assert!(!is_oauth, "{}", provider.id),
                _ => {}
            }
            assert!(
                seen.insert(&export.variable),
                "{}: {}",
                provider.id,
                export.variable
            );
        }
        let placeholders = provider.placeholders.iter();
        for variable in placeholders {
            assert!(seen.insert(variable), "{}: {variable} twice", provider.id);
        }
        assert!(
            !seen.is_empty() || provider.id.as_str() == "mcp",
            "{} sets no variable",
            provider.id
        );
    }
}

#[test]
fn each_has_a_way_to_log_in() {
    for definition in all() {
        let provider = placed(&definition);
        let Auth::OAuth2(oauth) = &provider.auth else {
            assert_eq!(provider.flow, Flow::ApiKey);
            continue;
        };
        let is_possible = match provider.flow {
            Flow::DcrPkce => oauth.supports_dcr || oauth.discover,
            Flow::DeviceCode => oauth.supports_device_code,
            _ => true,
        };
        assert!(is_possible, "{} by {}", provider.id, provider.flow);
        // It is discovered from an address: the service's own, or one that the user names.
        if oauth.discover {
            let has_address = provider.api_address().is_some();
            assert_ne!(has_address, provider.can_move(), "{}", provider.id);
        }
    }
}
