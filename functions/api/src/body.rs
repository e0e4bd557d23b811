//! Request bodies: reads them within limits, unpacks gzip and interprets the content type.

use std::io::{self, Read};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use pssp_jobs::intake;
use pssp_predict::sequence::{ErrorCode, InputError};
use tokio::time::Instant;

use crate::app::Ctx;
use crate::auth::Caller;
use crate::bounds::Client;
use crate::buffers::Share;
use crate::problem::{Kind, Problem, echo};

/// The accepted media types, for error texts.
const ACCEPTED_MEDIA: &str = "application/json, text/x-fasta, text/plain, application/x-www-form-urlencoded, \
                     multipart/form-data";

/// The largest body that a route accepts, and the name of this limit in `/v1/limits`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) bytes: usize,
    pub(crate) name: &'static str,
}

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    /// FASTA or a sequence without a header.
    Text,
    Form,
    Multipart,
}

/// An unpacked body within its limit, and other parts of its request.
pub(crate) struct Payload {
    pub(crate) parts: Parts,
    pub(crate) media: Media,
    pub(crate) bytes: Bytes,
    /// The limit that was used to read the body.
    pub(crate) limit: Limit,
    pub(crate) client: Client,
    /// The share of the body in the memory for bodies.
    held: Share,
}

impl Payload {
    /// Reads the body of `request`.
    pub(crate) async fn read(ctx: &Ctx, request: Request, limit: Limit) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let Caller { client, .. } = Caller::of(&parts.extensions)?;
        let content = ContentType::of(&parts.headers)?;
        let zipped = content.gzip || is_gzip(&parts.headers)?;
        let announced = announced_length(&parts.headers, limit)?;
        let (packed, mut held) = collect(ctx, &client, body, limit, announced).await?;
        let bytes = if zipped {
            let packed_bytes = packed.len();
            let bytes = ctx.cpu.run(&client, move || gunzip(&packed, limit, limit.bytes)).await??;
            ctx.buffers.grow(&mut held, packed_bytes + bytes.len())?;
            bytes
        } else {
            packed
        };
        content.check(&bytes)?;
        Ok(Self { parts, media: content.media, bytes, limit, client, held })
    }

    /// The body, with its share of the memory for bodies.
    pub(crate) fn into_bytes(self) -> (Bytes, Share) {
        (self.bytes, self.held)
    }
}

/// The header `Content-Type`.
struct ContentType {
    media: Media,
    /// Whether it is the media type of a gzip file.
    gzip: bool,
    /// An encoding other than UTF-8. ASCII text has the same bytes in both.
    charset: Option<String>,
}

impl ContentType {
    /// Without the header, the body is a sequence or FASTA.
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(value) = headers.get(header::CONTENT_TYPE) else {
            return Ok(Self { media: Media::Text, gzip: false, charset: None });
        };
        let text = value.to_str().map_err(|_| unsupported("an unreadable Content-Type"))?;
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (media, gzip) = media(&essence)?;
        let charset = parts.find_map(|p| p.to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
        let charset = match charset.as_deref().map(|c| c.trim_matches('"')) {
            None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => None,
            Some(other) if extends_ascii(other) => Some(other.to_owned()),
            Some(other) => return Err(unsupported(&format!("charset {}", echo(other)))),
        };
        Ok(Self { media, gzip, charset })
    }

    /// Refuses text in an encoding other than UTF-8, unless the text has the same bytes in both.
    fn check(&self, bytes: &[u8]) -> Result<(), Problem> {
        match &self.charset {
            Some(charset) if !bytes.is_ascii() => {
                Err(unsupported(&format!("text beyond ASCII in charset {}", echo(charset))))
            }
            _ => Ok(()),
        }
    }
}

/// The form of a body with this media type, and whether it is the media type of a gzip file.
fn media(essence: &str) -> Result<(Media, bool), Problem> {
    let media = match essence {
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
    Ok((media, false))
}

/// Whether ASCII text has the same bytes in this encoding.
fn extends_ascii(charset: &str) -> bool {
    ["iso-8859-", "iso8859-", "iso_8859-", "latin", "windows-125", "cp125"]
        .iter()
        .any(|family| charset.starts_with(family))
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
    let detail = format!("{what} is not read here; send {ACCEPTED_MEDIA} in UTF-8, plain or gzip");
    Problem::new(Kind::UnsupportedMediaType, detail)
}

fn too_large(limit: Limit) -> Problem {
    Problem::too_large("the body", limit.bytes, "bytes", limit.name)
}

/// The length of a body by its `Content-Length`, 0 without one. Refuses a body that is too long before anything is
/// read.
fn announced_length(headers: &HeaderMap, limit: Limit) -> Result<usize, Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let length = length.map_or(Ok(0), usize::try_from).ok().filter(|length| *length <= limit.bytes);
    length.ok_or_else(|| too_large(limit))
}

/// From so many bytes on, the announced length of a body is believed.
const RESERVE_FROM: usize = 64 << 10;

async fn collect(
    ctx: &Ctx,
    client: &Client,
    body: Body,
    limit: Limit,
    announced: usize,
) -> Result<(Bytes, Share), Problem> {
    let mut held = ctx.buffers.hold(client, 1)?;
    let mut bytes = BytesMut::new();
    let mut chunks = Chunks::new(ctx, body);
    while let Some(chunk) = chunks.next().await? {
        if bytes.len() + chunk.len() > limit.bytes {
            return Err(too_large(limit));
        }
        ctx.buffers.grow(&mut held, bytes.len() + chunk.len())?;
        if bytes.len() + chunk.len() > RESERVE_FROM {
            // Pages count when they are written, so this takes no memory, and the body is not copied as it grows.
            bytes.reserve(announced.saturating_sub(bytes.len()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes.freeze(), held))
}

/// The chunks of a body that arrives fast enough: at least `least` bytes in each `window`.
struct Chunks {
    chunks: axum::body::BodyDataStream,
    window: Duration,
    least: usize,
    window_ends: Instant,
    in_window: usize,
}

impl Chunks {
    fn new(ctx: &Ctx, body: Body) -> Self {
        let (window, least) = (ctx.config().body_idle, ctx.config().min_body_bytes);
        let chunks = body.into_data_stream();
        Self { chunks, window, least, window_ends: Instant::now() + window, in_window: 0 }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            match tokio::time::timeout_at(self.window_ends, self.chunks.next()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(chunk))) => {
                    self.in_window += chunk.len();
                    return Ok(Some(chunk));
                }
                Ok(Some(Err(_))) => {
                    return Err(Problem::new(Kind::Unparsable, "the body ended before its announced length"));
                }
                Err(_) if self.in_window < self.least => {
                    let detail = format!(
                        "the body came too slowly: {} bytes in {} s, where {} are the least; send it again",
                        self.in_window,
                        self.window.as_secs(),
                        self.least
                    );
                    return Err(Problem::new(Kind::SlowBody, detail));
                }
                Err(_) => {
                    self.window_ends = Instant::now() + self.window;
                    self.in_window = 0;
                }
            }
        }
    }
}

/// Unpacks gzip. Stops at `most` bytes (a part of the limit), so that a small gzip bomb does not fill the
/// memory.
pub(crate) fn gunzip(packed: &[u8], limit: Limit, most: usize) -> Result<Bytes, Problem> {
    let mut unpacked = Vec::new();
    let mut reader = intake::gunzip(packed).take(most as u64 + 1);
    reader.read_to_end(&mut unpacked).map_err(|e| bad_gzip(&e))?;
    if unpacked.len() > most {
        return Err(Problem::too_large("the unpacked body", limit.bytes, "bytes", limit.name));
    }
    Ok(unpacked.into())
}

fn bad_gzip(error: &io::Error) -> Problem {
    let hint = "pack it with gzip, or leave the encoding out";
    Problem::new(Kind::Unparsable, "the body is said to be gzip and cannot be unpacked")
        .with_fault(InputError::new(ErrorCode::BadGzip, error.to_string(), hint))
}
