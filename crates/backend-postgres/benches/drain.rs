//! Measures on a PostgreSQL of its own (with `synchronous_commit` and `fsync` on) how fast jobs are submitted one by
//! one by many callers, beside the inserts of `pgbench` with as many clients on the same server; how fast a backlog of
//! jobs without computation is drained; how long a job takes on an idle service; and the bytes of a kept job.
//!
//! `cargo bench -p pssp-backend-postgres --bench drain [-- <jobs> <clients> <receivers> <slots> <residues> <bytes of a
//! result>]`. With `PSSP_BENCH_PEER` it then runs that command on the same server (bench/graphile). The server shares the processor cores with this process.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints what it finds, and stops where it cannot go on"
)]

use std::sync::Arc;
use std::time::Instant;

use pssp_backend_postgres::{Options, PostgresBackend};
use pssp_jobs::contract::load::{Workers, drain, idle, own_cpu, rate, submit, submit_singly};
use pssp_jobs::{Backend, Jobs, Policy, SystemClock};
use pssp_local_postgres::Server;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let count: usize = numbers.next().unwrap_or(100_000);
    let clients = numbers.next().unwrap_or(64);
    let workers = Workers { receivers: numbers.next().unwrap_or(4), slots: numbers.next().unwrap_or(256) };
    let (residues, result) = (numbers.next().unwrap_or(22), numbers.next().unwrap_or(64));
    let server = Server::start(&[
        "fsync=on",
        "synchronous_commit=on",
        "shared_buffers=512MB",
        "max_wal_size=8GB",
        "autovacuum_naptime=5",
    ]);
    let url = server.url("bench");
    let backend = PostgresBackend::open(&url, Arc::new(SystemClock), Options::default());
    let jobs =
        Jobs::new(Backend::of(backend.await.unwrap()), Arc::new(SystemClock), Policy::default()).unwrap();

    // A row like that of a job, with the same first index, and nothing else.
    let _ = server.sql("CREATE TABLE plain (id uuid PRIMARY KEY, head text, status text, request text)");
    let row =
        "INSERT INTO plain VALUES (gen_random_uuid(), repeat('h', 200), repeat('s', 100), repeat('r', 100));";
    let plain = server.pgbench(row, clients, 10);
    println!("pgbench        {plain:>8.0} inserts/s, one a transaction, from {clients} clients");
    let began = Instant::now();
    submit_singly(&jobs, count, clients, residues).await;
    let singly = rate(count, began);
    println!(
        "submitted      {singly:>8.0} jobs/s one by one from {clients} callers: {:.2} of pgbench",
        singly / plain
    );

    let (began, ours) = (Instant::now(), own_cpu());
    drain(&jobs, count, workers, result).await;
    println!("drained        {:>8.0} jobs/s", rate(count, began));
    println!("client cpu     {:>8.1} µs a job", (own_cpu() - ours) * 1e6 / count as f64);
    let began = Instant::now();
    submit(&jobs, count, residues).await;
    println!("submitted      {:>8.0} jobs/s in batches of 1000", rate(count, began));
    let began = Instant::now();
    drain(&jobs, count, workers, result).await;
    println!("drained        {:>8.0} jobs/s", rate(count, began));
    println!("idle           {:>8.1} ms from submit to finished, seen by a waiter", idle(&jobs).await);

    let bytes = |of: &str| server.sql(&format!("SELECT {of}")).parse::<f64>().unwrap();
    let total = "sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'bench'::regnamespace AND relkind = 'r'";
    let kept = 2.0 * count as f64;
    println!("kept           {:>8.0} bytes a job as it is", bytes(total) / kept);
    let _ = server.sql("VACUUM FULL bench.jobs; VACUUM FULL bench.requests; VACUUM FULL bench.results; VACUUM FULL bench.queue");
    println!("kept           {:>8.0} bytes a job after VACUUM FULL", bytes(total) / kept);
    println!("queue          {:>8.0} bytes when it is empty", bytes("pg_total_relation_size('bench.queue')"));

    if let Ok(peer) = std::env::var("PSSP_BENCH_PEER") {
        let url = url.split('?').next().unwrap_or_default();
        let run = std::process::Command::new("sh")
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .args(["-c", &format!("{peer} {url} {count} {clients}")])
            .status();
        assert!(run.unwrap().success(), "{peer}");
    }
}
