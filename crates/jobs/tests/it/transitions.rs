//! Every transition from every state, compared with the state diagram in `docs/architecture.md`.

use std::collections::BTreeSet;
use std::time::Duration;

use pssp_jobs::job::{Failure, FailureClass, Head, Job, Refused, State};
use pssp_jobs::{JobId, Owner, Policy, Timestamp};
use uuid::Uuid;

fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

fn submitted() -> Job {
    let head = Head {
        id: JobId::new(now()),
        owner: Owner::public(),
        created_at: now(),
        name: None,
        batch: None,
        length: 10,
        warnings: Vec::new(),
    };
    Job::submit(head, Duration::ZERO, &Policy::default())
}

fn in_state(state: State) -> Job {
    let policy = Policy::default();
    let running = || submitted().claim(now(), &policy, Uuid::nil()).unwrap();
    match state {
        State::Submitted => submitted(),
        State::Running => running(),
        State::Finished => running().finish(now(), &policy).unwrap(),
        State::Failed => running().fail(now(), &policy, failure()).unwrap(),
        State::Cancelled => running().cancel(now(), &policy).unwrap(),
    }
}

fn failure() -> Failure {
    Failure::new(FailureClass::Method, "it broke")
}

type Transition = fn(&Job, &Policy) -> Result<Job, Refused>;

/// Every transition of an existing job, with its name in the diagram.
const TRANSITIONS: &[(&str, Transition)] = &[
    ("claim", |job, policy| job.claim(now(), policy, Uuid::nil())),
    ("extend", |job, policy| job.extend(now(), policy)),
    ("finish", |job, policy| job.finish(now(), policy)),
    ("fail", |job, policy| job.fail(now(), policy, failure())),
    ("retry", |job, policy| job.retry(now(), policy, 0.5, failure())),
    ("release", |job, policy| job.release(now(), policy)),
    ("lose_lease", |job, policy| job.lose_lease(now().plus(policy.lease), policy, 0.5)),
    ("cancel", |job, policy| job.cancel(now(), policy)),
    ("resend", |job, policy| job.resend(now(), policy)),
    ("redrive", |job, policy| job.redrive(now(), policy)),
];

/// The arrows of the diagram: from, to, name of the transition.
type Arrows = BTreeSet<(String, String, String)>;

/// The arrows that the code allows: every transition from every state, with and without attempts left.
fn allowed() -> Arrows {
    let patient = Policy::default();
    let strict = Policy { max_failures: 1, max_lost_workers: 1, ..Policy::default() };
    let arrow = |from: &str, to: State, name: &str| (from.to_owned(), to.to_string(), name.to_owned());
    let new = submitted();
    let cached = new.finished_from_cache(&patient);
    let mut arrows = BTreeSet::from([
        arrow("[*]", new.state(), "submit"),
        arrow("[*]", cached.state(), "finished_from_cache"),
    ]);
    for (name, transition) in TRANSITIONS {
        for from in State::ALL {
            let job = in_state(from);
            for policy in [&patient, &strict] {
                let Ok(next) = transition(&job, policy) else { continue };
                check_shape(&next);
                assert!(next.status.attempt >= job.status.attempt, "attempts never decrease");
                assert_eq!(next.head, job.head);
                arrows.insert(arrow(from.as_str(), next.state(), name));
            }
        }
    }
    arrows
}

/// The arrows of the state diagram in the documentation.
fn drawn() -> Arrows {
    let page = include_str!("../../../../docs/architecture.md");
    let (_, diagram) = page.split_once("```mermaid\nstateDiagram-v2\n").expect("the state diagram");
    let (diagram, _) = diagram.split_once("```").expect("its end");
    let arrow = |line: &str| {
        let (states, name) = line.split_once(" : ")?;
        let (from, to) = states.split_once(" --> ")?;
        Some((from.trim().to_owned(), to.trim().to_owned(), name.trim().to_owned()))
    };
    diagram.lines().map(|line| arrow(line).unwrap_or_else(|| panic!("no arrow: {line}"))).collect()
}

#[test]
fn the_state_diagram_in_the_documentation_is_true() {
    let (allowed, drawn) = (allowed(), drawn());
    let missing: Vec<_> = allowed.difference(&drawn).collect();
    let wrong: Vec<_> = drawn.difference(&allowed).collect();
    assert!(missing.is_empty() && wrong.is_empty(), "not drawn: {missing:?}; drawn, but refused: {wrong:?}");
}

/// An invariant of every state: a job has a due time or an expiry, never both.
fn check_shape(job: &Job) {
    assert_eq!(job.status.due_at.is_some(), !job.state().is_terminal(), "{job:?}");
    assert_eq!(job.status.expires_at.is_some(), job.state().is_terminal(), "{job:?}");
}

#[test]
fn only_a_claim_adds_an_attempt() {
    let policy = Policy::default();
    let running = in_state(State::Running);
    assert_eq!(running.status.attempt, 1);
    let again = running.release(now(), &policy).unwrap().claim(now(), &policy, Uuid::nil()).unwrap();
    assert_eq!((again.status.attempt, again.status.failures), (2, 0));
}

#[test]
fn a_claim_waits_for_its_time_and_its_lease() {
    let policy = Policy::default();
    let retried = in_state(State::Running).retry(now(), &policy, 1.0, failure()).unwrap();
    let at = now().plus(policy.backoff_base);
    assert_eq!(retried.claim(now(), &policy, Uuid::nil()), Err(Refused::NotYet(at)));
    assert!(retried.claim(at, &policy, Uuid::nil()).is_ok());
    let leased = in_state(State::Running);
    let until = now().plus(policy.lease);
    assert_eq!(leased.claim(now(), &policy, Uuid::nil()), Err(Refused::Leased(until)));
    assert_eq!(leased.claim(until, &policy, Uuid::nil()), Err(Refused::LeaseExpired(until)));
    assert_eq!(leased.lose_lease(now(), &policy, 0.0), Err(Refused::Leased(until)));
}

#[test]
fn failures_and_lost_workers_have_separate_bounds() {
    let policy = Policy { max_failures: 2, max_lost_workers: 2, ..Policy::default() };
    let mut job = in_state(State::Running);
    job = job.retry(now(), &policy, 0.0, failure()).unwrap();
    let later = now().plus(policy.backoff_cap);
    job = job.claim(later, &policy, Uuid::nil()).unwrap();
    job = job.lose_lease(later.plus(policy.lease), &policy, 0.0).unwrap();
    assert_eq!((job.state(), job.status.failures, job.status.lost_workers), (State::Submitted, 1, 1));
    let later = later.plus(policy.lease + policy.backoff_cap);
    job = job.claim(later, &policy, Uuid::nil()).unwrap();
    assert_eq!(job.retry(later, &policy, 0.0, failure()).unwrap().state(), State::Failed);
    assert_eq!(job.lose_lease(later.plus(policy.lease), &policy, 0.0).unwrap().state(), State::Failed);
}

#[test]
fn a_start_time_from_a_clock_that_jumped_does_not_hold() {
    let policy = Policy::default();
    let future = now().plus(Duration::from_hours(24));
    let mut job = submitted();
    job.status.phase = pssp_jobs::job::Phase::Submitted { not_before: future, since: future };
    assert!(job.claim(now(), &policy, Uuid::nil()).is_ok());
}

#[test]
fn stored_forms_are_stable() {
    let job = in_state(State::Running);
    let json = serde_json::to_value(&job.status).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "state": "running",
            "lease": {"id": Uuid::nil(), "until": "2023-11-14T22:13:50.000Z"},
            "attempt": 1,
            "failures": 0,
            "deaths": 0,
            "started_at": "2023-11-14T22:13:20.000Z",
            "due_at": "2023-11-14T22:13:50.000Z",
        })
    );
    assert_eq!(serde_json::from_value::<pssp_jobs::Status>(json).unwrap(), job.status);
}
