//! Archives of earlier releases are read by this one. This is the one place that must not be changed to make a test pass.

use std::io::Cursor;

use pssp_jobs::contract::upgrade;
use pssp_moving::archive::Reader;

use crate::support::Store;

/// One file for each change of what is written. `contract::upgrade::write` filled the store. To add one, run the
/// test below with `PSSP_WRITE_FIXTURE` set to the path of the new file.
const ARCHIVES: &[(&str, &[u8])] = &[("format 1", include_bytes!("../fixtures/format-1.pssp.gz"))];

#[tokio::test]
async fn archives_of_every_release_are_read_and_completed() {
    for (what, archive) in ARCHIVES {
        let (header, end) = Reader::open(Cursor::new(archive)).unwrap().verify().unwrap();
        assert_eq!((header.format, end.totals.all_jobs()), (1, 10), "{what}");
        let store = Store::new();
        let imported = store.import(archive).await;
        assert_eq!(imported.failures, Vec::<String>::new(), "{what}");
        upgrade::read_arrived(&store.jobs, &store.clock).await;
    }
}

#[tokio::test]
async fn this_release_writes_archives_that_can_be_kept() {
    let archive = Store::filled().await.archive(2000).await;
    assert!(Reader::open(Cursor::new(&archive)).unwrap().verify().is_ok());
    if let Some(path) = std::env::var_os("PSSP_WRITE_FIXTURE") {
        std::fs::write(path, archive).unwrap();
    }
}
