//! Where a request comes from: a page of this service, or a page of somebody else.
//!
//! A browser sends the cookies of this service with a request that another site causes. So what changes something is
//! refused if it comes from another site.

use http::{HeaderMap, Uri, header};

/// Whether a page of another site has caused this request.
///
/// Browsers say so (`Sec-Fetch-Site`) over https and on this machine. Over plain http they send `Origin` with what changes
/// something. It is `null` where a page hides it, which ours do not.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, None) => false, // no browser
        (None, Some(origin)) => {
            let host =
                origin.parse::<Uri>().ok().and_then(|origin| origin.authority().map(ToString::to_string));
            let own = [text(header::HOST.as_str()), text("x-forwarded-host")];
            host.is_none_or(|host| !own.contains(&Some(host.as_str())))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn check(headers: &[(&'static str, &str)], expected: bool) {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        assert_eq!(is_foreign(&map), expected, "{headers:?}");
    }

    #[test]
    fn other_sites_are_recognized() {
        check(&[], false);
        check(&[("sec-fetch-site", "same-origin"), ("origin", "null")], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("sec-fetch-site", "same-site")], true);
        check(&[("sec-fetch-site", "cross-site")], true);
        check(&[("origin", "null"), ("host", "a.example")], true);
        check(&[("origin", "https://a.example"), ("host", "a.example")], false);
        check(&[("origin", "http://a.example:5000"), ("host", "a.example:5000")], false);
        check(
            &[("origin", "https://a.example"), ("host", "10.0.0.1"), ("x-forwarded-host", "a.example")],
            false,
        );
        check(&[("origin", "https://b.example"), ("host", "a.example")], true);
        check(&[("origin", "nonsense with blanks"), ("host", "a.example")], true);
    }
}
