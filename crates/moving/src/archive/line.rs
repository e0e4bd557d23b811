//! The lines of an archive.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pssp_jobs::stored_key::StoredKey;
use pssp_jobs::{
    Batch, BatchId, DeadLetter, Entry, Head, IdempotencyKey, Job, JobId, Notice, Owner, Record, Request,
    Status, Timestamp,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{End, Header};

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Archive(Header),
    JobKey(KeyLine),
    BatchKey(KeyLine),
    Batch(Batch),
    Job(Box<JobLine>),
    Letter(LetterLine),
    Notice(Notice),
    ApiKey(ApiKeyLine),
    End(End),
    Chunk(ChunkLine),
}

/// The end of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChunkLine {
    /// From 1.
    pub(super) number: u64,
    /// Lines before this one.
    pub(super) lines: u64,
    /// In hexadecimal digits.
    pub(super) sha256: String,
    /// Where the scan goes on; missing in the last chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// An idempotency key.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeyLine {
    owner: Owner,
    key: String,
    /// In hexadecimal digits.
    digest: String,
    expires_at: Timestamp,
    leads_to: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct JobLine {
    head: Head,
    status: Status,
    request: Request,
    /// In base64.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "encode",
        deserialize_with = "decode"
    )]
    result: Option<Bytes>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LetterLine {
    letter: DeadLetter,
    expires_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ApiKeyLine {
    #[serde(flatten)]
    key: StoredKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_at: Option<Timestamp>,
}

fn encode<S: Serializer>(bytes: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer)
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let bytes = text.map(|text| STANDARD.decode(text)).transpose().map_err(D::Error::custom)?;
    Ok(bytes.map(Bytes::from))
}

impl KeyLine {
    fn of(key: &IdempotencyKey, leads_to: String) -> Self {
        Self {
            owner: key.owner.clone(),
            key: key.key.clone(),
            digest: base16ct::lower::encode_string(&key.digest),
            expires_at: key.expires_at,
            leads_to,
        }
    }

    fn key(self) -> Result<(IdempotencyKey, String), String> {
        let mut digest = [0; 32];
        let decoded = base16ct::lower::decode(&self.digest, &mut digest).map(<[u8]>::len);
        if decoded != Ok(digest.len()) {
            return Err("the digest of an idempotency key has not 64 hexadecimal digits".to_owned());
        }
        let Self { owner, key, expires_at, leads_to, .. } = self;
        Ok((IdempotencyKey { owner, key, digest, expires_at }, leads_to))
    }
}

impl Line {
    /// The line of an entry.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        Some(match entry {
            Entry::Job(record) => Self::Job(Box::new(JobLine {
                head: record.job.head.clone(),
                status: record.job.status.clone(),
                request: record.request.as_deref().cloned()?,
                result: record.result.clone(),
            })),
            Entry::Batch(batch) => Self::Batch(batch.clone()),
            Entry::JobKey(key, id) => Self::JobKey(KeyLine::of(key, id.to_string())),
            Entry::BatchKey(key, id) => Self::BatchKey(KeyLine::of(key, id.to_string())),
            Entry::Letter { letter, expires_at } => {
                Self::Letter(LetterLine { letter: letter.clone(), expires_at: *expires_at })
            }
            Entry::Notice(notice) => Self::Notice(notice.clone()),
            Entry::ApiKey(key) => Self::ApiKey(ApiKeyLine { key: key.clone(), used_at: key.used_at }),
        })
    }

    /// The entry of the line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn entry(self) -> Result<Entry, String> {
        Ok(match self {
            Self::Job(line) => {
                let JobLine { head, status, request, result } = *line;
                let record = Record { job: Job { head, status }, request: Some(Arc::new(request)), result };
                Entry::of_job(record).map_err(|error| error.to_string())?
            }
            Self::Batch(batch) => Entry::Batch(batch),
            Self::JobKey(line) => {
                let (key, id) = line.key()?;
                Entry::JobKey(key, id.parse::<JobId>().map_err(|error| format!("leads_to: {error}"))?)
            }
            Self::BatchKey(line) => {
                let (key, id) = line.key()?;
                Entry::BatchKey(key, id.parse::<BatchId>().map_err(|error| format!("leads_to: {error}"))?)
            }
            Self::Letter(LetterLine { letter, expires_at }) => Entry::Letter { letter, expires_at },
            Self::Notice(notice) => Entry::Notice(notice),
            Self::ApiKey(ApiKeyLine { key, used_at }) => Entry::ApiKey(StoredKey { used_at, ..key }),
            Self::Archive(_) | Self::End(_) | Self::Chunk(_) => {
                return Err("a line is not where it belongs".to_owned());
            }
        })
    }
}
