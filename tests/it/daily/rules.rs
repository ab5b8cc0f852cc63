//! `authsome allow` and `authsome deny`.

use crate::kit::Setup;

#[test]
fn a_rule_is_lifted_for_the_next_run_and_put_in_force_again() {
    let setup = Setup::connected();
    let url = format!(
        "{}/api/v4/projects/1/access_tokens",
        setup.gitlab.base_url()
    );
    let status = || {
        let curl = [
            "curl",
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-X",
            "POST",
            &url,
        ];
        setup.world.run(curl).expect(0).stdout
    };
    assert_eq!(status(), "403");
    let said = setup
        .world
        .call(["allow", "gitlab/project-access-token"])
        .expect(0);
    assert!(
        said.stderr
            .contains("gitlab/project-access-token is allowed"),
        "{said:?}"
    );
    assert_ne!(status(), "403");
    setup
        .world
        .call(["deny", "gitlab/project-access-token"])
        .expect(0);
    assert_eq!(status(), "403");
}

#[test]
fn the_rules_are_listed_and_an_unknown_one_is_not_written() {
    let setup = Setup::connected();
    let ambiguous = setup.world.call(["allow", "ci-variable"]).expect(2);
    let told = "authsome allow gitlab/ci-variable";
    assert!(ambiguous.stderr.contains(told), "{ambiguous:?}");
    setup.world.call(["allow", "gitlab/ci-variable"]).expect(0);
    let listed = setup.world.call(["allow", "--json"]).expect(0).json();
    let rules = listed["rules"].as_array().unwrap();
    assert!(rules.len() > 100);
    for rule in rules {
        let is_allowed = rule["rule"] == "gitlab/ci-variable";
        assert_eq!(rule["allowed"], is_allowed, "{rule}");
    }
    let config = setup.world.home().join("config.toml");
    let before = std::fs::read(&config).unwrap();
    setup.world.call(["allow", "no-such-rule"]).expect(2);
    assert_eq!(std::fs::read(&config).unwrap(), before);
}

#[test]
fn a_run_cannot_lift_a_rule_for_the_next_one() {
    let setup = Setup::connected();
    let authsome = setup.world.authsome(["allow", "ci-variable"]);
    let program = authsome.get_program().to_str().unwrap().to_owned();
    setup
        .world
        .run([&program, "allow", "ci-variable"])
        .expect(4);
    assert!(!setup.world.home().join("config.toml").exists());
}
