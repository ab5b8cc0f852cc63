//! `authsome skill`: what an agent is told, and the files of a project that it changes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use crate::kit::{Outcome, World};

/// A project, and authsome called in it.
struct Project(World);

impl Project {
    fn new() -> Self {
        let world = World::new();
        fs::create_dir(world.path("project")).unwrap();
        Self(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path("project").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn put(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        self.0.file(&format!("project/{name}"), text);
    }

    fn call(&self, words: &[&str]) -> Outcome {
        let mut command = self.0.authsome([&["skill"], words].concat());
        command.current_dir(self.0.path("project"));
        Outcome::of(command.output().unwrap())
    }

    fn change(&self, flag: &str, agent: &str) -> String {
        let told = self.call(&["--json", flag, agent]).expect(0).json();
        assert_eq!(told["agent"], agent);
        told["change"].as_str().unwrap().to_owned()
    }
}

const FILES: [(&str, &str); 4] = [
    ("claude", ".claude/skills/authsome/SKILL.md"),
    ("codex", "AGENTS.md"),
    ("cursor", ".cursor/rules/authsome.mdc"),
    ("opencode", "AGENTS.md"),
];

/// Each of authsome's own responses is explained, as the snapshots have them.
#[test]
fn the_guide_explains_each_refusal() {
    let guide = World::new().call(["skill"]).expect(0).stdout;
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in fs::read_dir(root.join("tests/snapshots/refusals")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let codes = text
            .lines()
            .filter_map(|line| line.strip_prefix("authsome-error: "));
        for code in codes.filter_map(|rest| rest.split([' ', '\r']).next()) {
            assert!(
                guide.contains(&format!("`{code}`")),
                "{code} is not explained"
            );
            count += 1;
        }
    }
    assert!(count > 10);
    let json = World::new().call(["skill", "--json"]).expect(0).json();
    assert_eq!(json["text"], guide);
}

#[test]
fn it_is_put_where_each_agent_looks_and_taken_out_again() {
    for (agent, file) in FILES {
        let project = Project::new();
        let guide = project.call(&[]).expect(0).stdout;
        assert_eq!(project.change("--remove", agent), "none");
        assert_eq!(project.change("--install", agent), "created");
        let text = project.text(file);
        assert!(text.contains(&guide), "{text}");
        assert_eq!(text.starts_with("---\n"), file != "AGENTS.md", "{text}");
        assert_eq!(project.change("--install", agent), "none");
        assert_eq!(project.change("--remove", agent), "deleted");
        let left = fs::read_dir(project.path("")).unwrap().count();
        assert_eq!(left, 0, "{agent}");
    }
}

#[test]
fn the_users_own_text_stays() {
    for (agent, file) in FILES {
        let project = Project::new();
        project.put(file, "# Mine\r\nno line end");
        let path = project.path(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(project.change("--install", agent), "added");
        let installed = project.text(file);
        assert!(
            installed.starts_with("# Mine\r\nno line end\n"),
            "{installed}"
        );
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        // An older section, and what the user has written below it.
        let older = installed.replace("# authsome", "# of yesterday") + "\nBelow\n";
        project.put(file, &older);
        assert_eq!(project.change("--install", agent), "replaced");
        assert_eq!(project.text(file), installed.clone() + "\nBelow\n");
        assert_eq!(project.change("--remove", agent), "taken_out");
        let left = project.text(file);
        assert!(left.starts_with("# Mine\r\nno line end\n") && left.ends_with("\nBelow\n"));
        assert!(!left.contains("authsome"), "{left}");
    }
}

#[test]
fn a_link_within_the_project_is_followed_and_no_other() {
    let project = Project::new();
    project.put("CLAUDE.md", "# Mine\n");
    symlink("CLAUDE.md", project.path("AGENTS.md")).unwrap();
    assert_eq!(project.change("--install", "codex"), "added");
    assert!(project.path("AGENTS.md").is_symlink());
    assert!(project.text("CLAUDE.md").contains("authsome-proxy-managed"));

    let outside = project.0.file("outside", "mine\n");
    let hostile = Project::new();
    symlink(&outside, hostile.path("AGENTS.md")).unwrap();
    symlink(project.0.path(""), hostile.path(".cursor")).unwrap();
    fs::create_dir_all(hostile.path(".claude/skills/authsome")).unwrap();
    let new = project.0.path("new");
    symlink(&new, hostile.path(".claude/skills/authsome/SKILL.md")).unwrap();
    for agent in ["codex", "cursor", "claude"] {
        let refused = hostile.call(&["--install", agent]).expect(2);
        assert!(
            refused.stderr.contains("out of the directory"),
            "{refused:?}"
        );
    }
    assert_eq!(fs::read_to_string(outside).unwrap(), "mine\n");
    assert!(!new.exists() && !project.0.path("rules").exists());
}

#[test]
fn what_cannot_be_done_is_said_with_the_next_command() {
    let project = Project::new();
    let unknown = project.call(&["--install", "emacs"]).expect(2);
    assert!(
        unknown.stderr.contains("claude, codex, cursor, opencode"),
        "{unknown:?}"
    );
    assert!(
        unknown.stderr.contains("authsome help skill"),
        "{unknown:?}"
    );
    let both = project.call(&["--install", "claude", "--remove", "claude"]);
    both.expect(2);
    project.put("AGENTS.md", "<!-- authsome:begin -->\nmine\n");
    for flag in ["--install", "--remove"] {
        let broken = project.call(&[flag, "codex"]).expect(2);
        assert!(
            broken.stderr.contains("<!-- authsome:end -->"),
            "{broken:?}"
        );
        // What is typed next is the same, at the project, and not at a directory within it.
        let again = format!("authsome skill {flag} codex --dir .");
        assert!(broken.stderr.contains(&again), "{broken:?}");
    }
    project.put(
        ".cursor/rules/authsome.mdc",
        "<!-- authsome:begin -->\nmine\n",
    );
    let within = project.call(&["--remove", "cursor"]).expect(2);
    let again = "authsome skill --remove cursor --dir .";
    assert!(
        within.stderr.contains(again) && !within.stderr.contains(".cursor/rules\n"),
        "{within:?}"
    );
    fs::remove_dir_all(project.path(".cursor")).unwrap();
    assert_eq!(project.text("AGENTS.md"), "<!-- authsome:begin -->\nmine\n");
    let nowhere = project
        .call(&["--install", "codex", "--dir", "nowhere"])
        .expect(2);
    assert!(nowhere.stderr.contains("--dir DIR"), "{nowhere:?}");
    fs::remove_file(project.path("AGENTS.md")).unwrap();
    fs::create_dir(project.path("AGENTS.md")).unwrap();
    project.call(&["--install", "codex"]).expect(2);
}

#[test]
fn it_is_allowed_inside_a_run() {
    let world = World::new();
    let binary = crate::kit::binary().display().to_string();
    let told = world.run([&binary, "skill"]).expect(0);
    assert!(told.stdout.starts_with("# authsome\n"), "{told:?}");
}
