//! The states, and the steps between them.

use crate::faults::Fault;

/// Machines, and how often each thing may happen. More of each brings more states, and has brought
/// no other ones that matter.
const MACHINES: usize = 2;
const MAX_PAIR: u8 = 3;
const MAX_TIME: u8 = 6;

/// How long a lease lasts, on the database's clock.
const LEASE: u8 = 2;

/// How far the first machine's own clock is ahead, where clocks of machines count.
const AHEAD: u8 = 2;

/// All there is. Pairs are numbered in the order in which the provider issues them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The provider accepts the refresh token before the last one, too, and then the last pair is
    /// the one that works: some do, for responses that were lost.
    is_lenient: bool,
    /// The newest pair that the provider has issued.
    live: u8,
    time: u8,
    database: Database,
    /// The database as the replica has it: without the last write.
    replica: Database,
    machines: [Machine; MACHINES],
    /// Generations follow the clock, and so none comes twice, whatever a replica has forgotten.
    last_generation: u8,
    last_owner: u8,
    crashes_left: u8,
    pauses_left: u8,
    partitions_left: u8,
    failovers_left: u8,
    /// What nobody can prevent has happened: a response, or the only copy of a pair, was lost.
    is_excused: bool,
    has_forgotten_lease: bool,
    broken: Option<&'static str>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Database {
    pair: u8,
    generation: u8,
    is_dead: bool,
    owner: u8,
    fence: u8,
    until: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Machine {
    /// The pair that it hands out, and the generation of the state that it is from.
    pair: u8,
    generation: u8,
    /// The pair in its sealed file.
    aside: Option<u8>,
    phase: Phase,
    is_paused: bool,
    is_cut_off: bool,
}

/// A claim, and what was read under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    owner: u8,
    fence: u8,
    until: u8,
    token: u8,
    generation: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    #[default]
    Idle,
    Claimed(Held),
    Ready(Held),
    Calling(Held),
    Refused(Held),
    Answered(Held, u8),
    Kept(Held, u8),
}

impl State {
    /// One for each kind of provider.
    pub(crate) fn first() -> [Self; 2] {
        let state = |is_lenient| Self {
            is_lenient,
            live: 0,
            time: 0,
            database: Database::default(),
            replica: Database::default(),
            machines: Default::default(),
            last_generation: 0,
            last_owner: 0,
            crashes_left: 1,
            pauses_left: 1,
            partitions_left: 1,
            failovers_left: 1,
            is_excused: false,
            has_forgotten_lease: false,
            broken: None,
        };
        [state(false), state(true)]
    }

    /// The promise that does not hold in this state.
    pub(crate) fn broken(&self) -> Option<&'static str> {
        if self.broken.is_some() {
            return self.broken;
        }
        let has = |machine: &Machine| {
            let at_hand = match machine.phase {
                Phase::Answered(_, pair) | Phase::Kept(_, pair) => Some(pair),
                _ => None,
            };
            machine.aside == Some(self.live) || at_hand == Some(self.live)
        };
        let is_kept = self.database.pair == self.live || self.machines.iter().any(has);
        (!is_kept && !self.is_excused).then_some("the live pair is lost")
    }

    /// All that can happen next, by name.
    pub(crate) fn steps(&self, fault: Fault) -> Vec<(String, Self)> {
        let mut steps = Vec::new();
        for index in 0..MACHINES {
            for (name, next) in self.machine_steps(index, fault) {
                steps.push((format!("{name} ({index})"), next));
            }
        }
        let mut environment = |name: &str, next: Option<Self>| {
            steps.extend(next.map(|next| (name.to_owned(), next)));
        };
        environment("time passes", self.tick());
        environment("failover", self.failover(fault));
        steps
    }

    fn machine_steps(&self, index: usize, fault: Fault) -> Vec<(&'static str, Self)> {
        let machine = &self.machines[index];
        let mut steps = vec![
            ("provider", self.provider(index)),
            ("pause", self.pause(index)),
            ("crash", self.crash(index)),
            ("partition", self.partition(index, fault)),
            ("response lost", self.lose_response(index)),
        ];
        if !machine.is_paused {
            steps.extend([("request", self.request(index)), ("keep", self.keep(index))]);
            if !machine.is_cut_off {
                steps.extend([
                    ("claim", self.claim(index, fault)),
                    ("load_newest", self.load_newest(index)),
                    ("commit", self.commit(index, fault)),
                    ("give_up", self.give_up(index)),
                    ("rest", self.rest(index)),
                    ("take_changes", self.take_changes(index)),
                ]);
            }
        }
        let possible = |(name, next): (_, Option<Self>)| Some((name, next?));
        steps.into_iter().filter_map(possible).collect()
    }

    /// A copy in which this machine is in that phase.
    fn with(&self, index: usize, phase: Phase) -> Self {
        let mut next = self.clone();
        next.machines[index].phase = phase;
        next
    }

    /// `lease::claim`: by one statement, on the database's clock.
    fn claim(&self, index: usize, fault: Fault) -> Option<Self> {
        let ahead = if index == 0 { AHEAD } else { 0 };
        let now = match fault {
            Fault::ClientClock => self.time + ahead,
            _ => self.time,
        };
        let is_idle = self.machines[index].phase == Phase::Idle;
        if !is_idle || self.database.until > now {
            return None;
        }
        let mut next = self.clone();
        next.write();
        next.last_owner += 1;
        next.database.owner = next.last_owner;
        next.database.fence += 1;
        next.database.until = match fault {
            Fault::LockOverCall => u8::MAX,
            _ => now + LEASE,
        };
        next.machines[index].phase = Phase::Claimed(Held {
            owner: next.database.owner,
            fence: next.database.fence,
            until: next.database.until,
            token: 0,
            generation: 0,
        });
        Some(next)
    }

    /// `turn::load_newest`, and what follows from what it finds.
    fn load_newest(&self, index: usize) -> Option<Self> {
        let Phase::Claimed(mut held) = self.machines[index].phase else {
            return None;
        };
        let machine = &self.machines[index];
        let mut next = self.clone();
        match machine.aside {
            // `take_in`: under the claim, over the state that it succeeds.
            Some(aside) if aside > self.database.pair => {
                next.put(index, held, aside);
                next.machines[index].phase = Phase::Idle;
                return Some(next);
            }
            // It is in the vault, or there is a later one.
            Some(_) if self.database.generation != machine.generation => {
                next.machines[index].aside = None;
            }
            _ => {}
        }
        let is_forgotten = self.database.generation < machine.generation;
        let is_renewed = self.database.pair > machine.pair;
        if is_forgotten || is_renewed || self.live == MAX_PAIR {
            next.adopt(index);
            next.release(held);
            next.machines[index].phase = Phase::Idle;
            return Some(next);
        }
        held.token = self.database.pair;
        held.generation = self.database.generation;
        next.machines[index].phase = Phase::Ready(held);
        Some(next)
    }

    /// `Renewal::request`: only while the lease has enough left.
    fn request(&self, index: usize) -> Option<Self> {
        let Phase::Ready(held) = self.machines[index].phase else {
            return None;
        };
        if self.time >= held.until {
            return Some(self.with(index, Phase::Idle)); // `extend` says that it is lost
        }
        let mut next = self.with(index, Phase::Calling(held));
        let calls = |other: &Machine| match other.phase {
            Phase::Calling(other) => other.until > self.time,
            _ => false,
        };
        let others = self.machines.iter().enumerate();
        let mut others = others.filter(|(other, _)| *other != index);
        if others.any(|(_, machine)| calls(machine)) && !self.has_forgotten_lease {
            next.broken = Some("two machines call at one time, each under its lease");
        }
        Some(next)
    }

    /// The provider handles the request.
    fn provider(&self, index: usize) -> Option<Self> {
        let Phase::Calling(held) = self.machines[index].phase else {
            return None;
        };
        let is_last = held.token == self.live;
        let is_before = self.is_lenient && held.token + 1 == self.live;
        if !is_last && !is_before || self.live == MAX_PAIR {
            return Some(self.with(index, Phase::Refused(held)));
        }
        let mut next = self.with(index, Phase::Answered(held, self.live + 1));
        next.live += 1;
        Some(next)
    }

    /// `Issued::keep`: into the sealed file first. From then on, the pair is handed out.
    fn keep(&self, index: usize) -> Option<Self> {
        let Phase::Answered(held, pair) = self.machines[index].phase else {
            return None;
        };
        let mut next = self.with(index, Phase::Kept(held, pair));
        next.machines[index].aside = Some(pair);
        Some(next)
    }

    /// `Link::apply` under `HOLDS`: owner, fence and end of the lease, then the generation.
    fn commit(&self, index: usize, fault: Fault) -> Option<Self> {
        let Phase::Kept(held, pair) = self.machines[index].phase else {
            return None;
        };
        let mut next = self.with(index, Phase::Idle);
        let same_generation = held.generation == self.database.generation;
        if fault == Fault::GuardByGenerationOnly {
            if same_generation {
                next.put(index, held, pair);
            } else {
                next.machines[index].aside = None; // somebody was faster
                next.adopt(index);
            }
            return Some(next);
        }
        let is_held = held.owner == self.database.owner && held.fence == self.database.fence;
        if !is_held || held.until <= self.time {
            // `keep_on`: it stays in the file, and is written under another claim. It is handed out
            // (`Slot::adopt`), unless a later state has come meanwhile.
            let generation = self.machines[index].generation;
            if held.generation >= generation {
                next.hand_out(index, pair, generation);
            }
            return Some(next);
        }
        // `replace_now`: over any state of the same grant with an earlier pair.
        if same_generation || pair > self.database.pair {
            next.put(index, held, pair);
        } else {
            next.machines[index].aside = None;
            next.adopt(index);
            next.release(held);
        }
        Some(next)
    }

    /// `Renewal::give_up`: notes under the claim that the grant is dead.
    fn give_up(&self, index: usize) -> Option<Self> {
        let Phase::Refused(held) = self.machines[index].phase else {
            return None;
        };
        let is_held = held.owner == self.database.owner && held.fence == self.database.fence;
        let mut next = self.with(index, Phase::Idle);
        if is_held && held.until > self.time && held.generation == self.database.generation {
            next.write();
            next.last_generation += 1;
            next.database.generation = next.last_generation;
            next.database.is_dead = true;
            next.release(held);
        }
        Some(next)
    }

    /// `Renewal::rest`: the lease is free between two tries.
    fn rest(&self, index: usize) -> Option<Self> {
        let Phase::Refused(held) = self.machines[index].phase else {
            return None;
        };
        let mut next = self.with(index, Phase::Idle);
        next.release(held);
        Some(next)
    }

    /// `Credentials::take_changes`: the newest state of the vault.
    fn take_changes(&self, index: usize) -> Option<Self> {
        let mut next = self.clone();
        next.adopt(index);
        (next != *self).then_some(next)
    }

    fn tick(&self) -> Option<Self> {
        // Who runs ends its call before its lease ends: `at_most(limit, …)`.
        let must_move = |machine: &Machine| match machine.phase {
            Phase::Calling(held) => !machine.is_paused && self.time + 1 >= held.until,
            _ => false,
        };
        let is_late = self.machines.iter().any(must_move);
        (!is_late && self.time < MAX_TIME).then(|| {
            let mut next = self.clone();
            next.time += 1;
            next
        })
    }

    /// The last write is forgotten, and so are locks of connections.
    fn failover(&self, fault: Fault) -> Option<Self> {
        if self.failovers_left == 0 {
            return None;
        }
        let mut next = self.clone();
        next.failovers_left -= 1;
        next.has_forgotten_lease |= next.database.owner != next.replica.owner;
        next.database = next.replica.clone();
        if fault == Fault::LockOverCall {
            next.database.until = 0;
            next.has_forgotten_lease = false; // a lock that is gone is what the fault is about
        }
        // Where no machine has the pair of that write, it is gone with the write.
        next.is_excused |= next.broken().is_some();
        Some(next)
    }

    /// The process is stopped, or goes on.
    fn pause(&self, index: usize) -> Option<Self> {
        let is_paused = self.machines[index].is_paused;
        if !is_paused && self.pauses_left == 0 {
            return None;
        }
        let mut next = self.clone();
        next.pauses_left -= u8::from(!is_paused);
        next.machines[index].is_paused = !is_paused;
        Some(next)
    }

    /// The process dies, and another one starts on the machine; its files stay.
    fn crash(&self, index: usize) -> Option<Self> {
        if self.crashes_left == 0 || self.machines[index].phase == Phase::Idle {
            return None;
        }
        let mut next = self.with(index, Phase::Idle);
        next.crashes_left -= 1;
        next.machines[index].is_paused = false;
        // A response that is on its way comes to nobody.
        next.is_excused |= matches!(self.machines[index].phase, Phase::Answered(..));
        Some(next)
    }

    /// The machine cannot reach the database, or can again.
    fn partition(&self, index: usize, fault: Fault) -> Option<Self> {
        let is_cut_off = self.machines[index].is_cut_off;
        if !is_cut_off && self.partitions_left == 0 {
            return None;
        }
        let mut next = self.clone();
        next.partitions_left -= u8::from(!is_cut_off);
        next.machines[index].is_cut_off = !is_cut_off;
        let holds = match self.machines[index].phase {
            Phase::Idle => None,
            Phase::Claimed(held)
            | Phase::Ready(held)
            | Phase::Calling(held)
            | Phase::Refused(held)
            | Phase::Answered(held, _)
            | Phase::Kept(held, _) => Some(held.owner),
        };
        if fault == Fault::LockOverCall && holds == Some(self.database.owner) {
            next.database.until = 0; // the server ends the connection, and with it the lock
        }
        Some(next)
    }

    fn lose_response(&self, index: usize) -> Option<Self> {
        let Phase::Answered(..) = self.machines[index].phase else {
            return None;
        };
        let mut next = self.with(index, Phase::Idle);
        next.is_excused = true;
        Some(next)
    }

    /// The replica now has all but what is written next.
    fn write(&mut self) {
        self.replica = self.database.clone();
    }

    /// Writes a pair and releases the lease.
    fn put(&mut self, index: usize, held: Held, pair: u8) {
        self.write();
        self.last_generation += 1;
        self.database.generation = self.last_generation;
        self.database.pair = pair;
        self.database.is_dead = false;
        self.release(held);
        self.hand_out(index, pair, self.database.generation);
    }

    fn release(&mut self, held: Held) {
        if self.database.owner == held.owner && self.database.fence == held.fence {
            self.database.until = 0;
        }
    }

    /// `Slot::adopt`: by generation, never an older one.
    fn adopt(&mut self, index: usize) {
        if self.database.generation > self.machines[index].generation {
            // A pair beside the vault that succeeds the record's is the newest state.
            let aside = self.machines[index].aside;
            let pair = self.database.pair.max(aside.unwrap_or_default());
            self.hand_out(index, pair, self.database.generation);
        }
    }

    fn hand_out(&mut self, index: usize, pair: u8, generation: u8) {
        let machine = &mut self.machines[index];
        if pair < machine.pair {
            self.broken = Some("an older pair is handed out after a newer one");
        }
        machine.pair = pair;
        machine.generation = generation;
    }
}
