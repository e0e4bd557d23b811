//! The files that pages load. A name contains a digest of the bytes, so a browser may keep a file for good.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
}

pub(crate) const STYLE: Asset = Asset {
    name: "page.css",
    media_type: "text/css; charset=utf-8",
    bytes: include_bytes!("../assets/page.css"),
};
pub(crate) const SCRIPT: Asset = Asset {
    name: "page.js",
    media_type: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../assets/page.js"),
};
pub(crate) const ICON: Asset =
    Asset { name: "icon.svg", media_type: "image/svg+xml", bytes: include_bytes!("../assets/icon.svg") };

const ASSETS: [Asset; 3] = [STYLE, SCRIPT, ICON];

impl Asset {
    /// The path below the root of the service: `assets/{digest}-{name}`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("assets/{}-{}", self.digest(), self.name)
    }

    fn digest(&self) -> String {
        base16ct::lower::encode_string(&Sha256::digest(self.bytes)[..6])
    }
}

/// The file whose last part of the path is `file`, and whether the digest is that of its bytes. A page of another
/// release asks for another digest; it gets the file of this one.
#[must_use]
pub fn asset(file: &str) -> Option<(Asset, bool)> {
    let (digest, name) = file.split_once('-')?;
    let asset = ASSETS.into_iter().find(|asset| asset.name == name)?;
    Some((asset, digest == asset.digest()))
}

/// The paths of the files, in one text for the tag of a page: when a file changes, so does every page.
pub(crate) fn paths() -> &'static [String; 3] {
    static PATHS: OnceLock<[String; 3]> = OnceLock::new();
    PATHS.get_or_init(|| ASSETS.map(|asset| asset.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_name_with_any_digest() {
        let path = STYLE.path();
        let file = path.strip_prefix("assets/").expect("below assets");
        assert_eq!(asset(file), Some((STYLE, true)));
        assert_eq!(asset("000000000000-page.css"), Some((STYLE, false)));
        assert_eq!(asset("000000000000-other.css"), None);
        assert_eq!(asset("page.css"), None);
    }
}
