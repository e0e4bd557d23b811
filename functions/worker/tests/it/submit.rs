//! Jobs that events ask for.

use std::time::Duration;

use futures::future::join_all;
use pssp_jobs::intake::{Intake, IntakeError, Rules};
use pssp_jobs::notice::Level;
use pssp_jobs::service::{JobsError, Key, NewJob};
use pssp_jobs::{Disposition, Include, Job, JobId, ListQuery, Notice, Owner, State};
use pssp_predict::{Engine, Sequence};
use pssp_worker::{SubmitError, SubmitEvent, Worker, WorkerOptions};

use crate::support::{Bed, Fake, handle};

const MAX: usize = 50;

fn intake() -> Intake {
    Intake::new(Rules { max_residues: MAX, max_records: 1 })
}

fn data(sequence: &str) -> SubmitEvent {
    SubmitEvent { sequence: sequence.to_owned(), name: None, owner: None }
}

fn data_of(name: &str, owner: &str) -> SubmitEvent {
    SubmitEvent { name: Some(name.to_owned()), owner: Some(owner.to_owned()), ..data("ACDEFGHIKL") }
}

async fn submit(bed: &Bed, event: &str, data: SubmitEvent) -> Result<Job, SubmitError> {
    data.submit(&bed.jobs, event.to_owned(), &intake()).await
}

async fn jobs_of(bed: &Bed, owner: &str) -> Vec<JobId> {
    let query = ListQuery { owner: Owner::new(owner), before: None, limit: 100, state: None };
    bed.jobs.list(&query).await.unwrap().items.iter().map(|job| job.head.id).collect()
}

#[tokio::test]
async fn an_event_becomes_a_job_that_runs() {
    let bed = Bed::new(Fake::quick());
    let job = submit(&bed, "1", data_of("mine", "alice")).await.unwrap();
    assert_eq!((job.head.owner.as_str(), job.head.name.as_deref()), ("alice", Some("mine")));
    assert_eq!(jobs_of(&bed, "alice").await, [job.id()]);
    assert_eq!(bed.handle(job.id()).await, Disposition::Ack);
    let done = bed.job(job.id()).await;
    assert_eq!((done.state(), done.head.length), (State::Finished, 10));
}

#[tokio::test]
async fn an_event_names_neither_owner_nor_job_unless_it_wants_to() {
    let bed = Bed::new(Fake::quick());
    let fasta = submit(&bed, "1", data(">sp|P1 a protein\nACDEF\nGHIKL*")).await.unwrap();
    assert_eq!((fasta.head.owner.clone(), fasta.head.name.as_deref()), (Owner::public(), Some("sp|P1")));
    let stored = bed.jobs.find_with(&Owner::public(), fasta.id(), Include::REQUEST).await.unwrap();
    assert_eq!(stored.request.unwrap().sequence.to_string(), "ACDEFGHIKL");
    let named = SubmitEvent { name: Some("mine".to_owned()), ..data(">P2\nACDEFGHIKL") };
    assert_eq!(submit(&bed, "2", named).await.unwrap().head.name.as_deref(), Some("mine"));
    let nobody = SubmitEvent { owner: Some(String::new()), ..data("ACDEFGHIKL") };
    let job = submit(&bed, "3", nobody).await.unwrap();
    assert_eq!((job.head.owner, job.head.name), (Owner::public(), None));
}

#[tokio::test]
async fn what_is_no_protein_or_too_long_is_refused_and_takes_no_id() {
    let bed = Bed::new(Fake::quick());
    let long = "K".repeat(MAX + 1);
    for (bad, told) in [
        ("ACD1EF", "the number 1 inside the sequence"),
        ("", "no sequence"),
        (">a\nACDEF\n>b\nACDEF", "one"),
        (&long, "50"),
    ] {
        let refusal = submit(&bed, "1", data(bad)).await.unwrap_err();
        assert!(matches!(&refusal, SubmitError::Refused(IntakeError::Input(_))), "{bad:?}: {refusal}");
        assert!(refusal.to_string().contains(told), "{bad:?}: {refusal}");
    }
    assert!(jobs_of(&bed, "public").await.is_empty());
    submit(&bed, "1", data(&"K".repeat(MAX))).await.unwrap();
}

#[tokio::test]
async fn a_name_is_checked_before_anything_is_made() {
    let bed = Bed::new(Fake::quick());
    let long = submit(&bed, "1", data_of(&"x".repeat(100_000), "alice")).await;
    assert!(matches!(long, Err(SubmitError::Refused(IntakeError::Name(_)))), "{long:?}");
    assert!(jobs_of(&bed, "alice").await.is_empty());
    let job = submit(&bed, "1", data_of(" two\nlines ", "alice")).await.unwrap();
    assert_eq!(job.head.name.as_deref(), Some("two lines"));
}

#[tokio::test]
async fn a_paused_intake_takes_no_events_until_it_goes_on() {
    let bed = Bed::new(Fake::quick());
    let until = Some(bed.jobs.now().plus(Duration::from_secs(60)));
    let text = "moving house".to_owned();
    let notice = Notice { text, level: Level::Warning, from: None, until, pause_intake: true };
    bed.jobs.post(Some(&notice)).await.unwrap();
    let refusal = submit(&bed, "1", data("ACDEFGHIKL")).await.unwrap_err();
    assert!(matches!(&refusal, SubmitError::Paused(paused) if paused.text == "moving house"), "{refusal}");
    assert!(jobs_of(&bed, "public").await.is_empty());
    bed.clock.advance(Duration::from_secs(61));
    submit(&bed, "1", data("ACDEFGHIKL")).await.unwrap();
}

#[tokio::test]
async fn the_same_event_again_makes_no_second_job() {
    let bed = Bed::new(Fake::quick());
    let again = (0..8).map(|_| submit(&bed, "1", data_of("mine", "alice")));
    let ids: Vec<JobId> = join_all(again).await.into_iter().map(|job| job.unwrap().id()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(bed.handle(ids[0]).await, Disposition::Ack);
    let late = submit(&bed, "1", data_of("mine", "alice")).await.unwrap();
    assert_eq!((late.id(), late.state()), (ids[0], State::Finished));
    assert_eq!(jobs_of(&bed, "alice").await, [ids[0]]);
    let other = submit(&bed, "2", data_of("mine", "alice")).await.unwrap();
    assert_ne!(other.id(), ids[0], "another event that asks for the same is another job");
}

#[tokio::test]
async fn another_request_under_the_same_id_is_refused() {
    let bed = Bed::new(Fake::quick());
    let job = submit(&bed, "shop 7", data_of("mine", "alice")).await.unwrap();
    let sequence = SubmitEvent { sequence: "MKTAYIAKQR".to_owned(), ..data_of("mine", "alice") };
    let unnamed = SubmitEvent { name: None, ..data_of("mine", "alice") };
    for other in
        [sequence, unnamed, data_of("yours", "alice"), data_of("mine", "bob"), data_of("", "minealice")]
    {
        let refusal = submit(&bed, "shop 7", other.clone()).await.unwrap_err();
        assert!(matches!(&refusal, SubmitError::Reused(id) if id == "shop 7"), "{other:?}: {refusal}");
        assert!(refusal.to_string().contains("\"shop 7\" came before"), "{refusal}");
    }
    assert_eq!(jobs_of(&bed, "alice").await, [job.id()]);
    assert!(jobs_of(&bed, "bob").await.is_empty());
}

#[tokio::test]
async fn ids_of_events_and_keys_of_callers_do_not_meet() {
    let bed = Bed::new(Fake::quick());
    let key = Key { key: "shop 7".to_owned(), digest: [1; 32] };
    let new = NewJob::from("ACDEFGHIKL".parse::<Sequence>().unwrap());
    let called = bed.jobs.submit(&Owner::public(), new, Duration::ZERO, Some(key)).await.unwrap().value;
    let submitted = submit(&bed, "shop 7", data("ACDEFGHIKL")).await.unwrap();
    assert_ne!(called.id(), submitted.id());
}

#[tokio::test]
async fn an_event_whose_job_was_deleted_does_not_bring_it_back() {
    let bed = Bed::new(Fake::quick());
    let job = submit(&bed, "1", data("ACDEFGHIKL")).await.unwrap();
    assert!(bed.jobs.delete(&Owner::public(), job.id()).await.unwrap());
    let refusal = submit(&bed, "1", data("ACDEFGHIKL")).await.unwrap_err();
    assert!(matches!(refusal, SubmitError::Jobs(JobsError::NotFound)), "{refusal}");
    assert!(jobs_of(&bed, "public").await.is_empty());
}

#[tokio::test]
async fn an_event_that_was_answered_before_is_answered_at_once() {
    let bed = Bed::new(Fake::quick());
    let jobs = bed.jobs.reusing(Some(bed.engine.method().clone()));
    let options = WorkerOptions { threads: 1 };
    let worker = Worker::new(jobs.clone(), bed.engine.clone(), options, bed.release.clone());
    let intake = intake();
    let ask = |event: &str| data("acdefghikl").submit(&jobs, event.to_owned(), &intake);
    let first = ask("1").await.unwrap();
    assert_eq!(handle(&worker, first.id()).await, Disposition::Ack);
    let again = ask("2").await.unwrap();
    assert!(again.id() != first.id() && again.status.reused && again.state() == State::Finished);
    assert_eq!(ask("2").await.unwrap().id(), again.id(), "the event came twice");
    assert_eq!(jobs.result(again.id()).await.unwrap(), jobs.result(first.id()).await.unwrap());
    assert_eq!(bed.engine.calls(), 1);
}
