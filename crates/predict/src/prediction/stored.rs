//! The compact stored form of a prediction.
//!
//! The bytes `pssp`, the version (1), then in little endian: the length of the method as JSON (u32), the
//! method, the number of residues (u32), and a zlib stream with parts of fixed size in this order:
//!
//! 1. the labels of each track, with SS8 before SS3, because SS3 may refer to SS8. A label is stored as the
//!    difference to the most probable letter (nearly always 0). One byte for the kind of the track's
//!    columns follows;
//! 2. the columns of each track and the RSA, as 16-bit values. The last column of a track is not stored,
//!    because each row sums to 1000. All low bytes come first, then all high bytes, because this compresses
//!    better.
//!
//! SS3 columns are stored as the difference to the sums of the SS8 columns if these differences are small.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::{MalformedPrediction, Prediction, Track};
use crate::{Method, Property};

const MAGIC: &[u8; 4] = b"pssp";
const VERSION: u8 = 1;

/// The longest chain that is decoded. It bounds the memory that is allocated for a damaged length.
const MAX_RESIDUES: usize = 1_000_000;

/// The tracks in the order in which they are stored.
const STORED_ORDER: [Property; 6] =
    [Property::Ss8, Property::Ss3, Property::Acc, Property::Dis, Property::Tm2, Property::Tm8];

/// The SS8 columns (`H G I E B T S L`) whose sums are the SS3 columns `H` and `E`.
const SS3_OF_SS8: [&[usize]; 2] = [&[0, 1, 2], &[3, 4]];

/// The kinds of columns: the values themselves, or differences to the sums of SS8.
const PLAIN: u8 = 0;
const FROM_SS8: u8 = 1;

/// The largest mean difference, in per mille, for which differences are stored.
const MAX_MEAN_DIFFERENCE: u64 = 32;

pub(super) fn encode(prediction: &Prediction) -> Vec<u8> {
    let method = serde_json::to_vec(prediction.method()).unwrap_or_default();
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    put_length(&mut out, method.len());
    out.extend_from_slice(&method);
    put_length(&mut out, prediction.len());
    deflate(out, &parts(prediction))
}

/// Lengths in memory fit in 32 bits: a chain has at most a million residues.
fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn deflate(out: Vec<u8>, parts: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(out, Compression::new(6));
    let written = encoder.write_all(parts);
    debug_assert!(written.is_ok(), "writing to memory does not fail");
    encoder.finish().unwrap_or_default()
}

fn parts(prediction: &Prediction) -> Vec<u8> {
    let mut out = Vec::new();
    let mut columns: Vec<Vec<u16>> = Vec::new();
    for property in STORED_ORDER {
        let track = prediction.track(property);
        out.extend((0..prediction.len()).map(|i| label_offset(track, i)));
        let base = ss3_base(prediction).filter(|_| property == Property::Ss3);
        out.push(if base.is_some() { FROM_SS8 } else { PLAIN });
        let stored = &track.columns[..track.columns.len() - 1];
        match base {
            Some(base) => columns.extend(stored.iter().zip(&base).map(|(c, b)| differences(c, b))),
            None => columns.extend_from_slice(stored),
        }
    }
    columns.push(prediction.rsa().to_vec());
    out.extend(columns.iter().flatten().map(|v| v.to_le_bytes()[0]));
    out.extend(columns.iter().flatten().map(|v| v.to_le_bytes()[1]));
    out
}

/// The distance from the most probable letter to the label, in columns; the alphabet is cyclic.
fn label_offset(track: &Track, i: usize) -> u8 {
    let k = track.columns.len();
    let label = track.property.column(track.labels[i]).unwrap_or(0);
    u8::try_from((label + k - most_probable(&track.columns, i)) % k).unwrap_or(0)
}

/// The first of the most probable columns at residue `i`.
fn most_probable(columns: &[Vec<u16>], i: usize) -> usize {
    let mut best = 0;
    for (c, column) in columns.iter().enumerate() {
        if column[i] > columns[best][i] {
            best = c;
        }
    }
    best
}

/// The sums of SS8 for the SS3 columns, if they are close to the SS3 columns.
fn ss3_base(prediction: &Prediction) -> Option<Vec<Vec<u16>>> {
    let base = ss8_sums(&prediction.track(Property::Ss8).columns);
    let ss3 = &prediction.track(Property::Ss3).columns;
    let apart: u64 =
        base.iter().zip(ss3).flat_map(|(b, c)| b.iter().zip(c)).map(|(b, c)| u64::from(b.abs_diff(*c))).sum();
    let values = u64::try_from(2 * prediction.len()).unwrap_or(u64::MAX);
    (apart <= MAX_MEAN_DIFFERENCE * values).then_some(base)
}

fn ss8_sums(ss8: &[Vec<u16>]) -> Vec<Vec<u16>> {
    let n = ss8[0].len();
    let sum = |parts: &[usize], i: usize| parts.iter().map(|&c| ss8[c][i]).sum();
    SS3_OF_SS8.iter().map(|parts| (0..n).map(|i| sum(parts, i)).collect()).collect()
}

/// The differences with the sign in the lowest bit, so that small differences are small numbers.
fn differences(column: &[u16], base: &[u16]) -> Vec<u16> {
    let fold = |(c, b): (&u16, &u16)| {
        if c >= b { (c - b) << 1 } else { ((b - c) << 1) - 1 }
    };
    column.iter().zip(base).map(fold).collect()
}

fn undo_differences(column: &mut [u16], base: &[u16]) {
    for (c, b) in column.iter_mut().zip(base) {
        let apart = c.div_ceil(2);
        *c = if *c % 2 == 0 { b.saturating_add(apart) } else { b.saturating_sub(apart) };
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<Prediction, MalformedPrediction> {
    let mut input = Input(bytes);
    if input.take(MAGIC.len())? != MAGIC {
        return Err(malformed("not a stored prediction"));
    }
    match input.take(1)? {
        [VERSION] => {}
        other => {
            return Err(malformed(&format!("stored in version {other:?}, not {VERSION}")));
        }
    }
    let method_length = input.length()?;
    let method: Method =
        serde_json::from_slice(input.take(method_length)?).map_err(|e| malformed(&format!("method: {e}")))?;
    let n = input.length()?;
    if n > MAX_RESIDUES {
        return Err(malformed(&format!("{n} residues are more than {MAX_RESIDUES}")));
    }
    let parts = inflate(input.0, parts_length(n))?;
    let (tracks, rsa) = read_parts(&parts, n)?;
    Prediction::new(method, tracks, rsa)
}

fn malformed(what: &str) -> MalformedPrediction {
    MalformedPrediction(what.to_owned())
}

fn stored_columns() -> usize {
    STORED_ORDER.iter().map(|p| p.alphabet().len() - 1).sum::<usize>() + 1
}

fn parts_length(n: usize) -> usize {
    STORED_ORDER.len() * (n + 1) + 2 * n * stored_columns()
}

/// Inflates to exactly `length` bytes. Memory grows only with the bytes that are really there.
fn inflate(bytes: &[u8], length: usize) -> Result<Vec<u8>, MalformedPrediction> {
    let mut parts = Vec::new();
    let limit = u64::try_from(length).unwrap_or(u64::MAX) + 1;
    ZlibDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut parts)
        .map_err(|e| malformed(&format!("zlib: {e}")))?;
    if parts.len() != length {
        return Err(malformed("another number of values than residues"));
    }
    Ok(parts)
}

/// Reads the result of [`parts`]. The caller has checked that it has the right length for `n` residues.
fn read_parts(parts: &[u8], n: usize) -> Result<(Vec<Track>, Vec<u16>), MalformedPrediction> {
    let (labels, values) = parts.split_at(STORED_ORDER.len() * (n + 1));
    let (low, high) = values.split_at(n * stored_columns());
    let mut numbers = low.iter().zip(high).map(|(&l, &h)| u16::from_le_bytes([l, h]));
    let mut column = || numbers.by_ref().take(n).collect::<Vec<u16>>();
    let mut tracks: Vec<Track> = Vec::with_capacity(STORED_ORDER.len());
    for (part, property) in labels.chunks_exact(n + 1).zip(STORED_ORDER) {
        let mut columns: Vec<Vec<u16>> = (1..property.alphabet().len()).map(|_| column()).collect();
        match (part[n], tracks.first()) {
            (PLAIN, _) => {}
            (FROM_SS8, Some(ss8)) if property == Property::Ss3 => {
                for (column, base) in columns.iter_mut().zip(ss8_sums(&ss8.columns)) {
                    undo_differences(column, &base);
                }
            }
            (kind, _) => return Err(malformed(&format!("columns of kind {kind}"))),
        }
        columns.push(last_column(&columns, n)?);
        let labels = read_labels(&part[..n], &columns, property);
        tracks.push(Track { property, labels, columns });
    }
    let rsa = column();
    tracks.sort_by_key(|track| track.property);
    Ok((tracks, rsa))
}

fn last_column(columns: &[Vec<u16>], n: usize) -> Result<Vec<u16>, MalformedPrediction> {
    (0..n)
        .map(|i| {
            let sum: u32 = columns.iter().map(|c| u32::from(c[i])).sum();
            let rest = 1000_u32.checked_sub(sum).and_then(|rest| u16::try_from(rest).ok());
            rest.ok_or_else(|| malformed(&format!("probabilities of residue {} over 1", i + 1)))
        })
        .collect()
}

fn read_labels(offsets: &[u8], columns: &[Vec<u16>], property: Property) -> Vec<u8> {
    let alphabet = property.alphabet();
    let letter = |(i, &offset): (usize, &u8)| {
        alphabet[(most_probable(columns, i) + usize::from(offset)) % alphabet.len()].letter
    };
    offsets.iter().enumerate().map(letter).collect()
}

/// The bytes that are not read yet.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], MalformedPrediction> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| malformed("cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn length(&mut self) -> Result<usize, MalformedPrediction> {
        let bytes = self.take(4)?.try_into().map_err(|_| malformed("cut short"))?;
        usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| malformed("a length over 32 bits"))
    }
}
