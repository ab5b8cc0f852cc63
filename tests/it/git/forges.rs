//! git and git-lfs at forges other than GitLab: each by its bundled definition, at its own host
//! names, with the credential that it takes and no other.

mod rows;

use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use authsome_providers::Catalog;
use authsome_test_support::{
    Arrived, Endpoint, FORGE_PROJECT, FakeGitLab, Fault, Objects, Seen, Visibility,
};

use self::rows::{KEY, ROWS, Row};
use crate::kit::git::{Git, gits, lfs_gits};
use crate::kit::servers::Detour;
use crate::kit::{Outcome, PLACEHOLDER, World};

/// Clones each remote, commits, pushes to a branch of that number, and fetches.
const CLONE_AND_PUSH: &str = r#"set -e
number=0
for remote; do
    number=$((number + 1))
    git clone -q "$remote" "work-$number"
    cd "work-$number"
    echo "$remote" > remote
    git add remote
    git commit -q -m "$remote"
    git push -q origin "HEAD:refs/heads/branch-$number"
    git fetch -q
    cd ..
done"#;

/// Pushes an object of LFS to one address, and fetches it from another.
const LFS_UP_AND_DOWN: &str = r#"set -e
git lfs install --skip-repo >/dev/null
git clone -q "$1" up
cd up
git lfs install --local >/dev/null
git lfs track '*.bin' >/dev/null
head -c 100000 /dev/urandom > large.bin
git add .gitattributes large.bin
git commit -q -m large
git push -q origin HEAD
cd ..
git clone -q "$2" down
cmp up/large.bin down/large.bin"#;

/// A home that is connected to a stand-in of a forge.
struct Place {
    world: World,
    forge: FakeGitLab,
    detour: Detour,
    row: &'static Row,
    path: String,
}

impl Place {
    fn connected(git: &Git, row: &'static Row) -> Self {
        let forge = FakeGitLab::builder().forge(row.forge(), row.names).start();
        let files = [("README.md", "hello\n")];
        forge.add_repo(FORGE_PROJECT, Visibility::Private, &files);
        let world = World::new();
        std::fs::create_dir(world.path("bin")).unwrap();
        symlink(&git.path, world.path("bin/git")).unwrap();
        let path = std::env::var("PATH").unwrap();
        let place = Self {
            path: format!("{}:{path}", world.path("bin").display()),
            detour: Detour::to(forge.port()),
            world,
            forge,
            row,
        };
        let mut login = place.authsome(&[&["login", row.provider][..], row.login].concat());
        login.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut login = login.stderr(Stdio::piped()).spawn().unwrap();
        login
            .stdin
            .take()
            .unwrap()
            .write_all(KEY.as_bytes())
            .unwrap();
        let outcome = Outcome::of(login.wait_with_output().unwrap()).expect(0);
        let account = row.label.is_none_or(|label| outcome.stderr.contains(label));
        assert!(account, "{} {outcome:?}", row.provider);
        place
    }

    /// authsome, for which the stand-in has every name and port, and where SSH fails.
    fn authsome(&self, words: &[&str]) -> Command {
        let mut command = self.world.authsome(words);
        let proxy = format!("http://127.0.0.1:{}", self.detour.port);
        command
            .current_dir(self.world.path(""))
            .env("HTTPS_PROXY", proxy)
            .env("SSL_CERT_FILE", self.forge.ca_file())
            .env("PATH", &self.path)
            .env("GIT_SSH_COMMAND", "false");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Ada");
            command.env(format!("GIT_{role}_EMAIL"), "ada@example.test");
        }
        command
    }

    fn run(&self, script: &str, remotes: &[&str]) -> Outcome {
        let words = [
            &["run", "--quiet", "--", "sh", "-c", script, "sh"][..],
            remotes,
        ]
        .concat();
        Outcome::of(self.authsome(&words).output().unwrap())
    }

    fn remotes(&self) -> Vec<&'static str> {
        [&[self.row.https][..], self.row.ssh].concat()
    }

    /// Whether that branch is in the repository, with what was pushed to it.
    fn branch(&self, number: usize) -> String {
        let mut show = Command::new("git");
        let repository = self.forge.repo_path(FORGE_PROJECT);
        show.arg("--git-dir").arg(repository);
        show.args(["show", &format!("branch-{number}:remote")]);
        Outcome::of(show.output().unwrap()).expect(0).stdout
    }

    /// Every request that arrived since the login had the credential in the form that this forge
    /// takes; none had the placeholder.
    #[track_caller]
    fn expect_only_the_user(&self, seen: &[Seen]) {
        assert!(!seen.is_empty(), "{}", self.row.provider);
        let elsewhere = match self.row.objects {
            Objects::At(host) => host,
            _ => "none",
        };
        for request in seen {
            assert!(!format!("{request:?}").contains(PLACEHOLDER), "{request:?}");
            let expected = if is_for(request, elsewhere) {
                &Arrived::Header {
                    name: "authorization".to_owned(),
                    token: "RemoteAuth ticket".to_owned(),
                }
            } else {
                &self.row.git.arrived()
            };
            assert_eq!(&request.credential, expected, "{request:?}");
            assert!(!request.path.contains("//"), "{request:?}");
        }
        assert_eq!(self.forge.rejected_basic(), 0, "{}", self.row.provider);
    }
}

fn is_for(request: &Seen, host: &str) -> bool {
    let named = request.header(":authority").or(request.header("host"));
    named.is_some_and(|named| named.split(':').next() == Some(host))
}

#[test]
fn clones_commits_and_pushes_by_https_and_by_each_address_of_ssh() {
    for (git, row) in gits()
        .iter()
        .flat_map(|git| ROWS.iter().map(move |row| (git, row)))
    {
        let place = Place::connected(git, row);
        place.forge.clear_seen();
        let remotes = place.remotes();
        let outcome = place.run(CLONE_AND_PUSH, &remotes);
        assert_eq!(outcome.code, Some(0), "{} {outcome:?}", row.provider);
        for (index, remote) in remotes.iter().enumerate() {
            let pushed = place.branch(index + 1);
            assert_eq!(pushed.trim(), *remote, "{}", row.provider);
        }
        place.expect_only_the_user(&place.forge.seen());
    }
}

#[test]
fn an_object_of_lfs_goes_up_and_comes_down() {
    let rows = || ROWS.iter().filter(|row| row.objects != Objects::None);
    for (git, row) in lfs_gits()
        .iter()
        .flat_map(|git| rows().map(move |row| (git, row)))
    {
        let place = Place::connected(git, row);
        // Its path in an address of SSH may be another one than over HTTPS.
        let remotes = [*row.ssh.last().unwrap(), row.https];
        if let Some(rule) = row.lfs_rule {
            let refused = place.run(LFS_UP_AND_DOWN, &remotes);
            assert!(
                refused.stderr.contains(rule),
                "{} {refused:?}",
                row.provider
            );
            let name = format!("{}/{rule}", row.provider);
            Outcome::of(place.authsome(&["allow", &name]).output().unwrap()).expect(0);
            place.run("rm -rf up", &[]).expect(0);
        }
        place.forge.clear_seen();
        let outcome = place.run(LFS_UP_AND_DOWN, &remotes);
        assert_eq!(outcome.code, Some(0), "{} {outcome:?}", row.provider);
        let seen = place.forge.seen();
        let puts = seen.iter().filter(|request| request.method == "PUT");
        assert_eq!(puts.count(), 1, "{} {seen:?}", row.provider);
        place.expect_only_the_user(&seen);
    }
}

#[test]
fn a_call_that_would_let_something_in_is_refused() {
    for row in ROWS {
        let place = Place::connected(&gits()[0], row);
        place.forge.clear_seen();
        let (rule, url) = row.guarded;
        let script = "curl -sS -o body -w '%{http_code}' -d '{}' \"$1\" && echo && cat body";
        let outcome = place.run(script, &[url]).expect(0);
        assert!(
            outcome.stdout.starts_with("403\n"),
            "{} {outcome:?}",
            row.provider
        );
        let name = format!("authsome allow {}/{rule}", row.provider);
        assert!(
            outcome.stdout.contains(&name),
            "{} {outcome:?}",
            row.provider
        );
        assert!(place.forge.seen().is_empty(), "{}", row.provider);
    }
}

#[test]
fn no_helper_of_the_users_is_asked_where_the_forge_refuses_the_credential() {
    // One for each form: a refusal is tried again, which takes its time.
    for provider in ["github-token", "bitbucket-server"] {
        let row = ROWS.iter().find(|row| row.provider == provider).unwrap();
        let place = Place::connected(&gits()[0], row);
        let log = place.world.path("helper.log");
        let helper = format!(
            "[credential]\n\thelper = \"!echo asked >> '{}'; false\"\n",
            log.display()
        );
        place.world.file(".gitconfig", &helper);
        let refusal = Fault::Status {
            code: 401,
            retry_after: None,
        };
        place.forge.fault(Endpoint::Any, refusal, 1000);
        let outcome = place.run("git ls-remote \"$1\"", &[row.https]);
        assert_eq!(outcome.code, Some(128), "{} {outcome:?}", row.provider);
        assert!(!log.exists(), "{} {outcome:?}", row.provider);
    }
}

/// git is told the way once, and the log has what went out with the credential, not the redirect.
#[test]
fn a_path_of_ssh_that_is_another_one_over_https_never_leaves_the_machine() {
    let row = ROWS.iter().find(|row| row.provider == "azure-devops");
    let place = Place::connected(&gits()[0], row.unwrap());
    let script = "curl -sS -o /dev/null -w '%{http_code} %{redirect_url}\\n' -X POST -d x \"$1\"";
    let at = "https://dev.azure.com/v3/acme/My%20Project/app";
    let url = format!("{at}.git/info/lfs/objects/batch?a=b");
    let outcome = place.run(script, &[&url]).expect(0);
    let there = "https://dev.azure.com/acme/My%20Project/_git/app.git/info/lfs/objects/batch?a=b";
    assert_eq!(outcome.stdout, format!("307 {there}\n"));
    place.forge.clear_seen();
    let log = || {
        Outcome::of(
            place
                .authsome(&["log", "--json", "-n", "50"])
                .output()
                .unwrap(),
        )
    };
    let logged = log().expect(0).stdout;
    assert!(!logged.contains(r#""path":"/v3/"#), "{logged}");
    // A page, or an organization of that name, is what it is.
    for path in ["/v3/acme/app", "/v3/My/_git/app/info/refs"] {
        let url = format!("https://dev.azure.com{path}");
        let outcome = place.run(script, &[&url]).expect(0);
        assert!(!outcome.stdout.starts_with("307"), "{outcome:?}");
        let seen = place.forge.seen();
        assert_eq!(seen.last().unwrap().path, path, "{seen:?}");
    }
}

/// The rows log in by key; a login in the browser comes to the same rules.
#[test]
fn a_definition_by_oauth_says_the_same_of_git_as_that_by_key() {
    let catalog = Catalog::new(None);
    let definition = |name: &str| catalog.get(&name.parse().unwrap()).unwrap();
    for name in ["github", "gitea", "forgejo", "gitlab"] {
        let (oauth, key) = (definition(name), definition(&format!("{name}-token")));
        for field in ["git", "inject", "guard", "carriers"] {
            assert_eq!(oauth.json()[field], key.json()[field], "{name} {field}");
        }
    }
}
