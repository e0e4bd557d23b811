//! Bodies: read within limits, told apart by content type, unpacked from gzip.

use std::io::{self, Read};

use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures::StreamExt;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use crate::app::Ctx;
use crate::problem::{Fault, Kind, Problem, echo};

/// Buffers are counted in pieces of so many bytes.
pub(crate) const UNIT: usize = 4096;

/// What is sent, in error texts.
const FORMS: &str = "application/json, text/x-fasta, text/plain, application/x-www-form-urlencoded, \
                     multipart/form-data";

/// The largest body that a route takes, with its name in `/v1/limits`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) bytes: usize,
    pub(crate) name: &'static str,
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    /// FASTA or a bare sequence.
    Text,
    Form,
    Multipart,
}

/// A body within its limit, unpacked, and the rest of its request.
pub(crate) struct Payload {
    pub(crate) parts: Parts,
    pub(crate) media: Media,
    pub(crate) bytes: Bytes,
    /// Its share of what may be held in memory; given back with it.
    held: OwnedSemaphorePermit,
}

impl Payload {
    /// Reads the body of `request`.
    pub(crate) async fn read(ctx: &Ctx, request: Request, limit: Limit) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let (media, zipped_media) = media(&parts.headers)?;
        let zipped = zipped_media || is_gzip(&parts.headers)?;
        declared_length(&parts.headers, limit)?;
        let (packed, mut held) = collect(ctx, body, limit).await?;
        let bytes = if zipped {
            let bytes = ctx.cpu.run(move || gunzip(&packed, limit)).await??;
            held.merge(hold(ctx, bytes.len())?);
            bytes
        } else {
            packed
        };
        Ok(Self { parts, media, bytes, held })
    }

    /// The body alone, to be looked at on another thread.
    pub(crate) fn into_bytes(self) -> (Bytes, OwnedSemaphorePermit) {
        (self.bytes, self.held)
    }
}

/// What the content type says, and whether it says gzip. Nothing said: a sequence or FASTA.
fn media(headers: &HeaderMap) -> Result<(Media, bool), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok((Media::Text, false));
    };
    let text = value.to_str().map_err(|_| unsupported("an unreadable Content-Type"))?;
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let media = match essence.as_str() {
        ""
        | "text/plain"
        | "text/x-fasta"
        | "text/fasta"
        | "application/x-fasta"
        | "application/fasta"
        | "chemical/seq-aa-fasta" => Media::Text,
        "application/gzip" | "application/x-gzip" => return Ok((Media::Text, true)),
        "application/x-www-form-urlencoded" => Media::Form,
        "multipart/form-data" => Media::Multipart,
        json if json == "application/json"
            || (json.starts_with("application/") && json.ends_with("+json")) =>
        {
            Media::Json
        }
        other => return Err(unsupported(&format!("Content-Type {}", echo(other)))),
    };
    let charset = parts.find_map(|p| p.to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    match charset.as_deref().map(|c| c.trim_matches('"')) {
        None | Some("utf-8" | "utf8" | "us-ascii") => Ok((media, false)),
        Some(other) => Err(unsupported(&format!("charset {}", echo(other)))),
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Problem> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else {
        return Ok(false);
    };
    match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        other => Err(unsupported(&format!("Content-Encoding {}", echo(other)))
            .with_header(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))),
    }
}

fn unsupported(what: &str) -> Problem {
    let detail = format!("{what} is not read here; send {FORMS} in UTF-8, plain or gzip");
    Problem::new(Kind::UnsupportedMediaType, detail)
}

fn too_large(limit: Limit) -> Problem {
    Problem::too_large("the body", limit.bytes, "bytes", limit.name)
}

/// Refuses by the announced length, before anything is read.
fn declared_length(headers: &HeaderMap, limit: Limit) -> Result<(), Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > limit.bytes as u64 => Err(too_large(limit)),
        _ => Ok(()),
    }
}

async fn collect(ctx: &Ctx, body: Body, limit: Limit) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
    let mut held = hold(ctx, 1)?;
    let mut bytes = BytesMut::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = next_chunk(ctx, &mut chunks).await? {
        if bytes.len() + chunk.len() > limit.bytes {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
        let missing = bytes.len().saturating_sub(held.num_permits() * UNIT);
        if missing > 0 {
            held.merge(hold(ctx, missing)?);
        }
    }
    Ok((bytes.freeze(), held))
}

async fn next_chunk(ctx: &Ctx, chunks: &mut axum::body::BodyDataStream) -> Result<Option<Bytes>, Problem> {
    match tokio::time::timeout(ctx.config().body_idle, chunks.next()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(Some(Err(_))) => Err(Problem::new(Kind::Unparsable, "the body ended before its announced length")),
        Err(_) => Err(Problem::new(Kind::SlowBody, "the body stopped coming; send it again")),
    }
}

/// Takes a share of the memory for bodies; there is no waiting for one, as all might wait for each other.
pub(crate) fn hold(ctx: &Ctx, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
    let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
    let full = |_: TryAcquireError| Problem::overloaded("too much is being sent at the moment");
    ctx.buffers.clone().try_acquire_many_owned(units).map_err(full)
}

/// Unpacks, but never more than the limit: a small bomb makes no large buffer.
fn gunzip(packed: &[u8], limit: Limit) -> Result<Bytes, Problem> {
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(packed).take(limit.bytes as u64 + 1);
    reader.read_to_end(&mut unpacked).map_err(|e| bad_gzip(&e))?;
    if unpacked.len() > limit.bytes {
        return Err(Problem::too_large("the unpacked body", limit.bytes, "bytes", limit.name));
    }
    Ok(unpacked.into())
}

fn bad_gzip(error: &io::Error) -> Problem {
    let hint = "pack it with gzip, or leave the encoding out";
    Problem::new(Kind::Unparsable, "the body is said to be gzip and cannot be unpacked")
        .with_fault(Fault::new("bad_gzip", error.to_string(), hint))
}
