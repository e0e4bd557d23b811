//! A file beside the one that the URL names.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_backend_sqlite::{Options, SqliteBackend};
use pssp_jobs::contract::Harness;
use pssp_jobs::{Backend, Clock, ManualClock, SystemClock};

use crate::{Home, scratch_name};

pub(crate) struct SqliteHome {
    folder: PathBuf,
}

impl SqliteHome {
    /// The home in the folder of the file in `url`.
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("sqlite:").unwrap_or(url);
        let path = rest.split('?').next().unwrap_or_default();
        let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.map_or_else(|| PathBuf::from("."), PathBuf::from);
        if path.file_name().is_none() || path.is_dir() || !folder.is_dir() {
            return Err("name a file in a folder that exists, such as sqlite:pssp.db".to_owned());
        }
        Ok(Self { folder })
    }
}

struct Sqlite {
    path: PathBuf,
    clock: Arc<ManualClock>,
    backend: Option<Arc<SqliteBackend>>,
}

impl Sqlite {
    fn open(&self) -> Arc<SqliteBackend> {
        SqliteBackend::open(&self.path, self.clock.clone(), Options::default())
            .unwrap_or_else(|e| panic!("{e}"))
    }

    fn sqlite(&self) -> &Arc<SqliteBackend> {
        self.backend.as_ref().expect("the harness is not removed")
    }
}

#[async_trait]
impl Home for SqliteHome {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn place(&self) -> String {
        format!("files conform_* in the folder {}", self.folder.display())
    }

    async fn fresh(&self) -> Result<Box<dyn Harness>, String> {
        let path = self.folder.join(format!("{}.db", scratch_name()));
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let backend =
            SqliteBackend::open(&path, clock.clone(), Options::default()).map_err(|e| e.to_string())?;
        Ok(Box::new(Sqlite { path, clock, backend: Some(backend) }))
    }
}

#[async_trait]
impl Harness for Sqlite {
    fn backend(&self) -> Backend {
        Backend::of(self.sqlite().clone())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn reopen(&mut self) {
        self.backend = Some(self.open());
    }

    async fn inject(&self, body: &str) {
        self.sqlite().inject(body).await.unwrap_or_else(|error| panic!("{error}"));
    }

    fn random_histories(&self) -> u32 {
        12
    }

    async fn remove(&mut self) -> Result<(), String> {
        self.backend = None;
        for ending in ["", "-wal", "-shm"] {
            let file = PathBuf::from(format!("{}{ending}", self.path.display()));
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(format!("delete {}: {error}", file.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
