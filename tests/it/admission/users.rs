//! Other users of the machine.

use crate::kit::admission::{SOMEBODY_ELSE, Scene, is_root, said, waiting};
use crate::kit::run::{Running, as_nobody_special, behind, run};

#[test]
fn another_user_in_the_tree_is_refused_with_and_without_the_password() {
    if !is_root("another_user_in_the_tree_is_refused_with_and_without_the_password") {
        return;
    }
    let scene = Scene::new();
    let words = scene.client("print(ask(), ask(headers=RIGHT), ask(headers=WRONG))");
    let words = words.each_ref().map(String::as_str);
    let words = [&SOMEBODY_ELSE[..], &words].concat();
    assert_eq!(said(run(&scene.world, &[], &words)), "403 403 403");
    assert_eq!(scene.arrived(), 0);
}

#[test]
fn another_user_outside_is_refused_with_and_without_the_password() {
    if !is_root("another_user_outside_is_refused_with_and_without_the_password") {
        return;
    }
    let scene = Scene::new();
    let (mut running, proxy) = waiting(&scene);
    let program = r#"
print(ask(), ask(headers=RIGHT))
connection = http.client.HTTPConnection(PROXY.hostname, PROXY.port)
connection.request("GET", URL, headers=RIGHT)
response = connection.getresponse()
print(response.headers["authsome-error"], response.will_close, b"another user" in response.read())
"#;
    let command = behind(&SOMEBODY_ELSE, &scene.outsider(&proxy, program));
    assert_eq!(said(command), "403 403\ndenied True True");
    assert_eq!(scene.arrived(), 0);
    running.release();
    assert_eq!(running.end().code(), Some(0));
    let log = scene.world.call(["log"]).expect(0).stdout;
    assert_eq!(log.matches("another user").count(), 1, "{log}");
}

#[test]
fn root_is_another_user_too() {
    if !is_root("root_is_another_user_too") {
        return;
    }
    let scene = Scene::new();
    let script = "echo \"$HTTPS_PROXY\"; read -r line; exit 0";
    let running = Running::start(as_nobody_special(&scene.world, &["sh", "-c", script]));
    let proxy = running.line().unwrap();
    let program = "print(ask(), ask(headers=RIGHT))";
    assert_eq!(said(scene.outsider(&proxy, program)), "403 403");
    assert_eq!(scene.arrived(), 0);
}
