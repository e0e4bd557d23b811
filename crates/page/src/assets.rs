//! The files that pages load. A name contains a digest of the bytes, so a browser may keep a file for good.

use std::sync::LazyLock;

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

const STYLE: Asset = Asset {
    name: "page.css",
    media_type: "text/css; charset=utf-8",
    bytes: include_bytes!("../assets/page.css"),
};
const SCRIPT: Asset = Asset {
    name: "page.js",
    media_type: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../assets/page.js"),
};
const ICON: Asset =
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

/// The paths of the files, as every page names them.
pub(crate) struct Paths {
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) icon: String,
}

/// Computed once.
pub(crate) static PATHS: LazyLock<Paths> =
    LazyLock::new(|| Paths { style: STYLE.path(), script: SCRIPT.path(), icon: ICON.path() });

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
