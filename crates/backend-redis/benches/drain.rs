//! Measures how fast a backlog of jobs without computation is drained (receive, claim, finish and acknowledge
//! through `pssp_jobs::Jobs`), and the cost of a job for the server: commands, bytes and processor time.
//!
//! Also measures how much memory and log a stored job needs.
//!
//! `cargo bench -p pssp-backend-redis --bench drain [-- <jobs> <receivers> <slots> <residues> <bytes of a
//! result>]`. It starts a Redis of its own for each setting of the append-only file. The server shares the
//! processor cores with this process.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints what it finds, and stops where it cannot go on"
)]

#[path = "../tests/it/server.rs"]
#[allow(dead_code)]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use pssp_jobs::service::{Claim, NewJob};
use pssp_jobs::{Backend, Delivery, Jobs, Message, Owner, Policy, SystemClock};
use server::Server;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let jobs: usize = numbers.next().unwrap_or(100_000);
    let workers = Workers { receivers: numbers.next().unwrap_or(4), slots: numbers.next().unwrap_or(256) };
    let size = Size { residues: numbers.next().unwrap_or(22), result: numbers.next().unwrap_or(64) };
    println!("drain of {jobs} jobs, {} receivers of {} slots", workers.receivers, workers.slots);
    for fsync in ["everysec", "always"] {
        measure(fsync, jobs, workers, size).await;
    }
}

#[derive(Clone, Copy)]
struct Workers {
    receivers: usize,
    /// Number of jobs that each receiver works on at once.
    slots: usize,
}

/// The size of a job, in residues and bytes.
#[derive(Clone, Copy)]
struct Size {
    residues: usize,
    result: usize,
}

async fn measure(fsync: &str, count: usize, workers: Workers, size: Size) {
    // A third process would rewrite the log. On two cores that would change the measurement.
    let server = Server::start(fsync, &["--auto-aof-rewrite-min-size", "16gb"]);
    let backend = server::open(&server.url("bench")).await;
    let jobs = Jobs::new(Backend::of(backend), Arc::new(SystemClock), Policy::default()).unwrap();

    let per_job = |total: f64| total / count as f64;
    let (empty, began) = (field(&server, "memory", "used_memory"), Instant::now());
    submit(&jobs, count, size.residues).await;
    println!("\nappendfsync {fsync}\n  submitted  {:>8.0} jobs/s in batches of 1000", rate(count, began));
    let waiting = field(&server, "memory", "used_memory") - empty;

    server.cli(&["CONFIG", "RESETSTAT"]);
    let (cpu, log, ours) = (cpu(&server), field(&server, "persistence", "aof_current_size"), own_cpu());
    let began = Instant::now();
    drain(&jobs, count, workers, size.result).await;
    println!("  drained    {:>8.0} jobs/s", rate(count, began));
    println!("  redis cpu  {:>8.1} µs a job", per_job((self::cpu(&server) - cpu) * 1e6));
    println!("  client cpu {:>8.1} µs a job", per_job((own_cpu() - ours) * 1e6));
    println!("  commands   {:>8.2} a job sent by us", per_job(sent(&server)));
    println!(
        "  in, out    {:>8.0} and {:.0} bytes a job",
        per_job(field(&server, "stats", "total_net_input_bytes")),
        per_job(field(&server, "stats", "total_net_output_bytes"))
    );
    println!(
        "  log        {:>8.0} bytes a job",
        per_job(field(&server, "persistence", "aof_current_size") - log)
    );
    let kept = field(&server, "memory", "used_memory") - empty;
    println!(
        "  memory     {:>8.0} bytes a job that waits, {:.0} one that is kept",
        per_job(waiting),
        per_job(kept)
    );
    println!("  compacted  {:>8.0} bytes a kept job in the log", per_job(compacted(&server)));
    println!(
        "  idle: submit to finished, seen by a waiter: {:.1} ms in the middle of 200",
        idle(&jobs).await
    );
    println!("  calls a job, those inside scripts too:");
    for line in server.cli(&["INFO", "commandstats"]).lines().skip(1) {
        let (name, rest) = line.trim().split_once(':').unwrap_or((line, ""));
        let calls: f64 = value(rest, "calls=");
        let usec: f64 = value(rest, "usec=");
        if calls > 0.001 * count as f64 {
            println!("    {:<18} {:>6.3} calls {:>6.2} µs", &name[8..], per_job(calls), per_job(usec));
        }
    }
}

/// Bytes of the log after a rewrite, which removes outdated entries.
fn compacted(server: &Server) -> f64 {
    server.cli(&["BGREWRITEAOF"]);
    let runs = |name: &str| field(server, "persistence", name) > 0.0;
    while runs("aof_rewrite_in_progress") || runs("aof_rewrite_scheduled") {
        std::thread::sleep(Duration::from_millis(50));
    }
    field(server, "persistence", "aof_current_size")
}

fn rate(count: usize, began: Instant) -> f64 {
    count as f64 / began.elapsed().as_secs_f64()
}

fn new_job(residues: usize) -> NewJob {
    let input: String = "MKTAYIAKQRQISFVKSHFSRQ".chars().cycle().take(residues).collect();
    NewJob::from(input.parse::<pssp_predict::Sequence>().unwrap())
}

async fn submit(jobs: &Jobs, count: usize, residues: usize) {
    let new = new_job(residues);
    let mut left = count;
    while left > 0 {
        let now = left.min(1000);
        let records = (0..now).map(|_| new.clone());
        jobs.submit_batch(&Owner::public(), records.collect::<Vec<_>>(), None).await.unwrap();
        left -= now;
    }
}

async fn drain(jobs: &Jobs, count: usize, workers: Workers, result: usize) {
    let done = Arc::new(AtomicUsize::new(0));
    let receivers = (0..workers.receivers).map(|_| {
        let (jobs, done) = (jobs.clone(), done.clone());
        tokio::spawn(async move {
            let receiver = jobs.receiver().unwrap();
            while done.load(Ordering::Relaxed) < count {
                let wait = Duration::from_millis(100);
                let deliveries = receiver.receive(workers.slots, wait, Duration::from_mins(1)).await.unwrap();
                let work = deliveries.into_iter().map(|delivery| work(&jobs, delivery, result));
                done.fetch_add(join_all(work).await.len(), Ordering::Relaxed);
            }
        })
    });
    for receiver in join_all(receivers).await {
        receiver.unwrap();
    }
}

async fn work(jobs: &Jobs, delivery: Delivery, result: usize) {
    let message = Message::decode(&delivery.body).unwrap();
    let Claim::Claimed(job) = jobs.claim_delivered(message, delivery.record).await.unwrap() else {
        panic!("{} is not free", message.job);
    };
    jobs.finish(&job, vec![b'r'; result].into()).await.unwrap();
}

/// Milliseconds from a submission on an idle service until a waiting caller sees the finished job.
async fn idle(jobs: &Jobs) -> f64 {
    let worker = tokio::spawn({
        let jobs = jobs.clone();
        async move {
            let receiver = jobs.receiver().unwrap();
            loop {
                let wait = Duration::from_secs(20);
                for delivery in receiver.receive(1, wait, Duration::from_mins(1)).await.unwrap() {
                    work(&jobs, delivery, 64).await;
                }
            }
        }
    });
    let mut times = Vec::new();
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let new = new_job(22);
        let began = Instant::now();
        let job = jobs.submit(&Owner::public(), new, Duration::ZERO, None).await.unwrap().value;
        jobs.wait(&Owner::public(), job.id(), Duration::from_mins(1)).await.unwrap();
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    worker.abort();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn field(server: &Server, section: &str, name: &str) -> f64 {
    value(&server.cli(&["INFO", section]), &format!("{name}:"))
}

fn cpu(server: &Server) -> f64 {
    field(server, "cpu", "used_cpu_user") + field(server, "cpu", "used_cpu_sys")
}

/// Number of commands that clients sent, without those that scripts call.
fn sent(server: &Server) -> f64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let ours = ["evalsha", "hmget", "blpop"];
    let count = |name: &str| value(&stats, &format!("cmdstat_{name}:calls="));
    // Reads of records are the only HMGET commands with one key outside scripts; ack and receive have one each.
    ours.iter().map(|name| count(name)).sum()
}

fn value(text: &str, name: &str) -> f64 {
    let digits = |rest: &str| rest.split([',', '\r', '\n', ' ']).next().and_then(|n| n.parse().ok());
    text.split_once(name).and_then(|(_, rest)| digits(rest)).unwrap_or(0.0)
}

/// Seconds of processor time of this process, from `/proc` (0 where it does not exist).
fn own_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |n: usize| after.split_whitespace().nth(n).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
