//! Named fields of a query, an urlencoded form or a multipart form.

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use bytes::Bytes;
use http::request::Parts;
use pssp_jobs::intake::{Draft, Gunzip};
use pssp_predict::sequence::{ErrorCode, InputError, InputErrors};

use crate::app::Ctx;
use crate::body::{Media, Payload, gunzip};
use crate::buffers::Share;
use crate::problem::{Kind, Problem, echo};

/// The most fields of a form. There may be many, because a batch may be sent with one file in each part.
const MAX_FIELDS: usize = 1_000;

/// The names of the field with the sequence: in the classic API and in the v1 API.
const SEQUENCE_FIELDS: [&str; 2] = ["seq", "sequence"];

/// Fields in the order in which they were sent. Values are bytes, because the cleaning code reports wrong
/// encodings of a sequence.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, Bytes)>);

/// The fields of a form with their share of the memory for bodies.
pub(crate) struct Form {
    pub(crate) fields: Fields,
    pub(crate) held: Share,
}

impl Fields {
    /// The fields of a form with this sequence only.
    pub(crate) fn of_sequence(sequence: Bytes) -> Self {
        Self(vec![(SEQUENCE_FIELDS[0].to_owned(), sequence)])
    }

    /// The first field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| &value[..])
    }

    /// The first field of this name, as text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match std::str::from_utf8(value) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(Problem::new(Kind::Unparsable, format!("{name} is not UTF-8"))),
        }
    }

    /// The first field of this name, parsed as a value of another type.
    pub(crate) fn parsed<T: std::str::FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let bad = |_| Problem::new(Kind::Unparsable, format!("{name}={}: expected {expected}", echo(&text)));
        text.parse().map(Some).map_err(bad)
    }

    /// Whether a switch is on. A name without a value means on.
    pub(crate) fn switch(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name)?.as_deref() {
            None | Some("false" | "0" | "no" | "off") => Ok(false),
            Some("" | "true" | "1" | "yes" | "on") => Ok(true),
            Some(other) => {
                Err(Problem::new(Kind::Unparsable, format!("{name}={}: expected true or false", echo(other))))
            }
        }
    }

    /// Reads the form as one job.
    pub(crate) fn into_draft(self) -> Result<Draft, Problem> {
        let name = self.text("name")?;
        let (mut parts, force) = self.into_parts()?;
        match parts.len() {
            0 | 1 => Ok(Draft { name, input: parts.pop().unwrap_or_default().into(), force }),
            several => Err(several_sequences(several)),
        }
    }

    /// The sequences of a form, in order, and the option `force`. Empty fields do not count, because a web page
    /// sends its empty text field together with the file.
    pub(crate) fn into_parts(self) -> Result<(Vec<Bytes>, bool), Problem> {
        let force = self.switch("force")?;
        let is_sequence = |field: &(String, Bytes)| SEQUENCE_FIELDS.contains(&field.0.as_str());
        if !self.0.iter().any(is_sequence) {
            return Err(no_sequence());
        }
        let parts = self.0.into_iter().filter(is_sequence).map(|(_, value)| value);
        Ok((parts.filter(|value| !value.trim_ascii().is_empty()).collect(), force))
    }
}

fn no_sequence() -> Problem {
    let hint = "send seq=..., or a FASTA file as the body with the header Content-Type: text/x-fasta";
    Problem::new(Kind::Unparsable, "the form has no field seq").with_fault(InputError::new(
        ErrorCode::MissingField,
        "seq (or sequence) is missing",
        hint,
    ))
}

fn several_sequences(count: usize) -> Problem {
    let detail = format!("{count} fields seq (or sequence) where one sequence is expected");
    let hint = "send several sequences to /v1/batches";
    InputErrors::from(InputError::new(ErrorCode::SeveralRecords, detail, hint)).into()
}

/// Reads the fields of the query.
pub(crate) fn query(parts: &Parts) -> Result<Fields, Problem> {
    urlencoded(parts.uri.query().unwrap_or_default().as_bytes())
}

/// Reads the fields of a form.
pub(crate) async fn parse_form(ctx: &Ctx, payload: Payload) -> Result<Form, Problem> {
    match payload.media {
        Media::Multipart => multipart(ctx, payload).await,
        _ => {
            let (bytes, held) = payload.into_bytes();
            Ok(Form { fields: urlencoded(&bytes)?, held })
        }
    }
}

async fn multipart(ctx: &Ctx, payload: Payload) -> Result<Form, Problem> {
    let (parts, limit, client) = (payload.parts.clone(), payload.limit, payload.client.clone());
    let (bytes, mut held) = payload.into_bytes();
    let mut left = limit.bytes;
    let mut all = bytes.len();
    let request = Request::from_parts(parts, Body::from(bytes));
    let mut form = Multipart::from_request(request, &()).await.map_err(|e| bad_form(&e.body_text()))?;
    let mut fields = Fields::default();
    while let Some(field) = form.next_field().await.map_err(|e| bad_form(&e.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        let mut value = field.bytes().await.map_err(|e| bad_form(&e.body_text()))?;
        if Gunzip::is_begun_by(&value) {
            value = ctx.cpu.run(&client, move || gunzip(&value, limit, left)).await??;
        }
        // The values are copies. The body is kept until its end is read.
        all += value.len();
        ctx.buffers.grow(&mut held, all)?;
        left = left.saturating_sub(value.len());
        fields.0.push((name, value));
        if fields.0.len() > MAX_FIELDS {
            return Err(too_many_fields());
        }
    }
    Ok(Form { fields, held })
}

fn bad_form(detail: &str) -> Problem {
    Problem::new(Kind::Unparsable, format!("the form cannot be read: {}", echo(detail)))
}

fn too_many_fields() -> Problem {
    Problem::new(Kind::Unparsable, format!("the form has more than {MAX_FIELDS} fields"))
}

/// Parses `a=1&b=2`, with `+` for blanks and `%XX` for bytes. A `%` without two hexadecimal digits after it is
/// kept.
pub(crate) fn urlencoded(bytes: &[u8]) -> Result<Fields, Problem> {
    let pairs: Vec<&[u8]> =
        bytes.split(|&b| b == b'&').filter(|p| !p.is_empty()).take(MAX_FIELDS + 1).collect();
    if pairs.len() > MAX_FIELDS {
        return Err(too_many_fields());
    }
    let field = |pair: &[u8]| {
        let at = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
        let name = String::from_utf8_lossy(&decode(&pair[..at])).into_owned();
        (name, decode(pair.get(at + 1..).unwrap_or_default()).into())
    };
    Ok(Fields(pairs.into_iter().map(field).collect()))
}

fn decode(text: &[u8]) -> Vec<u8> {
    let hex = |at: usize| text.get(at).and_then(|&b| char::from(b).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        out.push(match (byte, hex(at), hex(at + 1)) {
            (b'+', ..) => b' ',
            (b'%', Some(high), Some(low)) => {
                at += 2;
                u8::try_from(high * 16 + low).unwrap_or(b'%')
            }
            _ => byte,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urlencoded_forms() {
        let fields = urlencoded(b"seq=M%4bV+LT%0A%&name=&flag&seq=second&x=a=b").unwrap();
        assert_eq!(fields.get("seq"), Some(&b"MKV LT\n%"[..]));
        assert_eq!(fields.get("name"), Some(&b""[..]));
        assert_eq!(fields.get("x"), Some(&b"a=b"[..]));
        assert!(fields.switch("flag").unwrap());
        assert!(!fields.switch("absent").unwrap());
        assert!(fields.switch("seq").is_err());
        assert_eq!(urlencoded(b"seq=%ff").unwrap().get("seq"), Some(&b"\xff"[..]));
        assert!(urlencoded("a=1&".repeat(MAX_FIELDS + 1).as_bytes()).is_err());
    }
}
