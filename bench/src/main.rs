//! `pssp-load`: measures how many jobs a service accepts and finishes in a second, and how long callers wait.
//!
//! It only sends requests to a server on this machine. It starts a server with a temporary store, or uses one
//! that runs already.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is its result")]

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::json;

mod load;
mod server;

use load::{Measured, Plan};
use server::Server;

/// Measures a pssp service under load
#[derive(Debug, Parser)]
#[command(name = "pssp-load", version)]
struct Args {
    /// The `pssp` to start for this
    #[arg(long, default_value = "target/release/pssp", value_name = "FILE", conflicts_with = "url")]
    server: PathBuf,
    /// A service that runs already, on this machine
    #[arg(long)]
    url: Option<String>,
    /// Where the started server keeps its jobs; a temporary SQLite file unless told
    #[arg(long, conflicts_with = "url")]
    backend: Option<String>,
    /// Clients that submit at the same time, each on its own connection
    #[arg(short, long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    clients: u16,
    /// Jobs in all
    #[arg(short, long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    jobs: u32,
    /// Residues a job
    #[arg(short, long, default_value_t = 150, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    length: u16,
    /// The result as one line of JSON
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let server = match &args.url {
        Some(_) => None,
        None => Some(Server::start(&args.server, args.backend.as_deref())?),
    };
    let url = args.url.clone().or_else(|| server.as_ref().map(|s| s.url.clone())).context("no server")?;
    ensure!(is_loopback(&url), "{url} is not on this machine: load is for loopback addresses only");
    let plan =
        Plan { url, clients: args.clients.into(), jobs: args.jobs as usize, length: args.length.into() };
    let measured = load::run(&plan)?;
    if let Some(server) = server {
        server.stop()?;
    }
    show(&args, &measured);
    ensure!(measured.failed == 0, "{} of {} jobs did not finish", measured.failed, args.jobs);
    Ok(())
}

fn is_loopback(url: &str) -> bool {
    let host = url.trim_start_matches("http://").split(['/', ':']).next().unwrap_or_default();
    host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

fn show(args: &Args, measured: &Measured) {
    let ms = |d: std::time::Duration| (d.as_secs_f64() * 10_000.0).round() / 10.0;
    let (submit, total) = (&measured.submit, &measured.total);
    if args.json {
        let result = json!({
            "clients": args.clients, "jobs": args.jobs, "length": args.length,
            "submits_per_s": measured.submits_per_s.round(), "finished_per_s": measured.finished_per_s.round(),
            "submit_p50_ms": ms(submit.p50), "submit_p99_ms": ms(submit.p99),
            "finish_p50_ms": ms(total.p50), "finish_p99_ms": ms(total.p99),
        });
        println!("{result}");
        return;
    }
    println!("{} jobs of {} residues from {} clients", args.jobs, args.length, args.clients);
    println!("  submitted            {:>9.0} /s", measured.submits_per_s);
    println!("  finished             {:>9.0} /s", measured.finished_per_s);
    println!("  submit               p50 {:>8.1} ms   p99 {:>8.1} ms", ms(submit.p50), ms(submit.p99));
    println!("  submitted to finished p50 {:>7.1} ms   p99 {:>8.1} ms", ms(total.p50), ms(total.p99));
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn load_is_only_sent_to_this_machine() {
        assert!(is_loopback("http://127.0.0.1:5000") && is_loopback("http://localhost:5000/"));
        assert!(!is_loopback("http://example.org") && !is_loopback("http://10.0.0.1:5000"));
    }
}
