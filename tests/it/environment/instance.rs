//! The address of an instance is told to the tools that ask for one.

use crate::kit::Setup;
use crate::kit::report::Report;

#[test]
fn the_address_of_an_instance_of_ones_own_is_named() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let base = gitlab.base_url();
    let report = Report::of(&world, &[], &[]);
    assert_eq!(report.get("GITLAB_HOST"), Some(&*base));
    assert_eq!(
        report.get("GITLAB_API_URL"),
        Some(&*format!("{base}/api/v4"))
    );
    // What the user says is more than what a default says, and less than a choice for this very
    // run.
    let others = [("GITLAB_HOST", "https://other.test")];
    let report = Report::of(&world, &[], &others);
    assert_eq!(report.get("GITLAB_HOST"), Some("https://other.test"));
    let report = Report::of(&world, &["--connection", "gitlab=default"], &others);
    assert_eq!(report.get("GITLAB_HOST"), Some(&*base));
}

#[test]
fn the_default_connection_is_the_one_whose_address_is_named() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("public", &gitlab, "https://gitlab.com", 7200);
    let base = gitlab.base_url_at("gitlab.test");
    world.connect_as("work", &gitlab, &base, 7200);
    world.call(["set-default", "gitlab", "public"]).expect(0);
    assert_eq!(Report::of(&world, &[], &[]).get("GITLAB_HOST"), None);
    world.call(["set-default", "gitlab", "work"]).expect(0);
    assert_eq!(
        Report::of(&world, &[], &[]).get("GITLAB_HOST"),
        Some(&*base)
    );
    let report = Report::of(&world, &["--connection", "gitlab=public"], &[]);
    assert_eq!(report.get("GITLAB_HOST"), None);
}
