//! An archive that was altered or cut is refused, with the place, and nothing of the damaged part arrives.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use pssp_jobs::{Entry, ListQuery, Owner};
use pssp_moving::archive::{ArchiveError, Reader};
use pssp_moving::export::MoveError;
use pssp_moving::import::import;

use crate::support::Store;

fn read(archive: &[u8]) -> Result<Vec<Entry>, ArchiveError> {
    let mut reader = Reader::open(Cursor::new(archive))?;
    let mut entries = Vec::new();
    while let Some(chunk) = reader.chunk()? {
        entries.extend(chunk.entries);
    }
    Ok(entries)
}

/// Where each chunk begins, and where the last one ends.
fn chunks(archive: &[u8]) -> Vec<usize> {
    let mut reader = Reader::open(Cursor::new(archive)).unwrap();
    let mut ends = vec![0, usize::try_from(reader.position().offset).unwrap()];
    while let Some(chunk) = reader.chunk().unwrap() {
        if chunk.number > 1 {
            ends.push(usize::try_from(reader.position().offset).unwrap());
        }
    }
    ends
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_cut_archive_is_refused_wherever_it_ends() {
    let archive = Store::filled().await.archive(2000).await;
    let starts = chunks(&archive);
    assert!(starts.len() > 4, "{starts:?}");
    for cut in 2..archive.len() {
        let whole = starts.iter().filter(|start| **start <= cut).count() - 1;
        match read(&archive[..cut]) {
            Err(ArchiveError::Truncated { chunks, offset }) => {
                assert_eq!((chunks, offset), (whole as u64, starts[whole] as u64), "cut at {cut}");
            }
            other => panic!("cut at {cut}: {:?}", other.map(|entries| entries.len())),
        }
    }
    assert!(read(&archive).is_ok());
    let text = read(&archive[..archive.len() - 1]).unwrap_err().to_string();
    assert!(text.contains("cut short") && text.contains("--resume"), "{text}");
}

/// Every byte is altered once. Only bytes that have no meaning (times and names in the headers of gzip) may be.
#[tokio::test]
async fn an_altered_archive_is_refused() {
    let archive = Store::filled().await.archive(2000).await;
    let entries = read(&archive).unwrap();
    let starts = chunks(&archive);
    let mut unnoticed = 0;
    for at in 0..archive.len() {
        let mut altered = archive.clone();
        altered[at] ^= 0x20;
        match read(&altered) {
            Ok(read) => {
                assert_eq!(read, entries, "byte {at}");
                unnoticed += 1;
            }
            Err(ArchiveError::Damaged { chunk, offset, .. }) => {
                let here = starts.iter().rposition(|start| *start <= at).unwrap();
                assert_eq!((chunk, offset), (here as u64 + 1, starts[here] as u64), "byte {at}");
            }
            Err(ArchiveError::Truncated { .. } | ArchiveError::Foreign(_)) => {}
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    assert!(unnoticed <= 8 * starts.len(), "{unnoticed} bytes may be altered unseen");
}

#[tokio::test]
async fn chunks_are_not_lost_doubled_or_exchanged() {
    let archive = Store::filled().await.archive(2000).await;
    let starts = chunks(&archive);
    let chunk = |n: usize| archive[starts[n]..starts[n + 1]].to_vec();
    let rest = |n: usize| archive[starts[n]..].to_vec();
    let refused = |parts: &[Vec<u8>], number: u64| match read(&parts.concat()) {
        Err(ArchiveError::Damaged { chunk, .. }) => assert_eq!(chunk, number),
        other => panic!("{:?}", other.map(|entries| entries.len())),
    };
    refused(&[chunk(0), rest(2)], 2);
    refused(&[chunk(0), chunk(1), rest(1)], 3);
    refused(&[chunk(0), chunk(2), chunk(1), rest(3)], 2);
    refused(&[archive.clone(), chunk(1)], starts.len() as u64);
    refused(&[archive.clone(), b"more".to_vec()], starts.len() as u64);
    // A chunk with the right number of another archive.
    let other = Store::filled().await.archive(2000).await;
    let others = chunks(&other);
    refused(&[chunk(0), other[others[1]..].to_vec()], 2);
}

#[tokio::test]
async fn other_files_are_refused() {
    let plain = b">a protein\nMKV\n".repeat(100);
    for (file, why) in [
        (&b""[..], "does not begin like a gzip file"),
        (&plain, "does not begin like a gzip file"),
        (&gzip(">a protein\nMKV\n"), "not the form of a chunk"),
        (&gzip("{\"a\":1}\n{\"b\":2}\n"), "not the form of a chunk"),
    ] {
        let text = read(file).unwrap_err().to_string();
        assert!(text.contains("no archive of pssp") && text.contains(why), "{text}");
    }
}

/// A later release may write other lines. The format is told before anything else is read.
#[tokio::test]
async fn an_archive_of_a_later_format_is_refused_with_the_release_that_reads_it() {
    use sha2::{Digest as _, Sha256};
    let first = "{\"archive\":{\"format\":2,\"program\":\"7.1.0\",\"new\":[]}}\n{\"new_kind\":1}\n";
    let digest = Sha256::digest([&[0_u8; 32][..], first.as_bytes()].concat());
    let digest = base16ct::lower::encode_string(&digest);
    let last = format!("{{\"chunk\":{{\"number\":1,\"lines\":2,\"sha256\":\"{digest}\",\"new\":1}}}}\n");
    let text = read(&gzip(&format!("{first}{last}"))).unwrap_err().to_string();
    assert!(text.contains("format 2") && text.contains("7.1.0 or a later release"), "{text}");
}

/// The chunks before the damage arrive, the damaged one and what follows does not. The whole archive brings the rest.
#[tokio::test]
async fn nothing_of_a_damaged_chunk_arrives() {
    let source = Store::filled().await;
    let archive = source.archive(2000).await;
    let starts = chunks(&archive);
    let mut altered = archive.clone();
    altered[starts[3] + 200] ^= 1;
    let expected = read(&archive[..]).unwrap().len();
    let before = {
        let mut reader = Reader::open(Cursor::new(&archive)).unwrap();
        let mut entries = 0;
        for _ in 0..3 {
            entries += reader.chunk().unwrap().unwrap().entries.len();
        }
        entries as u64
    };
    let store = Store::new();
    let reader = Reader::open(Cursor::new(&altered)).unwrap();
    let mut last = 0;
    let outcome = import(store.backend(), &*store.clock, store.jobs.policy(), reader, None, |imported| {
        last = imported.sum(|counts| counts.new);
    });
    let error = outcome.await.unwrap_err();
    assert!(matches!(error, MoveError::Archive(ArchiveError::Damaged { chunk: 4, .. })), "{error}");
    assert_eq!(last, before);
    let owner = Owner::new("contract");
    let all = ListQuery { owner, state: None, before: None, limit: 100 };
    assert!(store.jobs.list(&all).await.unwrap().items.len() < 10);
    let again = store.import(&archive).await;
    assert_eq!(again.sum(|counts| counts.new + counts.before + counts.existing), expected as u64);
    assert_eq!(store.jobs.list(&all).await.unwrap().items.len(), 10);
}
