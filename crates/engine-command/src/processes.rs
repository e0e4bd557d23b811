//! Finds processes in `/proc`: the descendants of a process, and the processes of a job.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::{self as unix, Pid, Signal};

/// Kills all descendants of `root`, as `/proc` shows them.
pub(crate) fn kill_all_below(root: Pid) {
    let parents: Vec<(Pid, Pid)> = all().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    for &pid in &found[1..] {
        let _ = unix::kill_process(pid, Signal::KILL); // an error means that it has ended meanwhile
    }
}

/// Kills the processes of a job that has lost its supervisor: those whose home or working folder is in
/// `folder`. Repeats this, because a process may fork during the search.
pub(crate) fn end_all_of(folder: &Path) {
    const MAX_ROUNDS: usize = 100;
    for _ in 0..MAX_ROUNDS {
        let own = unix::getpid();
        let found: Vec<Pid> = all().filter(|&pid| pid != own && belongs_to(pid, folder)).collect();
        if found.is_empty() {
            return;
        }
        for pid in found {
            let _ = unix::kill_process(pid, Signal::KILL);
        }
    }
}

fn all() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}

fn file(pid: Pid, name: &str) -> std::path::PathBuf {
    Path::new("/proc").join(pid.as_raw_nonzero().to_string()).join(name)
}

fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(file(pid, "stat")).ok()?;
    // The second field is a name in brackets that may contain any character. The state and the parent follow
    // the last bracket.
    Pid::from_raw(stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?)
}

fn belongs_to(pid: Pid, folder: &Path) -> bool {
    let in_folder = |path: &Path| path.starts_with(folder);
    let cwd_is_inside = fs::read_link(file(pid, "cwd")).is_ok_and(|path| in_folder(&path));
    let home_is_inside = || {
        let environment = fs::read(file(pid, "environ")).unwrap_or_default();
        let homes = environment.split(|&b| b == 0).filter_map(|entry| entry.strip_prefix(b"HOME="));
        homes.map(|home| Path::new(OsStr::from_bytes(home))).any(in_folder)
    };
    // A zombie has no working folder and no environment.
    cwd_is_inside || home_is_inside()
}
