//! Three jobs that start from one sealed file, in every order of their steps: the grant is alive at
//! the end. `src/hand_back/tests.rs` has the orders of the smaller steps within a run.

use super::job::{Job, Story};

/// A step of a job. The jobs are alike, so an order in which they change places is not another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It takes the sealed file in.
    Start,
    /// It renews the pair and hands it back.
    Work,
    /// It renews the pair, and is killed before it hands that back.
    Die,
    /// It starts again, on the machine where it was killed.
    Again,
}

const WHOLE: &[Step] = &[Step::Start, Step::Work];
const KILLED: &[Step] = &[Step::Start, Step::Die, Step::Again];

type Order = Vec<(usize, Step)>;

/// Every order of these jobs' steps.
fn orders(jobs: &[&[Step]; 3]) -> Vec<Order> {
    let mut all = Vec::new();
    extend(jobs, [0; 3], &mut Vec::new(), &mut all);
    all
}

fn extend(jobs: &[&[Step]; 3], at: [usize; 3], order: &mut Order, all: &mut Vec<Order>) {
    let mut is_over = true;
    for job in 0..jobs.len() {
        let Some(&step) = jobs[job].get(at[job]) else {
            continue;
        };
        is_over = false;
        // Of jobs with the same steps, the first one begins first.
        let is_alike = |other: usize| jobs[other] == jobs[job] && at[other] == 0;
        if at[job] == 0 && (0..job).any(is_alike) {
            continue;
        }
        let mut next = at;
        next[job] += 1;
        order.push((job, step));
        extend(jobs, next, order, all);
        order.pop();
    }
    if is_over {
        all.push(order.clone());
    }
}

fn play(order: &Order) {
    let story = Story::begin();
    let jobs = [Job::new(), Job::new(), Job::new()];
    // Whether the pair that the server accepts is only where a job was killed. Until that is back,
    // no other can work; it must do no harm either.
    let mut is_held = false;
    for (job, step) in order {
        let job = &jobs[*job];
        story.expire();
        match step {
            Step::Start => drop(job.import(&story.file).expect(0)),
            Step::Work if is_held => drop(job.run(&story, &["true"])),
            Step::Work => assert_eq!(job.call(&story), "200", "{order:?}"),
            Step::Die => {
                job.work_and_die(&story);
                is_held = true;
            }
            Step::Again => {
                job.run(&story, &["true"]).expect(0);
                is_held = false;
            }
        }
    }
    let last = Job::new();
    last.import(&story.file).expect(0);
    assert_eq!(story.gitlab.live_pairs(), [last.pair()], "{order:?}");
    story.expire();
    assert_eq!(last.call(&story), "200", "{order:?}");
}

fn play_all(jobs: &[&[Step]; 3], expected: usize) {
    let all = orders(jobs);
    assert_eq!(all.len(), expected);
    std::thread::scope(|scope| {
        for half in 0..2 {
            let own = all.iter().skip(half).step_by(2);
            scope.spawn(move || own.for_each(play));
        }
    });
}

#[test]
fn the_grant_lives_in_every_order_of_three_jobs() {
    play_all(&[WHOLE; 3], 15);
}

#[test]
fn the_grant_lives_in_every_order_where_one_is_killed() {
    play_all(&[KILLED, WHOLE, WHOLE], 105);
}

#[test]
fn a_job_that_finds_its_pair_spent_goes_on_once_the_other_is_back() {
    let story = Story::begin();
    let (killed, other) = (Job::new(), Job::new());
    killed.import(&story.file).expect(0);
    killed.work_and_die(&story);
    other.import(&story.file).expect(0);
    // The refresh waits for another job to hand its pair back; then the connection needs a login.
    assert_eq!(other.call(&story), "401");
    killed.run(&story, &["true"]).expect(0);
    assert_eq!(other.call(&story), "200");
    assert_eq!(other.pair(), killed.pair());
}
