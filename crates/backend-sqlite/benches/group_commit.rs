//! Measures the gain of group commit: durable submissions per second from 64 clients, with group commit and
//! with one commit for each job, in alternating rounds on the same disk. `cargo bench -p pssp-backend-sqlite`.
//!
//! The file is in the temporary directory: set `TMPDIR` to a directory of the disk to be measured. (A file
//! system in memory has no flush and shows no difference.)

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pssp_backend_sqlite::{Options, SqliteBackend};
use pssp_jobs::service::NewJob;
use pssp_jobs::{Backend, Jobs, Owner, Policy, SystemClock};
use pssp_predict::Sequence;

const CLIENTS: usize = 64;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(3);

#[allow(clippy::print_stdout, reason = "this is a program that reports")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let directory = tempfile::tempdir()?;
    let flush = flush_time(directory.path())?;
    println!("flush of 4 KiB: {:.0} us", flush.as_secs_f64() * 1e6);
    let (mut single, mut grouped) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for (max_group, rates) in [(1, &mut single), (Options::default().max_group, &mut grouped)] {
            let file = directory.path().join(format!("{round}-{max_group}.db"));
            let rate = runtime.block_on(measure(&file, max_group))?;
            println!("round {round}, groups of up to {max_group}: {rate:.0} submits/s");
            rates.push(rate);
        }
    }
    let (single, grouped) = (median(single), median(grouped));
    println!(
        "{CLIENTS} clients: {single:.0}/s -> {grouped:.0}/s with group commit, {:.1} times",
        grouped / single
    );
    Ok(())
}

async fn measure(file: &Path, max_group: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let clock = Arc::new(SystemClock);
    let options = Options { max_group, ..Options::default() };
    let sqlite = SqliteBackend::open(file, clock.clone(), options)?;
    let jobs = Jobs::new(Backend::of(sqlite), clock, Policy::default())?;
    let done = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (jobs, done) = (jobs.clone(), done.clone());
            tokio::spawn(async move {
                let owner = Owner::public();
                while began.elapsed() < ROUND {
                    jobs.submit(&owner, new_job(), Duration::ZERO, None).await.map_err(|e| e.to_string())?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), String>(())
            })
        })
        .collect();
    for client in clients {
        client.await??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// A protein of typical length.
fn new_job() -> NewJob {
    let input: String = "ACDEFGHIKLMNPQRSTVWY".chars().cycle().take(300).collect();
    let sequence: Sequence = input.parse().unwrap_or_else(|_| unreachable!("twenty good residues"));
    NewJob::from(sequence)
}

/// Median time to write and flush one page: the cost of a commit on this disk.
fn flush_time(directory: &Path) -> std::io::Result<Duration> {
    use std::io::Write;
    let mut file = std::fs::File::create(directory.join("flush"))?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
