//! What an archive has arrives whole.

use std::io::{Cursor, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use pssp_backend_sqlite::{Options, SqliteBackend};
use pssp_jobs::contract::upgrade;
use pssp_jobs::transfer::Kind;
use pssp_jobs::{Backend, State};
use pssp_moving::archive::{Position, Reader, Writer};
use pssp_moving::export::export;
use pssp_moving::import::{Counts, compare};

use crate::support::{Store, header, in_small_parts};

#[tokio::test]
async fn an_archive_fills_another_store_and_its_jobs_finish() {
    let archive = Store::filled().await.archive(1).await;
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(upgrade::clock());
    let path = directory.path().join("pssp.db");
    let sqlite = SqliteBackend::open(path, clock.clone(), Options::default()).unwrap();
    let store = Store::on(Backend::of(sqlite), clock);
    let imported = store.import(&archive).await;
    let all = |new| Counts { new, ..Counts::default() };
    assert_eq!((imported.number, &imported.counts[&Kind::Job]), (1, &all(10)));
    for kind in [Kind::Batch, Kind::Letter, Kind::Notice] {
        assert_eq!(imported.counts[&kind], all(1), "{kind:?}");
    }
    assert_eq!(imported.counts[&Kind::Key], all(2));
    upgrade::read_arrived(&store.jobs, &store.clock).await;
}

/// A second import changes nothing, and so does one of an archive that was made before. An archive of the store that has
/// taken another one is a later move.
#[tokio::test]
async fn an_archive_is_imported_once() {
    let archive = Store::filled().await.archive(4096).await;
    let store = Store::new();
    store.import(&archive).await;
    assert!(store.jobs.post(None).await.is_ok(), "the notice ends");
    let again = store.import(&archive).await;
    assert_eq!((again.sum(|counts| counts.new), again.sum(|counts| counts.failed)), (0, 0));
    assert_eq!(again.counts[&Kind::Job].before, 10);
    assert_eq!(again.counts[&Kind::Key].existing, 2);
    assert_eq!(store.jobs.notice().await.unwrap(), None, "it stays ended");

    let later = store.archive_as_move().await;
    let third = Store::new();
    assert_eq!(third.import(&later).await.number, 2);
}

impl Store {
    /// The archive with the number of the last move of the store, as `pssp export` writes it.
    async fn archive_as_move(&self) -> Vec<u8> {
        let last_move = self.backend().transfer.last_move().await.unwrap();
        let header = pssp_moving::archive::Header { last_move, ..header(&*self.clock) };
        let writer = Writer::begin(Vec::new(), &header).unwrap();
        export(self.backend(), &*self.clock, writer, None, |_| {}).await.unwrap().0
    }
}

#[tokio::test]
async fn what_has_expired_stays_behind() {
    let store = Store::filled().await;
    let before = store.archive(4096).await;
    store.clock.advance(store.jobs.policy().ttl);
    let end = Reader::open(Cursor::new(store.archive(4096).await)).unwrap().verify().unwrap().1;
    assert_eq!(end.totals.jobs.keys().copied().collect::<Vec<_>>(), [State::Submitted, State::Running]);
    assert_eq!((end.totals.letters, end.totals.keys), (0, 0));
    // An archive that lay for as long brings as much.
    let later = Store::new();
    later.clock.advance(later.jobs.policy().ttl);
    let imported = later.import(&before).await;
    let jobs = &imported.counts[&Kind::Job];
    assert_eq!((jobs.new, jobs.expired), (5, 5));
}

/// People read it with the tools that they have.
#[tokio::test]
async fn an_archive_is_a_gzip_file_of_json_lines() {
    let archive = Store::filled().await.archive(1).await;
    let mut text = String::new();
    MultiGzDecoder::new(&archive[..]).read_to_string(&mut text).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["archive"]["format"], 1);
    let jobs = lines.iter().filter_map(|line| line.get("job"));
    let finished: Vec<_> = jobs.filter(|job| job["status"]["state"] == "finished").collect();
    assert_eq!(finished.len(), 3);
    assert_eq!(finished[0]["request"]["sequence"], "MKX", "selenocysteine is taken as unknown");
    assert_eq!(finished[0]["result"], "dGhlIHJlc3VsdA==");
    let names: Vec<&str> =
        lines.iter().map(|line| line.as_object().unwrap().keys().next().unwrap().as_str()).collect();
    assert_eq!(names.last(), Some(&"chunk"));
    assert_eq!(names.iter().filter(|name| **name == "end").count(), 1);
    let first = |name: &str| names.iter().position(|found| *found == name).unwrap();
    assert!(
        first("job_key") < first("job") && first("batch_key") < first("job") && first("batch") < first("job")
    );
}

/// An export that is cut off anywhere goes on, and the archive is the same as without.
#[tokio::test]
async fn an_export_is_resumed_from_wherever_it_was_cut() {
    let store = Store::filled().await;
    let whole = store.archive(1).await;
    let backend = in_small_parts(store.backend());
    let mut resumed = 0;
    for cut in (0..whole.len()).step_by(37) {
        let position = position_of(&whole[..cut]);
        if position.chunks == 0 {
            continue;
        }
        let kept = usize::try_from(position.offset).unwrap();
        let from = position.next.clone();
        let writer = Writer::resume(whole[..kept].to_vec(), position).with_chunks_of(1);
        let (again, _) = export(&backend, &*store.clock, writer, from, |_| {}).await.unwrap();
        assert_eq!(again, whole, "cut at {cut}");
        resumed += 1;
    }
    assert!(resumed > 20, "{resumed}");
    let complete = position_of(&whole);
    assert_eq!((complete.next, complete.offset), (None, whole.len() as u64));
}

/// How far the archive is whole.
fn position_of(archive: &[u8]) -> Position {
    let Ok(mut reader) = Reader::open(Cursor::new(archive)) else { return Position::default() };
    while let Ok(Some(_)) = reader.chunk() {}
    reader.position().clone()
}

#[tokio::test]
async fn an_archive_is_compared_with_a_store() {
    let source = Store::filled().await;
    let archive = source.archive(4096).await;
    let compared = async |store: &Store| {
        let reader = Reader::open(Cursor::new(archive.clone())).unwrap();
        compare(store.backend(), &*store.clock, reader, |_| {}).await.unwrap()
    };
    let itself = compared(&source).await;
    assert_eq!((itself.same, itself.differ, itself.missing), (12, 0, 0));
    let store = Store::new();
    assert_eq!(compared(&store).await.missing, 12);
    store.import(&archive).await;
    let arrived = compared(&store).await;
    assert_eq!((arrived.same, arrived.differ, arrived.missing), (12, 0, 0), "{arrived:?}");
    let owner = pssp_jobs::Owner::new("contract");
    let state = Some(State::Submitted);
    let waiting = pssp_jobs::ListQuery { owner: owner.clone(), state, before: None, limit: 9 };
    let ids: Vec<_> = store.jobs.list(&waiting).await.unwrap().items.iter().map(pssp_jobs::Job::id).collect();
    store.jobs.cancel(&owner, ids[0]).await.unwrap();
    store.jobs.delete(&owner, ids[1]).await.unwrap();
    let moved_on = compared(&store).await;
    assert_eq!((moved_on.same, moved_on.differ, moved_on.missing), (10, 1, 1));
    assert_eq!(moved_on.examples, [format!("job/{}", ids[1])]);
}
