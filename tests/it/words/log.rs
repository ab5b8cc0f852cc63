//! `authsome log`: a line for each kind of event.

use authsome_test_support::assert_words;

use super::{Scrub, transcript};
use crate::kit::World;

/// As `src/audit.rs` writes them; its own tests hold it to that.
const LINES: &str = r#"{"time":"2026-11-27T10:00:00Z","event":"login","connection":"gitlab/default"}
{"time":"2026-11-27T10:00:01Z","event":"injected","connection":"gitlab/default","method":"GET","host":"gitlab.com:443","path":"/api/v4/user","way":"connect","status":200,"bytes":1234,"milliseconds":56}
{"time":"2026-11-27T10:00:02Z","event":"denied","connection":"gitlab/default","method":"POST","host":"gitlab.com:443","path":"/api/v4/personal_access_tokens","way":"connect","status":403,"bytes":249,"milliseconds":1,"reason":"the rule access-token of gitlab denies this request"}
{"time":"2026-11-27T10:00:03Z","event":"failed","method":"GET","host":"gitlab.com:443","path":"/api/v4/user","way":"absolute","status":502,"reason":"cannot reach gitlab.com:443: connection refused"}
{"time":"2026-11-27T10:00:04Z","event":"refresh","connection":"gitlab/default"}
{"time":"2026-11-27T10:00:05Z","event":"refresh_failed","connection":"gitlab/default","reason":"gitlab.com answered 503"}
{"time":"2026-11-27T10:00:06Z","event":"export","connection":"gitlab/default","reason":"get --show-secret"}
{"time":"2026-11-27T10:00:07Z","event":"lost","reason":"3 events"}
{"time":"2026-11-27T10:00:08Z","event":"revoke","connection":"gitlab/default","reason":"gitlab.com answered 503"}
{"time":"2026-11-27T10:00:09Z","event":"logout","connection":"gitlab/work"}
{"time":"2026-11-27T22:00:00Z","event":"run_start","start":{"command":["claude","--api-key","***"],"directory":"/home/ada/app","pid":4711},"run":"Ab12"}
{"time":"2026-11-27T22:00:01Z","event":"injected","connection":"gitlab/work","method":"GET","host":"gitlab.com:443","path":"/a","way":"connect","status":200,"bytes":1,"milliseconds":5,"run":"Ab12"}
{"time":"2026-11-27T22:00:01Z","event":"run_start","start":{"command":["sh","-c","exit 3"],"directory":"/","pid":4712},"run":"Cd34"}
{"time":"2026-11-28T01:00:01Z","event":"denied","connection":"gitlab/default","method":"POST","host":"gitlab.com:443","path":"/b","way":"connect","status":403,"bytes":1,"milliseconds":5,"reason":"no","rule":"gitlab/deploy-key","run":"Ab12"}
{"time":"2026-11-28T01:00:02Z","event":"run_end","milliseconds":10801000,"end":{"exit":3,"injected":0,"denied":0,"failed":0},"run":"Cd34"}
{"time":"2026-11-28T01:00:03Z","event":"run_end","milliseconds":10803000,"end":{"exit":130,"signal":2,"injected":1,"denied":1,"failed":0},"run":"Ab12"}
{"time":"2026-11-28T01:00:04Z","event":"injected","connection":"gitlab/work","method":"GET","host":"gitlab.com:443","path":"/c","status":200,"run":"rotated-away"}
"#;

#[test]
fn of_each_kind() {
    let world = World::new();
    world.call(["list"]).expect(0);
    world.file("home/audit.log", LINES);
    let text = transcript(
        &world,
        &[
            &["log"],
            &["log", "-n", "2"],
            &["log", "--lines", "2", "--json"],
            &["log", "--run", "A"],
            &["log", "--denied"],
            &["log", "--connection", "gitlab/work"],
            &["log", "--connection", "gitlab", "-n", "1"],
            &["log", "--since", "2026-11-28T01:00:03"],
            &["log", "--since", "noon"],
            &["runs"],
            &["runs", "-n", "1", "--json"],
        ],
    );
    assert_words!("data", "log", text, &Scrub::of(&world).pairs());
}
