//! One attempt, made twice: against authsome as it is, and with its defence left out.

use std::fmt::Write;

use crate::defence::Defence;
use crate::machine::{Machine, Need};
use crate::stage::Stage;

/// Attempts with one aim.
pub(crate) struct Ring {
    pub(crate) title: &'static str,
    pub(crate) attempts: Vec<Attempt>,
}

/// Something that a hostile command tries.
pub(crate) struct Attempt {
    /// Of the function in `hostile/` as well, with `_` for the blanks.
    pub(crate) name: &'static str,
    /// What is against it; where several are, each of them is enough.
    pub(crate) against: &'static [Defence],
    /// Makes it, and tells whether it succeeded, by what was got or what arrived.
    pub(crate) play: Box<dyn Fn(&mut Stage) -> Result<bool, String> + Send + Sync>,
    /// What it takes of the machine.
    pub(crate) needs: Need,
    /// It is not made yet: its defence is not in force.
    pub(crate) is_awaited: bool,
}

/// What came of an attempt.
pub(crate) enum Verdict {
    /// It failed against the defence, and succeeded without it.
    Holds,
    /// Its defence is not in force yet.
    Awaited,
    /// The machine lacks something.
    Skipped(&'static str),
    /// With everything that is known about it.
    Broken(String),
}

/// An attempt that the function of its name makes.
pub(crate) fn attempt(
    name: &'static str,
    against: &'static [Defence],
    play: impl Fn(&mut Stage) -> Result<bool, String> + Send + Sync + 'static,
) -> Attempt {
    Attempt {
        name,
        against,
        play: Box::new(play),
        needs: Need::Nothing,
        is_awaited: false,
    }
}

impl Attempt {
    /// The same for a machine that has this.
    pub(crate) fn needs(self, needs: Need) -> Self {
        Self { needs, ..self }
    }

    /// What is left out: nothing, by the ordinary binary; then all defences but one, which is
    /// enough; then all.
    fn ways(&self) -> Vec<Option<Vec<Defence>>> {
        let but_one = |one: &Defence| {
            let others = self.against.iter().filter(|other| *other != one);
            Some(others.copied().collect())
        };
        let several = self.against.iter().filter(|_| self.against.len() > 1);
        let mut ways = vec![None];
        ways.extend(several.map(but_one));
        ways.push(Some(self.against.to_vec()));
        ways
    }

    /// Makes it with and without.
    pub(crate) fn try_both(&self, machine: &Machine, awaited: bool) -> Verdict {
        if let Some(lacks) = machine.lacks(self.needs) {
            return Verdict::Skipped(lacks);
        }
        if self.is_awaited && !awaited {
            return Verdict::Awaited;
        }
        let mut problem = String::new();
        for left_out in self.ways() {
            let mut stage = Stage::new(machine, self.name, left_out.clone());
            let expected = left_out
                .as_ref()
                .is_some_and(|all| all.len() == self.against.len());
            let wrong = match (self.play)(&mut stage) {
                Ok(succeeded) if succeeded == expected => continue,
                Ok(true) => format!("it SUCCEEDED {}", stage.way()),
                Ok(false) => format!("it failed {}", stage.way()),
                Err(error) => format!("it could not be made ({}): {error}", stage.way()),
            };
            let _ = writeln!(problem, "{wrong}\n{}", stage.told());
        }
        if problem.is_empty() {
            Verdict::Holds
        } else {
            Verdict::Broken(problem)
        }
    }
}

/// Defences that no attempt is made against, and names that are there twice.
pub(crate) fn unused(rings: &[Ring]) -> Vec<String> {
    let attempts = || rings.iter().flat_map(|ring| &ring.attempts);
    let source = include_str!("../../src/defence.rs");
    let all = source
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.strip_suffix(','));
    let all = all.filter(|name| name.chars().all(char::is_alphanumeric));
    let is_used = |name: &&str| {
        let mut used = attempts().flat_map(|attempt| attempt.against);
        !used.any(|defence| format!("{defence:?}") == **name)
    };
    let unused = all
        .filter(is_used)
        .map(|name| format!("no attempt is made against {name}"));
    let mut names: Vec<_> = attempts().map(|attempt| attempt.name).collect();
    names.sort_unstable();
    let twice = names.windows(2).filter(|pair| pair[0] == pair[1]);
    unused
        .chain(twice.map(|pair| format!("two attempts are {:?}", pair[0])))
        .collect()
}
