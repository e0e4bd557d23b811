//! `pssp export`: writes everything that a store keeps into an archive.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use pssp_jobs::{Backend, Clock as _, SystemClock};
use pssp_moving::Totals;
use pssp_moving::archive::{ArchiveError, End, FORMAT, Header, Position, Reader, Writer};
use pssp_moving::export::{MoveError, export};
use serde_json::json;

use super::serve::{self, BackendArg, runtime};
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Arguments of `pssp export`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The archive has the jobs of all callers with inputs and results, batches, idempotency keys, dead letters, the \
                  notice and the digests of keys of callers: keep it as safe as the store. It is a gzip file of JSON lines. \
                  The service may run meanwhile; every job is in it as it was when it was read. Exits with 1 if the store has \
                  records that cannot be read; they are named, and the rest is in the archive."
)]
pub(crate) struct Args {
    /// The store, as PSSP_BACKEND names it, which is taken if this is left out
    #[arg(value_name = "URL")]
    backend: Option<String>,
    /// Write to this file, which must be new, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Go on with the file of an export that was cut off
    #[arg(long, requires = "output")]
    resume: bool,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let settings = BackendArg::of(args.backend.clone()).settings()?;
    let home = settings.backend.to_string();
    let runtime = runtime()?;
    let end = runtime.block_on(async {
        let backend = serve::backend(&settings).await?;
        let last_move = backend.transfer.last_move().await;
        let last_move = last_move.map_err(|e| Failure::server(e.to_string()))?;
        let program = env!("CARGO_PKG_VERSION").to_owned();
        let header = Header { format: FORMAT, program, made_at: SystemClock.now(), home, last_move };
        match &args.output {
            None => to_stdout(&backend, &header, ui).await,
            Some(path) if args.resume => resume(&backend, path, &header, ui).await,
            Some(path) => to_new_file(&backend, path, &header, ui).await,
        }
    })?;
    tell(&end, args.output.as_deref(), ui)
}

/// Says what the archive has.
fn tell(end: &End, file: Option<&Path>, ui: Ui) -> Result<Exit, Failure> {
    for what in &end.damaged {
        ui.warn(format!("left out, since it cannot be read: {what}"));
    }
    match file {
        Some(_) if ui.json => ui.json(&json!({ "totals": end.totals, "damaged": end.damaged }))?,
        Some(path) => ui.note(format!("{} in {}", end.totals, path.display())),
        None => ui.note(&end.totals),
    }
    Ok(if end.damaged.is_empty() { Exit::Ok } else { Exit::JobFailed })
}

async fn to_stdout(backend: &Backend, header: &Header, ui: Ui) -> Result<End, Failure> {
    if io::stdout().is_terminal() {
        return Err(Failure::usage(
            "an archive is no text for a terminal",
            "name a file with -o, or redirect the output",
        ));
    }
    let output = BufWriter::new(io::stdout());
    let archive = Writer::begin(output, header).map_err(|e| writing("to stdout", e))?;
    Ok(write(backend, archive, None, "to stdout", ui).await?.1)
}

async fn to_new_file(backend: &Backend, path: &Path, header: &Header, ui: Ui) -> Result<End, Failure> {
    let file = create(path)?;
    let name = path.display().to_string();
    let archive = Writer::begin(BufWriter::new(file), header).map_err(|e| writing(&name, e))?;
    let (output, end) = write(backend, archive, None, &name, ui).await?;
    sync(output, &name)?;
    Ok(end)
}

/// A new file that only its owner can read.
fn create(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AlreadyExists => "choose another name, or go on with it by --resume",
            _ => "choose another file for -o",
        };
        Failure::usage(format!("cannot write {}: {error}", path.display()), hint)
    })
}

async fn resume(backend: &Backend, path: &Path, header: &Header, ui: Ui) -> Result<End, Failure> {
    let name = path.display().to_string();
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let mut file = opened
        .map_err(|e| Failure::usage(format!("cannot open {name}: {e}"), "name the file to go on with"))?;
    let (found, position) =
        whole_part(&file, &name)?.unwrap_or_else(|| (header.clone(), Position::default()));
    if found.home != header.home {
        let text = format!("{name} is an archive of {}, not of {}", found.home, header.home);
        return Err(Failure::usage(text, "name the store that the archive is of, or another file"));
    }
    let from = position.next.clone();
    if position.chunks > 0 && from.is_none() {
        return Err(Failure::usage(
            format!("{name} is complete: there is nothing to go on with"),
            "see what it has with `pssp archive`",
        ));
    }
    let io = |e| Failure::server(format!("writing {name} failed: {e}"));
    file.set_len(position.offset).map_err(io)?;
    io::Seek::seek(&mut file, io::SeekFrom::End(0)).map_err(io)?;
    ui.note(format!("going on after {} whole chunks with {}", position.chunks, position.totals));
    let output = BufWriter::new(file);
    let archive = match position.chunks {
        0 => Writer::begin(output, header).map_err(|e| writing(&name, e))?,
        _ => Writer::resume(output, position),
    };
    let (output, end) = write(backend, archive, from, &name, ui).await?;
    sync(output, &name)?;
    Ok(end)
}

/// The header of an archive that was cut off, and how far it is whole; `None` if it has no whole part. Damage is no cut,
/// and is refused.
fn whole_part(file: &File, name: &str) -> Result<Option<(Header, Position)>, Failure> {
    let empty = file.metadata().is_ok_and(|file| file.len() == 0);
    let mut reader = match Reader::open(BufReader::new(file)) {
        Ok(reader) => reader,
        Err(ArchiveError::Truncated { .. }) => return Ok(None),
        Err(_) if empty => return Ok(None),
        Err(error) => return Err(super::archive::refused(name, &error)),
    };
    loop {
        match reader.chunk() {
            Ok(Some(_)) => {}
            Ok(None) | Err(ArchiveError::Truncated { .. }) => {
                return Ok(Some((reader.header().clone(), reader.position().clone())));
            }
            Err(error) => return Err(super::archive::refused(name, &error)),
        }
    }
}

async fn write<W: Write>(
    backend: &Backend,
    archive: Writer<W>,
    from: Option<String>,
    name: &str,
    ui: Ui,
) -> Result<(W, End), Failure> {
    let bar: ProgressBar = ui.progress(false);
    let tell = |totals: &Totals| bar.set_message(totals.to_string());
    let written = export(backend, &SystemClock, archive, from, tell).await;
    bar.finish_and_clear();
    written.map_err(|error| match error {
        MoveError::Archive(error) => writing(name, error),
        error => {
            Failure::server(error.to_string()).hint("the whole parts of the file stay: go on with --resume")
        }
    })
}

fn writing(name: &str, error: ArchiveError) -> Failure {
    match error {
        ArchiveError::Io(error) => Failure::writing(name, &error),
        error => Failure::server(error.to_string()),
    }
}

/// An archive is a backup: it must be on the disk.
fn sync(output: BufWriter<File>, name: &str) -> Result<(), Failure> {
    let synced = output.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
    synced.map_err(|e| Failure::writing(name, &e))
}
