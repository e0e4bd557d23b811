//! Scratch folders: one for each job, closed to other users. The next start removes those of dead workers.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::processes;

/// The names of scratch folders begin with this.
const PREFIX: &str = "pssp-job-";
/// A file in each folder, locked while the worker of the job lives.
const LOCK: &str = "worker.lock";
/// The program's working folder and home inside the scratch folder.
const WORK: &str = "work";

/// A job's folder, removed when this value is dropped.
pub(crate) struct Scratch {
    folder: tempfile::TempDir,
    /// The operating system releases the lock when this process ends, even after a crash.
    _lock: fs::File,
}

impl Scratch {
    /// Makes a folder that only this user can enter.
    pub(crate) fn new(parent: &Path) -> io::Result<Self> {
        let only_owner = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(PREFIX).permissions(only_owner).tempdir_in(parent)?;
        // The file gets its name after it is locked. A folder without a file of this name may still be in the
        // making, so it does not count as left behind.
        let unlocked = folder.path().join("unlocked");
        let lock = fs::File::create_new(&unlocked)?;
        lock.lock()?;
        fs::rename(&unlocked, folder.path().join(LOCK))?;
        fs::create_dir(folder.path().join(WORK))?;
        Ok(Self { folder, _lock: lock })
    }

    /// The working folder and home of the program.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join(WORK)
    }

    /// The file in which the supervisor writes how the program ended.
    pub(crate) fn status_file(&self) -> PathBuf {
        self.folder.path().join("status")
    }
}

/// The folder of a job, if `status_file` is a path that [`Scratch::status_file`] returns.
pub(crate) fn folder_of(status_file: &Path) -> Option<&Path> {
    let folder = status_file.parent()?;
    folder.file_name()?.to_str()?.starts_with(PREFIX).then_some(folder)
}

/// Ends the processes and removes the folders of jobs whose worker is dead. A folder that cannot be removed
/// stays until the next start.
pub(crate) fn remove_left_behind(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for folder in entries.flatten().map(|entry| entry.path()) {
        if is_left_behind(&folder) {
            processes::end_all_of(&folder);
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// Whether `folder` is a job's folder whose lock is free. A folder without a lock file may be one that is
/// being made now.
fn is_left_behind(folder: &Path) -> bool {
    // The lock must be a plain file. A pipe or a link of this name is not from this program, and opening a pipe
    // would wait for ever.
    folder_of(&folder.join(LOCK)).is_some()
        && fs::symlink_metadata(folder).is_ok_and(|m| m.is_dir())
        && fs::symlink_metadata(folder.join(LOCK)).is_ok_and(|m| m.is_file())
        && fs::File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

/// Prevents that other processes of this user, for example the operator's programs, read the environment,
/// memory and open files of this process in `/proc`. The environment may contain passwords.
///
/// # Errors
/// If the operating system refuses.
pub(crate) fn hide_this_process() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
