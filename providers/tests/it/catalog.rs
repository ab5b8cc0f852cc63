//! Tests of bundled and custom definitions together.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use authsome_providers::{Catalog, CatalogError, ProviderId, Source};

const CUSTOM: &str = r#"{"name": "NAME", "auth_type": "api_key", "api_url": "api.example.com"}"#;

/// A separate directory for each test, empty at the start.
fn directory(test: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn put(dir: &std::path::Path, file: &str, text: &str) {
    File::create(dir.join(file))
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn id(name: &str) -> ProviderId {
    name.parse().unwrap()
}

#[test]
fn custom_wins_over_bundled() {
    let dir = directory("custom_wins");
    put(&dir, "gitlab.json", &CUSTOM.replace("NAME", "gitlab"));
    let catalog = Catalog::new(Some(dir.clone()));
    let definition = catalog.get(&id("gitlab")).unwrap();
    assert_eq!(definition.source, Source::Custom(dir.join("gitlab.json")));
    assert_eq!(definition.source.to_string(), "custom");
    let bundled = Catalog::new(None).get(&id("gitlab")).unwrap();
    assert_eq!(bundled.source.to_string(), "bundled");
}

#[test]
fn the_list_is_sorted_and_shows_what_is_broken() {
    let dir = directory("list");
    put(&dir, "acme.json", &CUSTOM.replace("NAME", "acme"));
    put(&dir, "broken.json", "{\n  \"name\": \"broken\",\n  oops\n}");
    put(&dir, "other.json", &CUSTOM.replace("NAME", "acme"));
    put(&dir, "notes.txt", "");
    put(&dir, ".hidden.json", "");
    let listed = Catalog::new(Some(dir)).list();
    let names: Vec<_> = listed
        .iter()
        .map(|entry| (entry.id.as_str(), entry.definition.is_ok()))
        .collect();
    assert!(names.is_sorted());
    for entry in [
        ("acme", true),
        ("broken", false),
        ("gitlab", true),
        ("other", false),
    ] {
        assert!(names.contains(&entry), "{entry:?}");
    }
    let errors: Vec<_> = listed
        .iter()
        .filter_map(|entry| entry.definition.as_ref().err())
        .map(ToString::to_string)
        .collect();
    assert!(
        errors[0].contains("broken.json: line 3, column 3: "),
        "{}",
        errors[0]
    );
    assert!(
        errors[1].ends_with("other.json: `name`: it is `acme`, and the file is called other.json"),
        "{}",
        errors[1]
    );
    let broken = listed.iter().find(|entry| entry.id.as_str() == "broken");
    assert_eq!(broken.unwrap().source.to_string(), "custom");
}

#[test]
fn a_file_whose_name_is_not_read_is_a_stray() {
    let dir = directory("strays");
    let strays = ["MyCRM.json", "acme.jsonc", "my crm.json", "other.JSON"];
    for file in strays {
        put(&dir, file, &CUSTOM.replace("NAME", "acme"));
    }
    for file in [
        "acme.json",
        "broken.json",
        "acme.json.draft",
        "notes.txt",
        ".hidden.json",
        "json",
    ] {
        put(&dir, file, "");
    }
    let catalog = Catalog::new(Some(dir.clone()));
    assert_eq!(catalog.strays(), strays.map(|file| dir.join(file)));
    for number in 0..20 {
        put(&dir, &format!("Z{number}.json"), "");
    }
    assert_eq!(catalog.strays().len(), 8);
    for nowhere in [None, Some(dir.join("missing"))] {
        assert!(Catalog::new(nowhere).strays().is_empty());
    }
}

#[test]
fn an_unknown_name_brings_near_ones() {
    let catalog = Catalog::new(Some(PathBuf::from("/nonexistent")));
    for (name, expected) in [
        ("gitlabb", vec!["gitlab"]),
        ("teleqram", vec!["telegram"]),
        ("nothing-like-it", vec![]),
    ] {
        let Err(CatalogError::NotFound { id: found, near }) = catalog.get(&id(name)) else {
            panic!("{name} was found");
        };
        assert_eq!(found.as_str(), name);
        assert_eq!(
            near.iter().map(ProviderId::as_str).collect::<Vec<_>>(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let dir = directory("unreadable");
    fs::create_dir(dir.join("gitlab.json")).unwrap();
    put(&dir, "large.json", &" ".repeat(1024 * 1024 + 1));
    let catalog = Catalog::new(Some(dir));
    for name in ["gitlab", "large"] {
        assert!(
            matches!(catalog.get(&id(name)), Err(CatalogError::Unreadable { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_page_of_an_instance_is_taken_for_the_instance() {
    let gitlab = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
    let instance = |text: &str| {
        let found = gitlab.provider.instance_of(&text.parse().unwrap());
        found.map(|base| base.to_string())
    };
    for root in [
        "https://gitlab.acme.com",
        "https://gitlab.acme.com:8443/gitlab",
        "https://[::1]/a/b",
    ] {
        assert_eq!(instance(root), None, "{root}");
        for page in [
            "/api",
            "/api/v4",
            "/api/v4/projects/1",
            "/api/graphql/",
            "/users/sign_in",
            "/oauth",
            "/oauth/authorize",
            "/oauth/token",
            "/oauth/applications",
            "/-",
            "/-/user_settings/applications",
            "/-/profile/personal_access_tokens",
        ] {
            let found = instance(&format!("{root}{page}"));
            assert_eq!(found.as_deref(), Some(root), "{page}");
        }
    }
    // A path that only resembles a page belongs to the root of the instance.
    for root in [
        "/apis",
        "/users",
        "/gitlab-oauth",
        "/x-api/v4x",
        "/users/sign_in_here",
    ] {
        assert_eq!(instance(&format!("https://acme.com{root}")), None, "{root}");
    }
}
