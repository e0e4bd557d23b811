//! Scratch folders: one a job, closed to other users, and removed at the next start if a worker died.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::processes;

/// How the names of scratch folders begin.
const PREFIX: &str = "pssp-job-";
/// In each folder; locked as long as the worker of the job lives.
const LOCK: &str = "worker.lock";
/// The program's working folder and home inside it.
const WORK: &str = "work";

/// A job's folder, removed when this value goes.
pub(crate) struct Scratch {
    folder: tempfile::TempDir,
    /// The lock on it ends with this process, however it ends.
    _lock: fs::File,
}

impl Scratch {
    /// Makes a folder that only this user can enter.
    pub(crate) fn new(parent: &Path) -> io::Result<Self> {
        let only_owner = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(PREFIX).permissions(only_owner).tempdir_in(parent)?;
        // The file gets its name once it is locked: without it a folder is never left behind.
        let unlocked = folder.path().join("unlocked");
        let lock = fs::File::create_new(&unlocked)?;
        lock.lock()?;
        fs::rename(&unlocked, folder.path().join(LOCK))?;
        fs::create_dir(folder.path().join(WORK))?;
        Ok(Self { folder, _lock: lock })
    }

    /// The program's working folder and home.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join(WORK)
    }

    /// Where the supervisor writes how the program ended.
    pub(crate) fn status_file(&self) -> PathBuf {
        self.folder.path().join("status")
    }
}

/// The folder of a job, if `status_file` is where [`Scratch::status_file`] is.
pub(crate) fn folder_of(status_file: &Path) -> Option<&Path> {
    let folder = status_file.parent()?;
    folder.file_name()?.to_str()?.starts_with(PREFIX).then_some(folder)
}

/// Ends the processes and removes the folders of jobs whose worker is gone. What cannot be removed
/// stays for the next start.
pub(crate) fn remove_left_behind(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for folder in entries.flatten().map(|entry| entry.path()) {
        if is_left_behind(&folder) {
            processes::end_all_of(&folder);
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// Whether it is a job's folder whose lock nobody holds. One without a lock may be just being made.
fn is_left_behind(folder: &Path) -> bool {
    // A pipe or a link of that name is none of ours, and opening a pipe would wait for ever.
    folder_of(&folder.join(LOCK)).is_some()
        && fs::symlink_metadata(folder).is_ok_and(|m| m.is_dir())
        && fs::symlink_metadata(folder.join(LOCK)).is_ok_and(|m| m.is_file())
        && fs::File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

/// Keeps other processes of this user, the operator's programs too, from reading this process's
/// environment, memory and open files in `/proc`. The environment may hold passwords.
///
/// # Errors
/// If the system refuses.
pub(crate) fn hide_this_process() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
