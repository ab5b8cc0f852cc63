//! What the user has set is added to, and stays.

use std::fs;
use std::process::Command;

use authsome_test_support::FakeGitLab;

use crate::kit::report::Report;
use crate::kit::run::finish;
use crate::kit::{Setup, World};

#[test]
fn what_the_parent_set_is_added_to() {
    let world = World::new();
    let report = Report::of(
        &world,
        &[],
        &[
            ("NODE_OPTIONS", "--max-old-space-size=512"),
            ("BUN_OPTIONS", "--smol"),
            ("PYTHONPATH", "/opt/mine"),
            ("PHP_INI_SCAN_DIR", "/opt/php"),
            ("JAVA_TOOL_OPTIONS", "-Xmx64m"),
            ("CHROME_EXTRA_FLAGS", "--lang=en"),
            ("NPM_CONFIG_PROXY", "http://corp:1"),
            ("XDG_CURRENT_DESKTOP", "KDE"),
        ],
    );
    let directory = &report.directory;
    assert_eq!(
        report.get("NODE_OPTIONS").unwrap(),
        format!("--max-old-space-size=512 --require {directory}/boot.cjs")
    );
    assert_eq!(
        report.get("BUN_OPTIONS").unwrap(),
        format!("--smol \"--preload={directory}/boot.cjs\"")
    );
    assert_eq!(
        report.get("PYTHONPATH").unwrap(),
        format!("{directory}/python:/opt/mine")
    );
    assert_eq!(
        report.get("PHP_INI_SCAN_DIR").unwrap(),
        format!("/opt/php:{directory}")
    );
    let java = report.get("JAVA_TOOL_OPTIONS").unwrap();
    assert!(java.starts_with("-Xmx64m -DproxyHost=127.0.0.1 "), "{java}");
    assert!(java.ends_with(&format!(
        "\"-Djavax.net.ssl.trustStore={directory}/roots.jks\""
    )));
    let chrome = report.get("CHROME_EXTRA_FLAGS").unwrap();
    assert!(
        chrome.starts_with("--lang=en --proxy-server=http://127.0.0.1:"),
        "{chrome}"
    );
    assert_eq!(report.get("NPM_CONFIG_PROXY"), None);
}

#[test]
fn without_a_parents_value_nothing_dangles() {
    let report = Report::of(&World::new(), &[], &[("PYTHONPATH", "")]);
    let directory = &report.directory;
    // A trailing colon would put the working directory on Python's path.
    assert_eq!(
        report.get("PYTHONPATH").unwrap(),
        format!("{directory}/python")
    );
    // PHP's own directory stands for the empty part.
    assert_eq!(
        report.get("PHP_INI_SCAN_DIR").unwrap(),
        format!(":{directory}")
    );
    assert_eq!(
        report.get("CURL_HOME"),
        None,
        "there is no .curlrc to replace"
    );
}

#[test]
fn certificates_that_the_parents_variables_name_stay_trusted_by_their_clients() {
    let (world, corporate) = (World::new(), FakeGitLab::start());
    let file = corporate.ca_file().to_str().unwrap();
    let report = Report::of(
        &world,
        &[],
        &[("NODE_EXTRA_CA_CERTS", file), ("REQUESTS_CA_BUNDLE", file)],
    );
    let corporate = body(corporate.ca_pem());
    let session = body(&report.files["ca.pem"]);
    for name in ["NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"] {
        assert!(report.file_of(name).contains(corporate), "{name}");
        assert!(report.file_of(name).contains(session), "{name}");
    }
    for name in ["SSL_CERT_FILE", "PIP_CERT", "DENO_CERT"] {
        assert!(!report.file_of(name).contains(corporate), "{name}");
        assert!(report.file_of(name).contains(session), "{name}");
    }
    // A file that the bundle has anyway: it does for each of them.
    let variables = [("NODE_EXTRA_CA_CERTS", file), ("SSL_CERT_FILE", file)];
    let report = Report::of(&world, &[], &variables);
    let session = body(&report.files["ca.pem"]);
    for (name, _) in variables {
        assert!(report.file_of(name).contains(corporate), "{name}");
        assert!(report.file_of(name).contains(session), "{name}");
    }
}

#[test]
fn a_directory_of_roots_is_in_the_bundle() {
    let (world, corporate) = (World::new(), FakeGitLab::start());
    let roots = world.path("roots");
    fs::create_dir(&roots).unwrap();
    fs::copy(corporate.ca_file(), roots.join("5ed36f99.0")).unwrap();
    let directories = format!("/etc/ssl/certs:{}", roots.display());
    let report = Report::of(&world, &[], &[("SSL_CERT_DIR", &directories)]);
    assert_eq!(report.get("SSL_CERT_DIR"), None);
    let bundle = report.file_of("SSL_CERT_FILE");
    assert!(bundle.contains(body(corporate.ca_pem())));
}

#[test]
fn the_users_dotfiles_are_kept_less_proxies_and_roots() {
    let world = World::new();
    world.file(".curlrc", "user-agent = mine\nproxy = http://127.0.0.1:1\n");
    world.file(".wgetrc", "tries = 2\nhttps_proxy = http://127.0.0.1:1\n");
    let report = Report::of(&world, &[], &[]);
    assert_eq!(report.files["curl/.curlrc"], "user-agent = mine\n");
    let wgetrc = report.file_of("WGETRC");
    assert!(
        wgetrc.starts_with("tries = 2\nca_certificate = "),
        "{wgetrc}"
    );
}

#[test]
fn each_variable_can_be_left_alone() {
    let world = World::new();
    let flags = ["--no-env", "NODE_OPTIONS", "--no-env", "SSL_CERT_DIR"];
    let flags: Vec<_> = flags
        .into_iter()
        .chain(["--no-env", "MINE", "--no-env", "AUTHSOME_MASTER_KEY"])
        .collect();
    let report = Report::of(
        &world,
        &flags,
        &[
            ("NODE_OPTIONS", "--trace-warnings"),
            ("SSL_CERT_DIR", "/mine"),
        ],
    );
    assert_eq!(report.get("NODE_OPTIONS"), Some("--trace-warnings"));
    assert_eq!(report.get("SSL_CERT_DIR"), Some("/mine"));
    assert!(
        report
            .stderr
            .contains("--no-env MINE has no effect: authsome does not set that variable")
    );
    assert!(report.stderr.contains("--no-env AUTHSOME_MASTER_KEY"));
}

#[test]
fn a_repositorys_configuration_neither_holds_the_run_up_nor_fills_its_environment() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, &gitlab.base_url_at("gitlab.test"), 7200);
    let pipe = world.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut remotes = String::new();
    for number in 0..20_000 {
        let url = format!("ssh://git@gitlab.test:{number}/g/p.git");
        remotes += &[
            "[remote \"r",
            &number.to_string(),
            "\"]\n\turl = ",
            &url,
            "\n",
        ]
        .concat();
    }
    for configuration in [format!("[include]\n\tpath = {}\n", pipe.display()), remotes] {
        world.file(".gitconfig", &configuration);
        let outcome = finish(world.authsome(["run", "--", "printenv", "GIT_CONFIG_COUNT"]));
        let count: usize = outcome.expect(0).stdout.trim().parse().unwrap();
        assert!(count < 1100, "{count}");
    }
}

/// The text between the first certificate's lines: enough to know it by.
fn body(pem: &str) -> &str {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----\n").unwrap();
    rest.split_once("-----END").unwrap().0.trim()
}
