//! `pssp export`, `pssp import` and `pssp archive` on files.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use pssp_jobs::job::Phase;
use pssp_jobs::{
    Backend, Clock, Entry, Head, Job, JobId, Owner, Policy, Record, Request, Status, SystemClock,
};
use pssp_moving::archive::{FORMAT, Header, Writer};

use crate::support::{CommandOutput, Server, pssp, run, run_with, until};

/// Jobs of the large archive.
const MANY: usize = 40_000;

/// Most memory of an export or an import, in kB, whatever the number of jobs is.
const MAX_MEMORY_KB: u64 = 100_000;

fn sqlite(folder: &Path, name: &str) -> String {
    format!("sqlite:{}", folder.join(name).display())
}

fn finished(n: usize) -> Entry {
    let now = SystemClock.now();
    let (id, owner) = (JobId::new(now), Owner::new(if n.is_multiple_of(3) { "some" } else { "others" }));
    let (warnings, length) = (Vec::new(), 150);
    let head = Head { id, owner, created_at: now, name: None, batch: None, length, warnings };
    let phase = Phase::Finished { at: now };
    let waiting = Job::submit(head.clone(), std::time::Duration::ZERO, &Policy::default());
    let expires_at = Some(now.plus(Policy::default().ttl));
    let status = Status { phase, attempt: 1, expires_at, due_at: None, ..waiting.status };
    let sequence = "MKVLAAGIVG".repeat(15);
    let request = Request::new(sequence.clone(), sequence.parse().unwrap(), Vec::new());
    // As large as a stored result, and as hard to compress.
    let mut x = n as u64 + 1;
    let mut next = || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (x >> 56) as u8
    };
    let result: Vec<u8> = (0..2400).map(|_| next()).collect();
    let record =
        Record { job: Job { head, status }, request: Some(Arc::new(request)), result: Some(result.into()) };
    Entry::Job(Box::new(record))
}

/// An archive of finished jobs.
fn archive(path: &Path, jobs: usize) {
    let header = Header {
        format: FORMAT,
        program: "0.1.0".to_owned(),
        made_at: SystemClock.now(),
        home: "sqlite:elsewhere.db".to_owned(),
        last_move: 0,
    };
    let mut writer = Writer::begin(std::fs::File::create(path).unwrap(), &header).unwrap();
    for n in 0..jobs {
        writer.add(&finished(n)).unwrap();
        if n.is_multiple_of(256) {
            writer.checkpoint(&n.to_string()).unwrap();
        }
    }
    writer.finish().unwrap();
}

/// Runs a command, and tells the most memory that it had, in kB.
#[cfg(target_os = "linux")]
fn measured(args: &[&str]) -> (CommandOutput, u64) {
    let mut command = pssp();
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let code = until("the command to end", || {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let found = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        most = most.max(found.unwrap_or(0));
        child.try_wait().unwrap()
    });
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let output = CommandOutput {
        code: code.code().unwrap_or(-1),
        out: text(&output.stdout),
        err: text(&output.stderr),
    };
    (output, most)
}

/// The archive never lies in memory as a whole: it has 170 MB of text here.
#[cfg(target_os = "linux")]
#[test]
fn many_jobs_go_through_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first.pssp.gz");
    archive(&first, MANY);
    let (url, first) = (sqlite(folder.path(), "jobs.db"), first.to_str().unwrap());
    let (imported, memory) = measured(&["import", &url, first, "--json"]);
    assert_eq!(imported.ok().json()["counts"]["job"]["new"], MANY);
    assert!((1000..MAX_MEMORY_KB).contains(&memory), "the import took {memory} kB");
    let second = folder.path().join("second.pssp.gz");
    let (exported, memory) = measured(&["export", &url, "-o", second.to_str().unwrap()]);
    assert!(exported.ok().err.contains(&format!("{MANY} jobs ({MANY} finished)")));
    assert!((1000..MAX_MEMORY_KB).contains(&memory), "the export took {memory} kB");
    let same = run(&["import", "--check", &url, first, "--json"], b"").ok().json();
    assert_eq!((&same["same"], &same["differ"], &same["missing"]), (&MANY.into(), &0.into(), &0.into()));
}

/// An export that is killed goes on with `--resume`, and has everything.
#[test]
fn a_killed_export_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    archive(Path::new(&path("first")), 8_000);
    let url = sqlite(folder.path(), "jobs.db");
    run(&["import", &url, &path("first")], b"").ok();
    let file = path("second");
    let mut command = pssp();
    command.args(["export", &url, "-o", &file]).stderr(Stdio::null());
    let mut export = command.spawn().unwrap();
    // It is killed as soon as a part of it is there, or it has ended.
    until("a part of the archive", || {
        let size = std::fs::metadata(&file).map_or(0, |file| file.len());
        (size > 100_000 || export.try_wait().unwrap().is_some()).then_some(())
    });
    export.kill().unwrap();
    export.wait().unwrap();
    if run(&["archive", &file], b"").code != 0 {
        let again = run(&["export", &url, "-o", &file], b"");
        assert!(again.code == 2 && again.err.contains("--resume"), "{again:?}");
        let resumed = run(&["export", &url, "-o", &file, "--resume"], b"").ok();
        assert!(resumed.err.contains("going on after"), "{resumed:?}");
    }
    assert!(run(&["archive", &file], b"").ok().out.contains("8000 jobs (8000 finished)"));
    let complete = run(&["export", &url, "-o", &file, "--resume"], b"");
    assert!(complete.code == 2 && complete.err.contains("is complete"), "{complete:?}");
    let other = sqlite(folder.path(), "other.db");
    run(&["import", &other, &path("first")], b"").ok();
    // What is cut off of another store is not gone on with.
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 100]).unwrap();
    let refused = run(&["export", &other, "-o", &file, "--resume"], b"");
    assert!(refused.code == 2 && refused.err.contains("jobs.db, not of"), "{refused:?}");
}

#[test]
fn what_is_no_whole_archive_is_refused_before_anything_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    archive(&path, 10);
    let whole = std::fs::read(&path).unwrap();
    let url = sqlite(folder.path(), "jobs.db");
    for (bytes, why) in [
        (&whole[..whole.len() - 9], "cut short"),
        (&b">a\nMKV"[..], "no archive of pssp"),
        (&[&whole[..], b"x"].concat(), "more follows after the end"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        for args in [&["import", &url][..], &["archive"]] {
            let refused = run(&[args, &[path.to_str().unwrap()]].concat(), b"");
            assert!(refused.code == 2 && refused.err.contains(why), "{refused:?}");
        }
    }
    assert!(!folder.path().join("jobs.db").exists(), "nothing was made");
    let missing = run(&["import", &url, "no such file"], b"");
    assert!(missing.code == 2 && missing.err.contains("no such file"), "{missing:?}");
    let no_store = run(&["export", &url], b"");
    assert!(no_store.code == 3 && no_store.err.contains("jobs.db"), "{no_store:?}");
}

#[test]
fn an_archive_goes_through_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    archive(&path, 10);
    let (first, second) = (sqlite(folder.path(), "first.db"), sqlite(folder.path(), "second.db"));
    let mut from_pipe = pssp();
    from_pipe.env("PSSP_BACKEND", &first);
    let imported = run_with(from_pipe, &["import"], &std::fs::read(&path).unwrap()).ok();
    assert!(imported.out.contains("10 arrived (move 1)"), "{imported:?}");
    let mut to_pipe = pssp();
    let child = to_pipe.args(["export", &first]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let archive = child.unwrap().wait_with_output().unwrap().stdout;
    let imported = run(&["import", &second], &archive).ok();
    // It is the next move.
    assert!(imported.out.contains("10 arrived (move 2)"), "{imported:?}");
    let again = run(&["import", &second], &archive).ok();
    assert!(again.out.contains("0 arrived, 10 had arrived before"), "{again:?}");
}

/// A record that cannot be read is named. The others are in the archive.
#[tokio::test]
async fn a_damaged_record_is_named_and_the_rest_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    archive(Path::new(&path("first")), 10);
    let url = sqlite(folder.path(), "jobs.db");
    run(&["import", &url, &path("first")], b"").ok();
    let backend: Backend = pssp_backends::open(&url, Arc::new(SystemClock)).await.unwrap();
    let page = pssp_jobs::ListQuery { owner: Owner::new("some"), state: None, before: None, limit: 1 };
    let id = backend.store.list(&page).await.unwrap().items[0].id();
    drop(backend);
    let program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], 30); \
                   c.execute(\"UPDATE jobs SET status = '{' WHERE id = ?\", [bytes.fromhex(sys.argv[2])]); c.commit()";
    let hex = id.to_string().replace('-', "");
    let done = std::process::Command::new("python3").args(["-c", program, &path("jobs.db"), &hex]).status();
    assert!(done.unwrap().success());
    let exported = run(&["export", &url, "-o", &path("second")], b"");
    assert_eq!(exported.code, 1, "{exported:?}");
    assert!(exported.err.contains(&format!("cannot be read: job {id}")), "{exported:?}");
    let told = run(&["archive", &path("second")], b"").ok();
    assert!(told.out.contains("9 jobs") && told.out.contains(&id.to_string()), "{told:?}");
}

/// The service runs on while it is exported, and the archive is readable for its owner alone.
#[test]
fn a_running_service_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let id = server.run(&["submit", "--wait", "MKVLAAGIVG"], b"").ok().line().to_owned();
    let (url, file) = (sqlite(folder.path(), "jobs.db"), folder.path().join("archive"));
    run(&["export", &url, "-o", file.to_str().unwrap()], b"").ok();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let result = server.run(&["result", &id], b"").ok().out;
    let other = tempfile::tempdir().unwrap();
    run(&["import", &sqlite(other.path(), "jobs.db"), file.to_str().unwrap()], b"").ok();
    let moved = Server::start(other.path(), &[]);
    assert_eq!(moved.run(&["result", &id], b"").ok().out, result);
}
