//! Rules that are none: each is named with what to do, and nothing runs. The exit code is 2, or 125
//! where all of `config.toml` is refused.

use crate::kit::Setup;
use crate::kit::client::configure;

#[test]
fn a_rule_that_is_none_is_named_and_nothing_runs() {
    let Setup { world, .. } = Setup::connected();
    let ran = world.path("ran");
    let unknown = world.file("unknown.toml", "read_only = true\ndeny_host = [\"a\"]\n");
    let unknown = unknown.to_str().unwrap();
    let other = world.file("other.toml", "limits = [\"nosuchprovider=1/min\"]\n");
    let other = other.to_str().unwrap();
    let lifting = world.file("lifting.toml", "allow = [\"gitlab/nothing\"]\n");
    let lifting = lifting.to_str().unwrap();
    let twice = world.file("twice.toml", "read_only = true\nread_only = false\n");
    let twice = twice.to_str().unwrap();
    let never = world.file("never.toml", "deny_paths = [\"gitlab=/a/%62\"]\n");
    let never = never.to_str().unwrap();
    let binary = crate::kit::binary().to_str().unwrap();
    for (flags, expected) in [
        (
            &["--policy-file", "/nowhere/policy.toml"][..],
            "/nowhere/policy.toml",
        ),
        (&["--policy-file", "/"], "/"),
        (&["--policy-file", unknown], "unknown field `deny_host`"),
        (&["--policy-file", other], "nosuchprovider"),
        (&["--allow-host", "https://a"], "name a host"),
        (&["--deny-host", "a b"], "name a host"),
        (&["--allow-path", "/api"], "PROVIDER=PATH"),
        (&["--allow-path", "gitlab=api"], "starts with `/`"),
        (&["--allow-path", "github=/user"], "github"),
        (&["--limit", "gitlab=fast"], "no number"),
        (&["--limit", "github=1/min"], "github"),
        (
            &["--limit", "gitlab=1/min", "--limit", "gitlab=2/min"],
            "contradict",
        ),
        (
            &["--allow-host", "a.test", "--deny-host", "a.test"],
            "contradict",
        ),
        (&["--allow", "gitlab/nothing"], "gitlab/nothing"),
        (&["--policy-file", lifting], "gitlab/nothing"),
        (&["--policy-file", binary], "UTF-8"),
        (&["--policy-file", twice], "duplicate key"),
        (&["--policy-file", never], "another spelling: /a/b"),
        (&["--allow-path", "gitlab=/a/../b"], "it matches no request"),
        (&["--deny-path", "gitlab=/a//b"], "it matches no request"),
        (&["--git-push", "a..b"], "no ref can be named"),
        (&["--git-push", "+a/*"], "a force by name only"),
        (&["--read-only", "--git-push", "a"], "contradict"),
        (&["--limit", "requests=0"], "no number"),
        (
            &["--deny-path", "gitlab=/a", "--allow-path", "gitlab=/a"],
            "contradict",
        ),
        (&["--join", "everything"], "everything"),
    ] {
        let mut command = world.authsome(["run"].iter().chain(flags));
        command.args(["--", "touch"]).arg(&ran);
        let outcome = crate::kit::Outcome::of(command.output().unwrap()).expect(2);
        assert!(
            outcome.stderr.contains(expected),
            "{flags:?}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("hint:") || outcome.stderr.contains("--help"),
            "{flags:?}: {}",
            outcome.stderr
        );
        assert!(!ran.exists(), "{flags:?}");
    }
}

#[test]
fn a_rule_of_the_settings_that_is_none_is_named_with_its_line() {
    let Setup { world, .. } = Setup::connected();
    for (text, expected) in [
        ("[policy]\nreads_only = true\n", "reads_only"),
        ("[policy]\nlimits = [\"gitlab=1/week\"]\n", "line 2"),
        (
            "[policy]\nallow_hosts = [\"a\"]\ndeny_hosts = [\"a\"]\n",
            "contradict",
        ),
        ("default_policy = \"maybe\"\n", "maybe"),
        ("join = \"some\"\n", "some"),
    ] {
        configure(&world, text);
        let outcome = world.run(["true"]).expect(125);
        assert!(outcome.stderr.contains("config.toml"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
}
