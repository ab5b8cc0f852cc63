//! git through the proxy, with nothing configured.

use std::fs::{self, File};
use std::io::Read;

use authsome_test_support::{Arrived, Visibility};

use crate::kit::{Setup, World};

#[test]
fn git_clones_pushes_30_megabytes_and_fetches_them_back_with_nothing_configured() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    gitlab.add_repo(
        "group/private",
        Visibility::Private,
        &[("README.md", "hello\n")],
    );
    let remote = format!("{}/group/private.git", gitlab.base_url());
    let (work, again) = (world.path("work"), world.path("again"));
    git(&world, &["clone", "-q", &remote, work.to_str().unwrap()]);
    git(&world, &["clone", "-q", &remote, again.to_str().unwrap()]);
    let mut random = File::open("/dev/urandom").unwrap().take(30_000_000);
    std::io::copy(
        &mut random,
        &mut File::create(work.join("large.bin")).unwrap(),
    )
    .unwrap();
    git_in(&world, &work, &["add", "."]);
    git_in(
        &world,
        &work,
        &[
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.test",
            "commit",
            "-qm",
            "Large",
        ],
    );
    git_in(&world, &work, &["push", "-q"]);
    git_in(&world, &again, &["pull", "-q"]);
    assert!(
        fs::read(work.join("large.bin")).unwrap() == fs::read(again.join("large.bin")).unwrap()
    );
    assert_eq!(gitlab.rejected_basic(), 0);
    let basic = Arrived::Basic {
        user: "oauth2".to_owned(),
        password: pair.access,
    };
    assert!(
        gitlab.seen().iter().all(|seen| seen.credential == basic),
        "{:?}",
        gitlab.seen()
    );
}

fn git(world: &World, words: &[&str]) {
    world.run(["git"].iter().chain(words)).expect(0);
}

fn git_in(world: &World, directory: &std::path::Path, words: &[&str]) {
    world
        .run(
            ["git", "-C", directory.to_str().unwrap()]
                .iter()
                .chain(words),
        )
        .expect(0);
}
