//! The format that the caller wants, from the suffix of the path, `?format=` or `Accept`.

use http::{HeaderMap, header};
use pssp_predict::format::{FORMATS, Format};

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

/// Whether the caller is a browser that wants a page: `Accept` names `text/html`, with a quality not below that of plain
/// text. For `*/*` it is not.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let ranges = accepted(headers);
    let Some(html) = ranges.iter().find(|range| range.kind == "text/html") else { return false };
    let fits = ranges.iter().filter_map(|range| range.fit("text/plain").map(|fit| (fit, range.quality)));
    let plain = fits.max_by_key(|(fit, _)| *fit).map_or(0, |(_, quality)| quality);
    html.quality > 0 && html.quality >= plain
}

fn not_acceptable() -> Problem {
    let formats: Vec<String> =
        FORMATS.iter().map(|f| format!(".{} ({})", f.extension(), essence(f.media_type()))).collect();
    Problem::new(Kind::NotAcceptable, format!("formats are {}", formats.join(", ")))
}

/// One media range of an `Accept` header.
struct Range {
    kind: String,
    /// The weight (`q`), in thousandths.
    quality: u16,
}

fn accepted(headers: &HeaderMap) -> Vec<Range> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok());
    values.flat_map(|v| v.split(',')).filter_map(Range::parse).collect()
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next().filter(|kind| kind.contains('/'))?.to_ascii_lowercase();
        let quality = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
        let quality = quality.map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0)).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        Some(Self { kind, quality: (quality * 1000.0) as u16 })
    }

    /// How specific this range is, if it matches `media`.
    fn fit(&self, media: &str) -> Option<u8> {
        let (main, _) = media.split_once('/')?;
        match self.kind.split_once('/')? {
            ("*", "*") => Some(1),
            (kind, "*") if kind == main => Some(2),
            _ if self.kind == media => Some(3),
            _ => None,
        }
    }
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
        headers.insert(header::ACCEPT, http::HeaderValue::from_static(accept));
        assert_eq!(format(&headers, None, Format::Json).ok(), expected, "{accept}");
    }

    #[test]
    fn browsers_want_a_page() {
        for (accept, expected) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("text/html", true),
            ("text/html, text/plain", true),
            ("text/html;q=0.5, text/plain", false),
            ("text/html;q=0.5, */*", false),
            ("text/html;q=0", false),
            ("text/*", false),
            ("*/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, http::HeaderValue::from_static(accept));
            assert_eq!(wants_page(&headers), expected, "{accept}");
        }
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
