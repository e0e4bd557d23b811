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
use std::time::{Duration, Instant};

use pssp_jobs::contract::load::{Workers, drain, idle, own_cpu, rate, submit};
use pssp_jobs::{Backend, Jobs, Policy, SystemClock};
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
