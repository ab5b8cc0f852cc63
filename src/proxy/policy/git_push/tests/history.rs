//! Verdicts on random pushes within a random history, beside those of `git merge-base`.

use std::fmt::Write;
use std::sync::Arc;

use super::repository::Repository;
use crate::proxy::policy::git_push::properties::verdict_by;
use crate::proxy::policy::git_push::{Coding, PushPolicy};

const COMMITS: usize = 150;
const PUSHES: usize = 200;

/// Numbers that are the same in each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

#[test]
fn an_allowed_push_is_a_fast_forward_to_git_too() {
    let (mut allowed, mut undecided, mut forced) = (0, 0, 0);
    for (format, seed) in [
        ("sha1", 0x9e37_79b9_7f4a_7c15),
        ("sha256", 0xd1b5_4a32_d192_ed03),
    ] {
        let mut numbers = Numbers(seed);
        let git = Repository::new(format);
        let commits = history(&git, &mut numbers);
        let policy = Arc::new(PushPolicy::new(vec!["agent/*".parse().unwrap()]));
        for _ in 0..PUSHES {
            let new = numbers.below(COMMITS);
            let old = new.saturating_sub(numbers.below(30));
            let (old, new) = if numbers.below(8) == 0 {
                (new, old)
            } else {
                (old, new)
            };
            let (old, new) = (&*commits[old], &*commits[new]);
            // What else the server has, of which the client sends nothing.
            let others = numbers.below(3);
            let others: Vec<_> = (0..others)
                .map(|_| &*commits[numbers.below(COMMITS)])
                .collect();
            let mut body = git.commands(&[(old, new, "refs/heads/agent/a")], "");
            body.extend(git.pack(&[new], &[&[old], &others[..]].concat()));
            let verdict = verdict_by(&policy, Some("refs/heads/main"), &[&body], Coding::Identity);
            let is_forwards = git.says(&["merge-base", "--is-ancestor", old, new]);
            match verdict {
                Ok(()) => {
                    assert!(is_forwards, "{old} is not in the history of {new}");
                    allowed += 1;
                }
                Err(words) if is_forwards => {
                    assert!(!others.is_empty(), "all between them is in the pack");
                    assert!(words.contains("does not show"), "{words}");
                    undecided += 1;
                }
                Err(_) => forced += 1,
            }
        }
    }
    println!("{allowed} allowed, {undecided} forwards and not shown, {forced} not forwards");
    assert!(allowed > 100 && undecided > 0 && forced > 50);
}

/// Commits with up to three parents each, of which some are roots; by `git fast-import`.
fn history(git: &Repository, numbers: &mut Numbers) -> Vec<String> {
    let mut stream = String::from("feature done\n");
    for mark in 1..=COMMITS {
        let about = format!(
            "commit {mark}\n{}",
            "as it was before\n".repeat(numbers.below(20))
        );
        write!(
            stream,
            "commit refs/heads/c{mark}\nmark :{mark}\ncommitter A <a@example.test> {} +0000\ndata {}\n{about}\n",
            1_700_000_000 + mark * 60,
            about.len()
        )
        .unwrap();
        let mut parents: Vec<usize> = Vec::new();
        for _ in 0..[1, 1, 1, 1, 1, 2, 2, 2, 3, numbers.below(2)][numbers.below(10)] {
            let near = mark.saturating_sub(1 + numbers.below(6));
            if near > 0 && !parents.contains(&near) {
                parents.push(near);
            }
        }
        for (index, parent) in parents.iter().enumerate() {
            let word = if index == 0 { "from" } else { "merge" };
            writeln!(stream, "{word} :{parent}").unwrap();
        }
        write!(
            stream,
            "M 100644 inline file\ndata {}\n{mark}\n\n",
            mark.to_string().len() + 1
        )
        .unwrap();
    }
    stream.push_str("done\n");
    git.bytes(&["fast-import", "--quiet"], &stream);
    let ids = (1..=COMMITS)
        .map(|mark| format!("c{mark}"))
        .collect::<Vec<_>>()
        .join("\n");
    let arguments: Vec<_> = std::iter::once("rev-parse").chain(ids.lines()).collect();
    let ids = git.git(&arguments);
    ids.lines().map(str::to_owned).collect()
}
