//! Requests that wait for the user's yes.

use std::collections::HashSet;
use std::fs;

use authsome_test_support::FakeGitLab;
use serde_json::Value;

use super::{Client, api};
use crate::kit::client::configure;
use crate::kit::run::{pid_of, run};
use crate::kit::session::Session;
use crate::kit::{Setup, World, binary, until};

const ASK: [&str; 2] = ["--ask-path", "gitlab=POST /api/v4/projects/**"];

/// What waits in all runs, as the user sees it.
fn waiting(world: &World) -> Vec<Value> {
    let told = world.call(["--json", "ask"]).expect(0).stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    told["waiting"].as_array().unwrap().clone()
}

/// The same once so many wait.
fn all(world: &World, count: usize) -> Vec<Value> {
    until(&format!("{count} that wait"), || {
        waiting(world).len() == count
    });
    waiting(world)
}

fn id(request: &Value) -> String {
    request["id"].as_str().unwrap().to_owned()
}

fn issues(gitlab: &FakeGitLab) -> String {
    format!("{}/api/v4/projects/42/issues", gitlab.base_url())
}

/// A shell that posts each of its further words, all at once, and prints the statuses.
fn posting(world: &World, url: &str, bodies: &[String]) -> Client {
    let script = "url=$1; shift; for body in \"$@\"; do curl -sS -w ' %{http_code}\\n' -d \"$body\" \"$url\" & done; wait";
    let words = ["bash", "-c", script, "bash", url];
    let words: Vec<_> = words
        .into_iter()
        .chain(bodies.iter().map(String::as_str))
        .collect();
    Client::start(run(world, &ASK, &words))
}

/// How many requests with that path have arrived.
fn arrived(gitlab: &FakeGitLab) -> usize {
    let seen = gitlab.seen();
    seen.iter()
        .filter(|seen| seen.path.ends_with("/issues"))
        .count()
}

#[test]
fn of_a_hundred_that_wait_the_one_goes_on_that_is_allowed() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let bodies: Vec<_> = (0..100).map(|number| format!("title=n{number}")).collect();
    let client = posting(&world, &issues(&gitlab), &bodies);
    let requests = all(&world, 100);
    assert_eq!(requests.iter().map(id).collect::<HashSet<_>>().len(), 100);
    let wanted = requests
        .iter()
        .find(|request| request["body"]["text"] == "title=n37");
    let wanted = wanted.unwrap();
    assert_eq!(wanted["connection"], "gitlab/default");
    let programs = wanted["programs"].to_string();
    assert!(
        programs.contains("curl: curl -sS") && programs.contains("bash: bash -c"),
        "{programs}"
    );
    assert_eq!(wanted["rule"], "policy/ask-path");
    assert_eq!(wanted["body"]["is_whole"], true);
    let shown = world.call(["ask", "show", &id(wanted)]).expect(0).stdout;
    assert!(
        shown.contains("title=n37") && shown.contains("POST https://"),
        "{shown}"
    );
    assert_eq!(arrived(&gitlab), 0, "nothing goes on by itself");
    world.call(["ask", "allow", &id(wanted)]).expect(0);
    until("the one", || arrived(&gitlab) == 1);
    for request in &requests {
        if request["id"] != wanted["id"] {
            world
                .call(["ask", "deny", &id(request), "not", "now"])
                .expect(0);
        }
    }
    let (_, printed) = client.end();
    assert_eq!(arrived(&gitlab), 1);
    assert_eq!(
        printed.matches("the user has said no: not now").count(),
        99,
        "{printed}"
    );
    assert_eq!(printed.matches(" 403\n").count(), 99, "{printed}");
    super::until_logged(&world, "\"reason\":\"the user has said yes\"");
    let gone = world.call(["ask", "allow", &id(wanted)]).expect(3);
    assert!(gone.stderr.contains("waits any more"), "{gone:?}");
}

#[test]
fn a_changed_request_asks_again_and_a_yes_for_the_run_does_not() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let mut session = Session::start_with(&world, |command| {
        let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let mut asking = world.authsome(["run"]);
        asking.args(ASK).args(&words[1..]);
        *command = asking;
    });
    let url = issues(&gitlab);
    let post = |body: &str, more: &str| {
        format!(
            "curl -sS -o /dev/null -w '%{{http_code}} ' {more} -d '{body}' '{url}' >> \"$HOME/codes\" &"
        )
    };
    let codes = || fs::read_to_string(world.path("codes")).unwrap_or_default();
    session.tell(&post("title=a", ""));
    let first = all(&world, 1);
    // The same, with another body, another query, another field: each is another request.
    session.tell(&post("title=b", ""));
    session.tell(&post("title=a", "-H 'X-Other: 1'"));
    session.tell(&post("title=a", "--url-query x=1"));
    let others = all(&world, 4);
    let hashes: HashSet<_> = others
        .iter()
        .map(|it| it["sha256"].as_str().unwrap())
        .collect();
    assert_eq!(hashes.len(), 4);
    world.call(["ask", "allow", &id(&first[0])]).expect(0);
    until("one code", || codes().split_whitespace().count() == 1);
    assert_eq!((waiting(&world).len(), arrived(&gitlab)), (3, 1));
    // The same again asks again, unless it is allowed for the run.
    session.tell(&post("title=a", ""));
    let again = all(&world, 4);
    let same = again
        .iter()
        .find(|it| it["sha256"] == first[0]["sha256"])
        .unwrap();
    assert_ne!(same["id"], first[0]["id"]);
    world.call(["ask", "allow", &id(same), "--run"]).expect(0);
    until("two codes", || codes().split_whitespace().count() == 2);
    session.tell(&post("title=c", ""));
    until("three codes", || codes().split_whitespace().count() == 3);
    for request in waiting(&world) {
        world.call(["ask", "deny", &id(&request)]).expect(0);
    }
    until("six codes", || codes().split_whitespace().count() == 6);
    session.end(0);
    assert_eq!(codes().matches("403").count(), 3, "{}", codes());
}

#[test]
fn a_yes_for_ever_is_an_exception_in_the_file() {
    let Setup { world, gitlab, .. } = Setup::connected();
    configure(
        &world,
        "# mine\n[policy]\nask_paths = [\"gitlab=POST /**\"]\n",
    );
    let url = issues(&gitlab);
    let curl = [
        "curl",
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-d",
        "title=a",
        &url,
    ];
    let client = Client::start(run(&world, &[], &curl));
    let request = all(&world, 1).remove(0);
    let said = world
        .call(["ask", "allow", &id(&request), "--always"])
        .expect(0);
    let exception = "unasked_paths = [\"gitlab/default=POST /api/v4/projects/42/issues\"]";
    assert!(said.stderr.contains(exception), "{said:?}");
    client.end();
    let file = fs::read_to_string(world.home().join("config.toml")).unwrap();
    assert!(
        file.contains("# mine") && file.contains(exception),
        "{file}"
    );
    let (_, printed) = Client::start(run(&world, &[], &curl)).end();
    assert!(
        !printed.contains("403") && arrived(&gitlab) == 2,
        "{printed}"
    );
    let check = |method: &str, url: &str| {
        world
            .call(["policy", "check", method, url])
            .expect(0)
            .stdout
    };
    assert!(!check("POST", &url).contains("your yes"));
    assert!(check("POST", &format!("{url}/1/notes")).contains("your yes"));
}

#[test]
fn a_guard_rule_asks_and_nobody_answers() {
    let Setup { world, gitlab, .. } = Setup::connected();
    configure(&world, "[timeouts]\nask_seconds = 1\n");
    let url = format!("{}/api/v4/user/keys", gitlab.base_url());
    let refused = world
        .run(["curl", "-sS", "-d", "title=a", &url])
        .expect(0)
        .stdout;
    let told: Value = serde_json::from_str(&refused).unwrap();
    let message = told["message"].as_str().unwrap();
    let rule = message.split("the rule ").nth(1).unwrap();
    let rule = rule.split(' ').next().unwrap();
    let rule = format!("gitlab/{rule}");
    let words = [
        "run",
        "--ask",
        &rule,
        "--",
        "curl",
        "-sS",
        "-w",
        "%{http_code}",
        "-d",
        "a=b",
        &url,
    ];
    let late = world.call(words).expect(0).stdout;
    assert!(
        late.contains("has not said yes in time") && late.ends_with("403"),
        "{late}"
    );
    assert!(late.contains("authsome status"), "{late}");
    let file = world.file("policy.toml", &format!("ask = [{rule:?}]\n"));
    let file = file.display().to_string();
    let check = ["policy", "check", &file, "POST", &url];
    let told = world.call(check).expect(0).stdout;
    assert!(told.contains("your yes"), "{told}");
    let unknown = world
        .call(["run", "--ask", "gitlab/none", "--", "true"])
        .expect(2);
    assert!(unknown.stderr.contains("gitlab/none"), "{unknown:?}");
}

#[test]
fn a_process_of_a_run_sees_what_waits_and_decides_nothing() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let client = posting(&world, &issues(&gitlab), &["title=a".to_owned()]);
    let request = all(&world, 1).remove(0);
    let mut session = Session::start(&world);
    let authsome = binary().display().to_string();
    for words in [
        "ask",
        "ask list",
        "ask deny ID",
        "ask allow ID",
        "ask allow ID --always",
    ] {
        let words = words.replace("ID", &id(&request));
        let told = session.tell(&format!("{authsome} {words} 2>&1; echo code=$?"));
        assert!(told.ends_with("code=4"), "{words}: {told}");
    }
    // Without the program, and without the variable: the socket itself refuses.
    let socket = world.home().join("sessions");
    let python = format!(
        "import glob, json, socket\nfor path in glob.glob('{}/*.sock'):\n s = socket.socket(socket.AF_UNIX); s.connect(path)\n s.sendall(json.dumps({{'do': 'decide', 'id': '{}', 'answer': 'once'}}).encode() + b'\\n'); print(s.makefile().readline())\n",
        socket.display(),
        id(&request)
    );
    let script = world.file("decide.py", &python).display().to_string();
    let told = session.tell(&format!("env -u AUTHSOME_SESSION setsid python3 {script}"));
    assert_eq!(told.matches("inside_run").count(), 2, "{told}");
    session.end(0);
    assert_eq!((waiting(&world).len(), arrived(&gitlab)), (1, 0));
    world.call(["ask", "deny", &id(&request)]).expect(0);
    client.end();
}

#[test]
fn a_body_of_a_gibibyte_waits_in_the_client() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = issues(&gitlab);
    let upload = "head -c 1073741824 /dev/zero | curl -sS -T - -X POST -H 'Content-Length: 1073741824' -o /dev/null -w '%{http_code}' \"$0\"";
    let mut command = run(&world, &ASK, &["bash", "-c", upload, &url]);
    command
        .stdout(std::process::Stdio::piped())
        .stdin(std::process::Stdio::null());
    let child = command.spawn().unwrap();
    let pid = pid_of(&child);
    let resident = || -> u64 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let request = all(&world, 1).remove(0);
    assert_eq!(request["body"]["shown"], 16 * 1024, "{request}");
    assert_eq!(request["body"]["is_whole"], false);
    let before = resident();
    // Far more could have come meanwhile.
    let mut session = Session::start(&world);
    for _ in 0..20 {
        api(&mut session, "/");
    }
    session.end(0);
    let held = resident();
    println!(
        "peak of memory with 1 GiB waiting: {held} KiB, at the start of the wait {before} KiB"
    );
    assert!(
        held < before + 4 * 1024 && held < 64 * 1024,
        "{before} KiB, then {held} KiB"
    );
    world
        .call(["ask", "deny", &id(&request), "too large"])
        .expect(0);
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("403"));
}

#[test]
fn a_program_of_the_user_asks_and_says_the_answer() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let answer = "cat > \"$HOME/asked\"; if grep -q title=good \"$HOME/asked\"; then echo once; else echo no it is bad; fi";
    let script = world.file("answer.sh", answer).display().to_string();
    configure(&world, &format!("[ask]\ncommand = ['sh', '{script}']\n"));
    let url = issues(&gitlab);
    for (body, expected) in [
        ("title=good", ""),
        ("title=evil", "the user has said no: it is bad"),
    ] {
        let (_, printed) = posting(&world, &url, &[body.to_owned()]).end();
        assert!(printed.contains(expected), "{printed}");
        let asked = fs::read_to_string(world.path("asked")).unwrap();
        let asked: Value = serde_json::from_str(&asked).unwrap();
        assert_eq!(asked["body"]["text"], body);
    }
    assert_eq!(arrived(&gitlab), 1);
}
