//! Parameters of URLs.

/// The URL with this parameter, in place of one of the same name.
pub(crate) fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let others = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name));
    let pairs: Vec<String> =
        others.map(str::to_owned).chain(std::iter::once(format!("{name}={value}"))).collect();
    format!("{place}?{}", pairs.join("&"))
}

/// The URL for people: without user, password and parameters. Of one that cannot be right only the scheme, since its
/// password may be anywhere.
pub(crate) fn shown(url: &str) -> String {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    match place.split_once("://") {
        Some((scheme, rest)) if !query.contains('@') && rest.matches('@').count() <= 1 => {
            format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or_default())
        }
        _ => format!("{}:…", url.split(':').next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_replaced_and_added() {
        assert_eq!(with_parameter("redis://h", "prefix", "x"), "redis://h?prefix=x");
        assert_eq!(with_parameter("p://h/d?schema=a&b=c", "schema", "x"), "p://h/d?b=c&schema=x");
        assert_eq!(shown("postgres://u:p%40@h:1/d?schema=a"), "postgres://h:1/d");
        for url in
            ["postgres:u:secret@h/d", "redis:u:secret", "postgres://u:se?cret@h/d", "redis://u:se@cret@h"]
        {
            assert!(!shown(url).contains("secret") && !shown(url).contains("/u"), "{}", shown(url));
        }
    }
}
