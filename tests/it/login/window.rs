//! The page in a narrow window, and a page of the instance for its address.

use std::process::Command;

use authsome_test_support::FakeGitLab;
use authsome_test_support::kit::{port_7998, skip};

use crate::kit::browser::{between, consent, get, visit};
use crate::kit::login::{Login, LoginRun};
use crate::kit::{Outcome, World};

#[test]
fn the_form_fits_a_narrow_window() {
    if Command::new("chromium").arg("--version").output().is_err() {
        skip("a narrow window needs chromium");
        return;
    }
    // A name as long as companies have it.
    let gitlab = FakeGitLab::builder()
        .relative_root("/engineering-platform-services/source-code-management")
        .start();
    let walk = LoginRun::at(gitlab, false, &[], |_, _| Vec::new());
    let page = get("/").send().body;
    for width in [320, 420, 519, 1200] {
        // A frame is as narrow as it likes; a window of Chrome is not. The policy is that of the
        // response, so it is not in the way here.
        let measure = "<script>const page = document.documentElement; parent.postMessage(page.scrollWidth - page.clientWidth, '*')</script>";
        let framed = format!("{page}{measure}")
            .replace('&', "&amp;")
            .replace('"', "&quot;");
        let outer = format!(
            "<script>onmessage = found => {{ document.title = 'hidden ' + found.data }}</script>\
             <iframe width={width} height=900 style=\"border:0\" srcdoc=\"{framed}\"></iframe>"
        );
        let file = walk.world.file("narrow.html", &outer);
        let mut chromium = Command::new("chromium");
        chromium.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1300,1000",
        ]);
        chromium.arg("--virtual-time-budget=5000").arg("--dump-dom");
        chromium.arg(format!(
            "--user-data-dir={}",
            walk.world.path("chromium").display()
        ));
        let found = Outcome::of(chromium.arg(file).output().unwrap()).stdout;
        assert!(
            found.contains("<title>hidden 0</title>"),
            "{width}: {}",
            between(&found, "<title>", "</title>")
        );
    }
}

#[test]
fn a_page_of_the_instance_as_base_url_is_the_instance() {
    let world = World::new();
    for (root, page) in [
        ("", "/api/v4"),
        ("", "/users/sign_in"),
        ("/gitlab", "/oauth/authorize"),
    ] {
        let gitlab = FakeGitLab::builder().relative_root(root).start();
        let app = gitlab.register_app(false);
        let typed = format!("{}{page}", gitlab.base_url());
        let port = port_7998();
        let mut command = world.authsome(["login", "gitlab", "--no-browser", "--force"]);
        command.args(["--base-url", &typed, "--client-id", &app.client_id]);
        command.arg("--ca-file").arg(gitlab.ca_file());
        let mut login = Login::spawn(command, Some(port));
        let url = login.url();
        visit(&consent(&gitlab, &url));
        let outcome = login.end().expect(0);
        assert!(
            outcome.stderr.contains("is a page of"),
            "{}",
            outcome.stderr
        );
        let base = world.stored("default").base_url.unwrap();
        assert_eq!(base.to_string(), gitlab.base_url());
    }
}
