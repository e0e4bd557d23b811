//! The contract suite, on temporary files.

use pssp_conform::contract::Harness;
use tempfile::TempDir;

async fn fresh() -> (Box<dyn Harness>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let home = pssp_conform::home(&format!("sqlite:{}", folder.path().join("pssp.db").display())).unwrap();
    (home.fresh().await.unwrap(), folder)
}

pssp_jobs::contract_tests!(fresh);
