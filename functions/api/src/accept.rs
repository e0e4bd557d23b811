//! The media ranges of the header `Accept` (RFC 9110, 12.5.1).

use http::{HeaderMap, header};

/// One media range of an `Accept` header.
pub(crate) struct Range {
    pub(crate) kind: String,
    /// The weight (`q`), in thousandths.
    pub(crate) quality: u16,
}

/// The ranges of `Accept`.
pub(crate) fn accepted(headers: &HeaderMap) -> Vec<Range> {
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
    pub(crate) fn fit(&self, media: &str) -> Option<u8> {
        let (main, _) = media.split_once('/')?;
        match self.kind.split_once('/')? {
            ("*", "*") => Some(1),
            (kind, "*") if kind == main => Some(2),
            _ if self.kind == media => Some(3),
            _ => None,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
