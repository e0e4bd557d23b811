//! The format that the caller wants, from the suffix of the path, `?format=` or `Accept`.

use http::HeaderMap;
use pssp_predict::format::{FORMATS, Format};

use crate::accept::{Range, accepted};
use crate::input::Fields;
use crate::problem::{Kind, Problem};

/// The format of an answer: `asked` (from suffix or query), else the best of all formats for `Accept`. For `*/*`
/// it is `default`.
pub(crate) fn format(headers: &HeaderMap, asked: Option<Format>, default: Format) -> Result<Format, Problem> {
    if let Some(format) = asked {
        return Ok(format);
    }
    let ranges = accepted(headers);
    if ranges.is_empty() {
        return Ok(default);
    }
    best(&ranges, default).ok_or_else(not_acceptable)
}

/// The format that the caller names: in the query (`?format=ss2`), else by the extension of the path.
pub(crate) fn named(query: &Fields, extension: Option<&str>) -> Result<Option<Format>, Problem> {
    match query.text("format")? {
        Some(name) => Format::from_extension(&name).map(Some).ok_or_else(not_acceptable),
        None => Ok(extension.and_then(Format::from_extension)),
    }
}

fn not_acceptable() -> Problem {
    let formats: Vec<String> =
        FORMATS.iter().map(|f| format!(".{} ({})", f.extension(), essence(f.media_type()))).collect();
    Problem::new(Kind::NotAcceptable, format!("formats are {}", formats.join(", ")))
}

/// The format with the highest quality. The most specific matching range decides about each format. On a tie,
/// `default` comes first, then the order of [`FORMATS`].
fn best(ranges: &[Range], default: Format) -> Option<Format> {
    let quality = |format: Format| {
        let media = essence(format.media_type());
        let fits = ranges.iter().filter_map(|range| range.fit(media).map(|fit| (fit, range.quality)));
        fits.max_by_key(|(fit, _)| *fit)
            .map(|(fit, quality)| (quality, fit))
            .filter(|(quality, _)| *quality > 0)
    };
    let candidates = std::iter::once(default).chain(FORMATS.iter().copied());
    let mut best: Option<((u16, u8), Format)> = None;
    for format in candidates {
        let Some(quality) = quality(format) else {
            continue;
        };
        if best.is_none_or(|(known, _)| quality > known) {
            best = Some((quality, format));
        }
    }
    best.map(|(_, format)| format)
}

/// A media type without its parameters.
fn essence(media: &str) -> &str {
    media.split(';').next().unwrap_or(media).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &'static str, expected: Option<Format>) {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::ACCEPT, http::HeaderValue::from_static(accept));
        assert_eq!(format(&headers, None, Format::Json).ok(), expected, "{accept}");
    }

    #[test]
    fn the_best_format_for_accept_headers() {
        check("*/*", Some(Format::Json));
        check("", Some(Format::Json));
        check("application/json", Some(Format::Json));
        check("text/csv", Some(Format::Csv));
        check("TEXT/CSV ; q=0.5, */*;q=0.1", Some(Format::Csv));
        check("text/csv;q=0.1, application/json;q=0.9", Some(Format::Json));
        check("text/plain", Some(Format::Classic));
        check("text/*", Some(Format::Classic));
        check("application/*", Some(Format::Json));
        check("application/x-ndjson, */*;q=0.8", Some(Format::Ndjson));
        check("text/html,application/xhtml+xml,*/*;q=0.8", Some(Format::Json));
        check("application/json;q=0, text/x-fasta", Some(Format::Fasta));
        check("image/png", None);
        check("application/json;q=0", None);
    }
}
