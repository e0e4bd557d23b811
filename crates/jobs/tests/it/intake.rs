//! Intake: the same rules on every way in, and digests that stay the same.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pssp_jobs::intake::{Draft, Intake, IntakeError, Listed, ParsedBatch, Paused, Records, Rules};
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::notice::Level;
use pssp_jobs::{Backend, Jobs, ManualClock, Notice, Policy, Timestamp};
use pssp_predict::sequence::ErrorCode;

const RULES: Rules = Rules { max_residues: 50, max_records: 3 };

fn draft(name: Option<&str>, input: &str) -> Draft {
    Draft { name: name.map(str::to_owned), input: input.as_bytes().to_vec(), force: false }
}

fn record(name: Option<&str>, sequence: &str) -> Listed {
    Listed::Record { name: name.map(str::to_owned), sequence: sequence.to_owned() }
}

fn batch(parts: &[&str]) -> Result<ParsedBatch, IntakeError> {
    RULES.batch(parts.iter().map(|part| Bytes::copy_from_slice(part.as_bytes())).collect(), false)
}

fn list(entries: Vec<Listed>) -> Result<ParsedBatch, IntakeError> {
    RULES.list(entries, false)
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Idempotency keys live through an upgrade with their digests. These were computed by another program.
#[test]
fn digests_stay_the_same() {
    let job = |draft| hex(RULES.job(draft).unwrap().digest);
    assert_eq!(
        job(draft(Some("a"), ">b\nMKVLT\n")),
        "5e186c1fad82c05d3ccb3cd7c7fc301a87c681250f55d283f36b153eb932ffa6"
    );
    assert_eq!(job(draft(None, "MKVLT")), "6291325586aeb6ec4e7c8724f07d2dba83a29af244d52295e1a73151d7531284");
    assert_eq!(
        job(Draft { force: true, ..draft(None, "MKVLT") }),
        "0a1be4d1ba13d817e397abf4a1fe14b45571b8e2e5287be8260bb2270937645d"
    );
    let listed = RULES.list(vec![record(Some("a"), "MKVLT"), record(None, "AYG?")], true).unwrap();
    assert_eq!(hex(listed.digest), "93058731dd0b5bb2a806950e8b267838dc43b21875476693e7e5faa6e1a6bdba");
    let fasta = batch(&[">a x\r\nMKV\r\nLT\n>\nAYGKL"]).unwrap();
    assert_eq!(hex(fasta.digest), "79aabf509ec47a59d934be1d939382a7184000f411568f9c63d93487e0f7fde0");
}

#[test]
fn a_name_is_that_of_the_caller_or_of_the_header() {
    let name = |draft| RULES.job(draft).unwrap().job.name;
    assert_eq!(name(draft(Some(" a\nb "), ">c\nMKVLT")).as_deref(), Some("a b"));
    assert_eq!(name(draft(Some(" \n"), ">c d\nMKVLT")).as_deref(), Some("c"));
    assert_eq!(name(draft(None, "MKVLT")), None);
    let long = "x".repeat(1001);
    let refused = RULES.job(draft(Some(&long), "MKVLT")).unwrap_err();
    assert!(
        matches!(&refused, IntakeError::Name(error) if error.code == ErrorCode::NameTooLong),
        "{refused}"
    );
    let mut batch = list(vec![record(Some(&long), "MKVLT")]).unwrap();
    assert_eq!(batch.jobs.next().unwrap().name.unwrap().len(), 1000, "cut, not refused");
}

/// The outline and the jobs come from two readings, which must agree.
#[test]
fn a_batch_is_read_a_second_time_for_its_jobs() {
    let fasta = batch(&[">a\nMKVLT\n>b\nMK?\n", ">a\nAYGKL\n"]).unwrap();
    let entries = vec![record(Some("a"), "MKVLT"), record(Some("b"), "MK?"), record(Some("a"), "AYGKL")];
    for parsed in [fasta, list(entries).unwrap()] {
        let lengths: Vec<Option<usize>> =
            parsed.outline.iter().map(|record| record.as_ref().ok().copied()).collect();
        assert_eq!(lengths, [Some(5), None, Some(5)]);
        let jobs: Vec<_> = parsed.jobs.collect();
        let texts: Vec<String> = jobs.iter().map(|job| job.request.sequence.to_string()).collect();
        assert_eq!(texts, ["MKVLT", "AYGKL"]);
        assert_eq!(jobs[1].warnings.len(), 1, "the name a came before, also in the second reading");
    }
}

#[test]
fn limits_are_errors_with_a_place() {
    let refused = RULES.job(draft(None, &"M".repeat(51))).unwrap_err();
    assert!(
        matches!(&refused, IntakeError::Input(errors) if errors.first().code == ErrorCode::TooLong),
        "{refused}"
    );
    let four = ">a\nMKVLT\n".repeat(4);
    for (refused, place) in [
        (batch(&[&four]), (Some(4), Some(7))),
        (batch(&[&four[..18], &four[..18]]), (Some(4), Some(3))),
        (list(vec![record(None, "MKVLT"); 4]), (Some(4), None)),
    ] {
        let Err(IntakeError::TooManyRecords { max: 3, first }) = refused else { panic!("{refused:?}") };
        assert_eq!((first.record, first.line), place);
    }
    assert_eq!(batch(&[" \n", ""]).unwrap_err(), IntakeError::Empty);
    assert_eq!(batch(&[]).unwrap_err(), IntakeError::Empty);
    assert_eq!(list(vec![]).unwrap_err(), IntakeError::Empty);
    let refused = batch(&[">a\nMK?\n>b\n\n"]).unwrap_err();
    let IntakeError::NoneUsable { records: 2, errors } = refused else { panic!("{refused:?}") };
    let codes: Vec<ErrorCode> = errors.iter().map(|error| error.code).collect();
    assert_eq!(codes, [ErrorCode::InvalidCharacter, ErrorCode::EmptySequence]);
}

/// One sequence, a batch of one, a list of one, and the reader of the command line.
#[test]
fn the_same_text_is_accepted_and_refused_alike_on_every_way_in() {
    for text in [
        "MKVLT",
        "mkv lt*\n",
        ">a b\nMKVLT",
        "\u{feff}>a\r\nMKV-LT\r\n",
        "1 mkvlt\n6 aygkl",
        "MK?LT",
        "MK*LT",
        ">a\nMK?LT\n",
        ">a\n\n",
        "ACGTACGTACGTACGTACGTACGTACGTACGT",
    ] {
        let told = |name: Option<String>, cleaned: Result<String, ErrorCode>| (name, cleaned);
        let single = match RULES.job(draft(None, text)) {
            Ok(parsed) => told(parsed.job.name, Ok(parsed.job.request.sequence.to_string())),
            Err(IntakeError::Input(errors)) => told(None, Err(errors.first().code)),
            Err(other) => panic!("{other:?}"),
        };
        let of_batch = |batch: Result<ParsedBatch, IntakeError>| match batch {
            Ok(mut batch) => {
                assert_eq!(batch.outline.len(), 1);
                let job = batch.jobs.next().unwrap();
                told(job.name, Ok(job.request.sequence.to_string()))
            }
            Err(IntakeError::NoneUsable { errors, .. }) => told(None, Err(errors[0].code)),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(of_batch(batch(&[text])), single, "{text:?} as a batch");
        assert_eq!(of_batch(list(vec![record(None, text)])), single, "{text:?} in a list");
        let mut records = Records::new(text.as_bytes(), &RULES);
        let read = records.next().unwrap().unwrap();
        let cleaned = read.clean(&RULES, false);
        let name = cleaned.is_ok().then(|| read.record.id().map(str::to_owned)).flatten();
        let cleaned = cleaned.map(|c| c.sequence.to_string()).map_err(|errors| errors.first().code);
        assert_eq!(told(name, cleaned), single, "{text:?} from a file");
        assert!(records.next().is_none());
    }
}

#[tokio::test]
async fn a_paused_intake_admits_nothing_until_it_goes_on() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    let backend = Backend::of(Arc::new(MemoryBackend::new(clock.clone())));
    let jobs = Jobs::new(backend, clock.clone(), Policy::default()).unwrap();
    let intake = Intake::new(RULES);
    assert_eq!(intake.admit(&jobs).await, Ok(()));
    let until = Some(jobs.now().plus(Duration::from_secs(60)));
    let text = "moving house".to_owned();
    let notice = Notice { text: text.clone(), level: Level::Warning, from: None, until, pause_intake: true };
    intake.notices.post(&jobs, Some(&notice)).await.unwrap();
    let left = Some(Duration::from_secs(60));
    assert_eq!(intake.admit(&jobs).await, Err(Paused { text, left }));
    clock.advance(Duration::from_secs(60));
    assert_eq!(intake.admit(&jobs).await, Ok(()));
}
