//! Three jobs and one place, in every order of their steps, against a server that accepts each
//! refresh token once.

use super::decide::{Decision, decide, later};
use crate::clock::Timestamp;
use crate::connection::{Compared, Connection, Exported, GrantState};
use crate::oauth::TokenSet;
use crate::secret::Secret;

/// What a job does, one after the other. In between, others do theirs, or it is killed and begins
/// again where it was.
const STEPS: usize = 4;
const JOBS: usize = 3;

#[derive(Clone)]
struct World {
    /// The refresh token that the server accepts.
    live: String,
    refreshes: u32,
    /// What the place has: this connection, and another one that nobody renews.
    there: Vec<Exported>,
    jobs: [Job; JOBS],
}

#[derive(Clone, Default)]
struct Job {
    step: usize,
    vault: Option<Connection>,
    has_adopted: bool,
}

fn first() -> Exported {
    let text = r#"{"authsome_export":1,"connections":[{"provider":"gitlab","name":"default",
        "is_default":true,"record":{"client_id":"c","token_endpoint":"https://gitlab.test/oauth/token",
        "access_token":"access 0","refresh_token":"refresh 0","obtained_at":0,"expires_at":1,
        "scopes":[]}}]}"#;
    let content = Secret::new(text.as_bytes().to_vec());
    Exported::decode(&content).unwrap().remove(0)
}

/// Another connection, with a pair of another login.
fn bystander() -> Exported {
    let mut other = first();
    other.connection.id.name = "work".parse().unwrap();
    other.connection.tokens.access = Secret::new("of work".to_owned());
    other
}

fn exported(connection: &Connection) -> Exported {
    Exported {
        connection: connection.clone(),
        is_default: true,
    }
}

impl World {
    fn new() -> Self {
        Self {
            live: "refresh 0".to_owned(),
            refreshes: 0,
            there: vec![bystander(), first()],
            jobs: Default::default(),
        }
    }

    fn import(&mut self, job: usize, found: &Exported) {
        let job = &mut self.jobs[job];
        if Compared::of(&found.connection, job.vault.as_ref()).is_taken(false) {
            job.vault = Some(found.connection.clone());
        }
    }

    /// Takes in what is there, if that is later.
    fn look(&mut self, job: usize) -> bool {
        let here = exported(self.jobs[job].vault.as_ref().unwrap());
        match later(self.there.clone(), &here) {
            Some(found) => {
                self.import(job, &found);
                true
            }
            None => false,
        }
    }

    fn refresh(&mut self, job: usize) {
        let here = self.jobs[job].vault.clone().unwrap();
        let token = here.tokens.refresh.as_ref().unwrap();
        if !token.matches(self.live.as_bytes()) {
            if !self.look(job) {
                let dead = self.jobs[job].vault.as_mut().unwrap();
                dead.standing = GrantState::NeedsLogin {
                    reason: "it was spent".to_owned(),
                    since: Timestamp::from_seconds(0),
                    access_ended: false,
                };
            }
            return;
        }
        self.refreshes += 1;
        self.live = format!("refresh {}", self.refreshes);
        let set = TokenSet {
            access_token: Secret::new(format!("access {}", self.refreshes)),
            refresh_token: Some(Secret::new(self.live.clone())),
            expires_in: None,
            scopes: None,
            urls: Vec::new(),
        };
        let tokens = here.tokens.rotate(set, Timestamp::from_seconds(0));
        self.jobs[job].vault = Some(Connection { tokens, ..here });
    }

    fn hand_back(&mut self, job: usize) {
        let here = exported(self.jobs[job].vault.as_ref().unwrap());
        match decide(self.there.clone(), &here) {
            Decision::Write(all) => self.there = all,
            Decision::TakeIn(found) => self.import(job, &found),
            Decision::Nothing => {}
            Decision::Forked | Decision::Other => panic!("there is one login"),
        }
    }

    /// The next step of a job. A job that has taken over a pair may need to renew it all the same.
    fn step(&mut self, job: usize, renews_always: bool) {
        match self.jobs[job].step {
            0 => {
                let found = self.found().clone();
                self.import(job, &found);
            }
            1 => self.jobs[job].has_adopted = self.look(job),
            2 if renews_always || !self.jobs[job].has_adopted => self.refresh(job),
            2 => {}
            _ => self.hand_back(job),
        }
        self.jobs[job].step += 1;
    }

    fn found(&self) -> &Exported {
        let id = first().connection.id;
        self.there.iter().find(|one| *one.id() == id).unwrap()
    }

    fn is_alive(&self) -> bool {
        let token = self.found().connection.tokens.refresh.as_ref();
        token.unwrap().matches(self.live.as_bytes())
    }

    /// Whether the other connection is there, as it was, and nothing besides.
    fn is_undisturbed(&self) -> bool {
        let other = bystander();
        let is_other = |one: &&Exported| one.id() == other.id();
        let found = self.there.iter().find(is_other).unwrap();
        self.there.len() == 2 && found.connection.tokens.access.matches(b"of work")
    }
}

/// Plays on from here in every order; how many there are.
fn play(world: &World, renews_always: bool) -> u32 {
    let mut orders = 0;
    for job in 0..JOBS {
        if world.jobs[job].step == STEPS {
            continue;
        }
        let mut next = world.clone();
        next.step(job, renews_always);
        orders += play(&next, renews_always);
    }
    if orders == 0 {
        let mut end = world.clone();
        // A job whose grant was found dead looks once more.
        (0..JOBS).for_each(|job| end.hand_back(job));
        assert!(end.is_alive());
        assert!(end.is_undisturbed());
        for job in &end.jobs {
            let vault = job.vault.as_ref().unwrap();
            let token = vault.tokens.refresh.as_ref().unwrap();
            assert!(token.matches(end.live.as_bytes()));
            assert_eq!(vault.standing, GrantState::Good);
        }
        return 1;
    }
    orders
}

#[test]
fn the_grant_lives_in_every_order_of_the_steps_of_three_jobs() {
    for renews_always in [false, true] {
        // 12! / (4! 4! 4!)
        assert_eq!(play(&World::new(), renews_always), 34_650);
    }
}

#[test]
fn other_connections_that_are_there_stay() {
    let here = first();
    let mut other = first();
    other.connection.id.name = "work".parse().unwrap();
    let Decision::Write(all) = decide(vec![other.clone()], &here) else {
        panic!("it is not there yet");
    };
    let names: Vec<_> = all.iter().map(|one| one.id().to_string()).collect();
    assert_eq!(names, ["gitlab/work", "gitlab/default"]);
    let mut login = first();
    login.connection.tokens.access = Secret::new("of another login".to_owned());
    let decided = decide(vec![login], &here);
    assert!(matches!(decided, Decision::Other));
}
