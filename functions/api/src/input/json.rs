//! The JSON forms of a job and of a batch.

use std::fmt;

use bytes::Bytes;
use pssp_api_types::{JobRequest, Options};
use pssp_jobs::intake::{Draft, List, Listed};
use pssp_predict::sequence::{ErrorCode, InputError};
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::problem::{Kind, Problem, echo};

/// UTF-8's byte-order mark, which some programs write at the beginning of a file.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The most entries of a list that are read. It is far above any limit that an operator would set. It is needed
/// because a small `{}` in the body becomes a much larger record in memory.
const MAX_LISTED: usize = 100_000;

/// A batch with options. (A batch without options may be just the list.) It has the form of
/// [`pssp_api_types::BatchRequest`], but is read entry by entry: an invalid entry does not affect the others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchForm<'a> {
    #[serde(borrow)]
    records: Entries<'a>,
    #[serde(default)]
    options: Options,
}

/// Reads a job from a body.
pub(super) fn job(bytes: &[u8]) -> Result<Draft, Problem> {
    let text = utf8(bytes)?;
    // `serde_json` would accept a list of the values of the fields. But a list is probably a batch.
    if is_list(text) {
        let fault = InputError::new(
            ErrorCode::BadJson,
            "a list, where one job is expected",
            "send a list to /v1/batches",
        );
        return Err(Problem::new(Kind::Unparsable, "the body is a list").with_fault(fault.at(1, 1)));
    }
    let form: JobRequest = parse(text)?;
    Ok(Draft { name: form.name, input: form.sequence.into_bytes(), force: form.options.force })
}

/// The entries of a batch, and the option `force`.
pub(super) fn batch(body: &Bytes) -> Result<(JsonList, bool), Problem> {
    let text = utf8(body)?;
    let (Entries(entries), force) = if is_list(text) {
        (parse(text)?, false)
    } else {
        let BatchForm { records, options } = parse(text)?;
        (records, options.force)
    };
    let entries = entries.into_iter().map(|entry| body.slice_ref(entry.get().as_bytes())).collect();
    Ok((JsonList(entries), force))
}

/// A list of records, each as its JSON text in the body.
#[derive(Debug)]
pub(super) struct JsonList(Vec<Bytes>);

impl List for JsonList {
    fn entry(&self, index: usize) -> Option<Listed> {
        let text = self.0.get(index)?;
        Some(serde_json::from_slice(text).map_or_else(
            // The text is valid JSON, so only its meaning can be wrong: half of a surrogate pair.
            |_| Entry::Other(IgnoredAny).into_listed(),
            Entry::into_listed,
        ))
    }
}

fn is_list(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"[")
}

/// The text without a byte-order mark, or an error if it is not in UTF-8. JSON begins with two ASCII characters,
/// so a NUL in the first two bytes shows UTF-16 or UTF-32 (RFC 4627, section 3).
fn utf8(bytes: &[u8]) -> Result<&[u8], Problem> {
    let encoding = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, _, ..] | [_, 0, 0, 0, ..] => "UTF-32",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => "UTF-16",
        _ => return Ok(bytes.strip_prefix(BOM).unwrap_or(bytes)),
    };
    let fault =
        InputError::new(ErrorCode::BadEncoding, format!("the body is {encoding}"), "send JSON in UTF-8");
    Err(not_expected(fault.at(1, 1)))
}

/// Parses JSON. An error contains line and column.
fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(text).map_err(|error| {
        let detail = echo(&error.to_string());
        let fault = InputError::new(ErrorCode::BadJson, detail, "see /openapi.json for the fields");
        not_expected(fault.at(error.line(), error.column().max(1)))
    })
}

fn not_expected(fault: InputError) -> Problem {
    Problem::new(Kind::Unparsable, "the body is not the JSON that is expected here").with_fault(fault)
}

/// The entries of a list, as JSON texts.
struct Entries<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor).map(Self)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of {name, sequence}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element::<&RawValue>()? {
            if entries.len() == MAX_LISTED {
                return Err(A::Error::custom(format_args!("more than {MAX_LISTED} records")));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// An entry of a list: an object, or something else. An error in one entry does not affect the others.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Object(Object),
    Other(IgnoredAny),
}

impl Entry {
    fn into_listed(self) -> Listed {
        let other = |detail: String| Listed::Other {
            detail,
            hint: "send an object with sequence and, if you like, name, both text".to_owned(),
        };
        match self {
            Self::Object(Object { fault: Some(fault), .. }) => other(fault),
            Self::Object(Object { name, sequence, .. }) => {
                Listed::Record { name, sequence: sequence.unwrap_or_default() }
            }
            Self::Other(_) => other("this entry is no record".to_owned()),
        }
    }
}

/// The fields of a record, and the first error in them.
#[derive(Default)]
struct Object {
    name: Option<String>,
    sequence: Option<String>,
    fault: Option<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object {name, sequence}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let (mut object, mut seen) = (Object::default(), [false; 2]);
        while let Some(field) = map.next_key::<String>()? {
            let (slot, seen) = match field.as_str() {
                "name" => (&mut object.name, &mut seen[0]),
                "sequence" => (&mut object.sequence, &mut seen[1]),
                other => {
                    map.next_value::<IgnoredAny>()?;
                    object.fault.get_or_insert_with(|| format!("the field {:?} is unknown", echo(other)));
                    continue;
                }
            };
            let fault = match (map.next_value()?, std::mem::replace(seen, true)) {
                (_, true) => "is there twice",
                (Value::Text(text), false) => {
                    *slot = text;
                    continue;
                }
                (Value::Other(_), false) => "is not text",
            };
            object.fault.get_or_insert_with(|| format!("the field {field:?} {fault}"));
        }
        Ok(object)
    }
}

/// The value of a field that must be text or null.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Text(Option<String>),
    Other(IgnoredAny),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_records_or_errors() {
        let list = br#"[{"name": "a", "sequence": "MKV"}, {"name": null}, {"id": 1, "sequence": "MKV"},
            {"sequence": 5}, {"sequence": "A", "sequence": "C"}, null, "MKV", [], {"sequence": {"id": []}},
            {"sequence": "\ud800"}]"#;
        let (entries, force) = batch(&Bytes::from_static(list)).unwrap();
        assert!(!force);
        let outline: Vec<String> = (0..)
            .map_while(|index| entries.entry(index))
            .map(|entry| match entry {
                Listed::Record { name, sequence } => format!("{name:?} {sequence}"),
                Listed::Other { detail, .. } => detail,
            })
            .collect();
        let expected = [
            "Some(\"a\") MKV",
            "None ",
            "the field \"id\" is unknown",
            "the field \"sequence\" is not text",
            "the field \"sequence\" is there twice",
            "this entry is no record",
            "this entry is no record",
            "this entry is no record",
            "the field \"sequence\" is not text",
            "this entry is no record",
        ];
        assert_eq!(outline, expected);
    }
}
