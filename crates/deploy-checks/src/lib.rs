//! Reads the manifests, Dockerfiles and templates that deploy pssp, for the tests of this crate.

#![allow(missing_docs, reason = "support of the tests of this crate; no other crate uses it")]

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

mod cloudformation;
mod dockerfile;
pub mod promql;

pub use cloudformation::Template;
pub use dockerfile::Dockerfile;

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text of a file of the repository.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One Kubernetes object.
#[derive(Debug, Clone)]
pub struct Object {
    /// The name of its file, without folders.
    pub file: String,
    /// The whole document.
    pub doc: Value,
}

impl Object {
    #[must_use]
    pub fn kind(&self) -> &str {
        self.str("/kind")
    }

    #[must_use]
    pub fn name(&self) -> &str {
        self.str("/metadata/name")
    }

    /// The value at a JSON pointer; null if there is none.
    #[must_use]
    pub fn at(&self, pointer: &str) -> &Value {
        self.doc.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The text at a JSON pointer; empty if there is none.
    #[must_use]
    pub fn str(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// The pod itself, or the pod template of a deployment, stateful set or job.
    #[must_use]
    pub fn pod(&self) -> Option<&Value> {
        match self.kind() {
            "Pod" => Some(&self.doc),
            "Deployment" | "StatefulSet" | "Job" => self.doc.pointer("/spec/template"),
            _ => None,
        }
    }

    /// The first container of its pod.
    ///
    /// # Panics
    /// If there is no container.
    #[must_use]
    pub fn container(&self) -> &Value {
        self.pod()
            .and_then(|pod| pod.pointer("/spec/containers/0"))
            .unwrap_or_else(|| panic!("{} {} has no container", self.kind(), self.name()))
    }
}

/// Every object in the `.yml` files of a folder such as `kubernetes/test`, sorted by file name.
///
/// # Panics
/// If a file cannot be read.
#[must_use]
pub fn objects(folder: &str) -> Vec<Object> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(root().join(folder))?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|e| e == "yml"));
        files.sort();
        Ok(files)
    };
    let files = list().unwrap_or_else(|error| panic!("{folder}: {error}"));
    files.iter().flat_map(|file| read(file)).collect()
}

fn read(path: &Path) -> Vec<Object> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let docs: Vec<Value> =
        serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    docs.into_iter().map(|doc| Object { file: file.clone(), doc }).collect()
}

/// A YAML file of the repository that holds one document.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Converts a quantity of Kubernetes or Redis to bytes: `400Mi`, `1Gi`, `200mb`, `1gb`.
///
/// # Panics
/// If the text is not a quantity.
#[must_use]
pub fn bytes(quantity: &str) -> u64 {
    let digits = quantity.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &quantity[digits.len()..] {
        "" => 1,
        "Ki" | "kb" => 1 << 10,
        "Mi" | "mb" => 1 << 20,
        "Gi" | "gb" => 1 << 30,
        other => panic!("unit {other} in {quantity}"),
    };
    digits.parse::<u64>().unwrap_or_else(|error| panic!("{quantity}: {error}")) * unit
}
