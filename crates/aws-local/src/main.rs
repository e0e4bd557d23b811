//! `pssp-aws-local`: runs both functions as Lambda would, on this machine, until Ctrl-C.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use pssp_aws_local::dynamodb;
use pssp_aws_local::gateway::GatewayKind;
use pssp_aws_local::local::{DEAD_LETTERS, LocalAws, Options, QUEUE, TABLE};
use tokio::signal::unix::{SignalKind, signal};

/// Runs both functions as Lambda would, on this machine, until Ctrl-C.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Program of the API function
    #[arg(long, default_value = "target/debug/pssp-api")]
    api: PathBuf,
    /// Program of the worker function
    #[arg(long, default_value = "target/debug/pssp-worker")]
    worker: PathBuf,
    /// Port of the front door on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 5000)]
    port: u16,
    /// Kind of the front door: http-api, rest, rest:<stage>, alb or function-url
    #[arg(long, default_value = "http-api")]
    front: GatewayKind,
    /// Interval of the scheduled event to the worker; 0s for none
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    schedule: Duration,
    /// Receives of a message before it becomes a dead letter
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_receive_count: u32,
    /// Timeout of the worker function; messages are hidden for six times as long
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    worker_timeout: Duration,
    /// Processes of each function at most
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(2..=1000))]
    concurrency: u16,
    /// File of the table; without one it is in memory
    #[arg(long)]
    database: Option<PathBuf>,
    /// The DynamoDB stand-in [default: target/tools/bin/dynoxide]
    #[arg(long, env = "PSSP_DYNOXIDE")]
    dynoxide: Option<PathBuf>,
    /// More variables of the functions, as NAME=value; can be repeated
    #[arg(long = "env", value_parser = variable)]
    variables: Vec<(String, String)>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Args {
    fn options(self) -> Options {
        Options {
            dynoxide: dynamodb::program(self.dynoxide),
            database: self.database,
            address: (IpAddr::from(Ipv4Addr::LOCALHOST), self.port).into(),
            front: self.front,
            schedule: Some(self.schedule).filter(|interval| !interval.is_zero()),
            max_receive_count: self.max_receive_count,
            worker_timeout: self.worker_timeout,
            concurrency: self.concurrency.into(),
            env: self.variables,
            ..Options::new(self.api, self.worker)
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let options = args.options();
    for program in [&options.api, &options.worker, &options.dynoxide] {
        anyhow::ensure!(
            program.exists(),
            "{} is not there; `make lambda` builds and starts all",
            program.display()
        );
    }
    let local = LocalAws::start(options).await?;
    writeln!(std::io::stdout(), "{}", describe(&local))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn describe(local: &LocalAws) -> String {
    format!(
        "service    {}\nqueue      {}\n           dead letters: {DEAD_LETTERS}\ntable      {TABLE} at {}\n\
         backend    PSSP_BACKEND='{}'\nBoth functions start with their first event. Ctrl-C ends everything.",
        local.url(),
        local.sqs().queue_url(QUEUE),
        local.dynamodb().endpoint(),
        local.backend(),
    )
}
