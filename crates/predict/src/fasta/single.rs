//! Reads one sequence as a FASTA input with one record.

use super::{Header, Reader};
use crate::sequence::{CleanOptions, Cleaned, InputErrors, WarningCode, empty_body, several_records};

/// Cleans one sequence, with or without a FASTA header, and returns the header too.
///
/// It uses the reader of [`fasta`](crate::fasta) and accepts one record.
///
/// # Errors
/// As [`clean`](crate::sequence::clean()); also for an empty input and for several records.
pub fn clean_single(raw: &[u8], options: &CleanOptions) -> Result<(Option<Header>, Cleaned), InputErrors> {
    let mut records = Reader::with_limit(raw, raw.len());
    let Some(Ok(record)) = records.next() else {
        return Err(empty_body().into());
    };
    if let Some(problem) = record.problem {
        return Err(problem.in_record(None).into());
    }
    if let Some(Ok(second)) = records.next() {
        return Err(several_records().at(second.line, None).into());
    }
    let mut cleaned = record.clean(options).map_err(|errors| errors.in_record(None))?;
    // A single sequence needs no header.
    if record.header.is_none() {
        cleaned.warnings.retain(|warning| warning.code != WarningCode::MissingId);
    }
    Ok((record.header, cleaned))
}
