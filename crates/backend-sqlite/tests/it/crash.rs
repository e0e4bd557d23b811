//! After a kill at any moment no acknowledged job is lost. A child process submits jobs and prints their ids.
//! The parent kills it and checks the file.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use pssp_backend_sqlite::{Options, SqliteBackend};
use pssp_jobs::{JobId, JobReceiver, JobStore, Message, SystemClock};

use crate::support::{child, child_file, jobs, new_job, owner};

#[test]
#[ignore = "plays the child of nothing_acknowledged_is_lost_when_killed"]
fn child_submits() {
    let Some(file) = child_file() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = Arc::new(SystemClock);
        let jobs = jobs(&SqliteBackend::open(file, clock.clone(), Options::default()).unwrap(), clock);
        let clients = (0..8).map(|client| {
            let jobs = jobs.clone();
            tokio::spawn(async move {
                loop {
                    // Large inputs need several pages; several small ones share a page.
                    let new = new_job(if client % 2 == 0 { 40 } else { 5000 });
                    let job = jobs.submit(&owner(), new, Duration::ZERO, None).await.unwrap().value;
                    // Each line is one write, so that a kill does not leave a torn line unnoticed.
                    std::io::stdout().lock().write_all(format!("job {}\n", job.id()).as_bytes()).unwrap();
                }
            })
        });
        join(clients.collect()).await;
    });
}

async fn join(tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_killed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pssp.db");
    let mut promised: HashSet<JobId> = HashSet::new();
    // The kill comes at another point each time, after this many more ids.
    for kill_after in [1, 2, 13, 57, 120, 301] {
        let (mut child, stdout) = child("crash::child_submits", &file);
        let mut lines = BufReader::new(stdout);
        let mut seen = 0;
        let mut line = String::new();
        while seen < kill_after {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the child ended on its own");
            if let Some(id) = acknowledged(&line) {
                promised.insert(id);
                seen += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The ids that the child printed before the kill and that are not read yet. The last line may be torn.
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        promised.extend(rest.split_inclusive('\n').filter_map(acknowledged));

        let sqlite = SqliteBackend::open(&file, Arc::new(SystemClock), Options::default()).unwrap();
        for id in &promised {
            assert!(sqlite.get(*id).await.unwrap().is_some(), "job {id} was acknowledged and is lost");
        }
    }
    assert!(promised.len() >= 494);

    let sqlite = SqliteBackend::open(&file, Arc::new(SystemClock), Options::default()).unwrap();
    let mut delivered = HashSet::new();
    loop {
        let deliveries = sqlite.receive(100, Duration::ZERO, Duration::from_secs(900)).await.unwrap();
        if deliveries.is_empty() {
            break;
        }
        delivered.extend(deliveries.iter().map(|d| Message::decode(&d.body).unwrap().job));
    }
    assert!(promised.is_subset(&delivered), "a job is there without its message");
}

fn acknowledged(line: &str) -> Option<JobId> {
    line.strip_prefix("job ")?.strip_suffix('\n')?.parse().ok()
}
