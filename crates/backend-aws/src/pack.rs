//! Stored forms of large texts and bytes: compressed by deflate if that makes them smaller.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use pssp_jobs::StoreError;

use pssp_jobs::error::corrupt;

/// The first byte is the form of the bytes after it.
const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

/// At most one byte longer than `bytes`.
pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(vec![DEFLATED], Compression::default());
    let deflated = encoder.write_all(bytes).and_then(|()| encoder.finish());
    match deflated {
        Ok(deflated) if deflated.len() <= bytes.len() => deflated,
        _ => plain(bytes),
    }
}

/// Stores the bytes without compression, for data that is compressed already.
pub(crate) fn plain(bytes: &[u8]) -> Vec<u8> {
    [&[PLAIN], bytes].concat()
}

pub(crate) fn unpack(what: &str, packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    match packed.split_first() {
        Some((&PLAIN, bytes)) => Ok(bytes.to_vec()),
        Some((&DEFLATED, deflated)) => {
            let mut bytes = Vec::with_capacity(deflated.len() * 2);
            let read = DeflateDecoder::new(deflated).read_to_end(&mut bytes);
            read.map(|_| bytes).map_err(|error| corrupt(what, error))
        }
        _ => Err(corrupt(what, "packed in a way that is not known here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_keeps_the_bytes_and_adds_at_most_one() {
        let noise: Vec<u8> = (0..5000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        for bytes in [&b""[..], b"x", &[7; 10_000], &noise] {
            let packed = pack(bytes);
            assert!(packed.len() <= bytes.len() + 1);
            assert_eq!(unpack("test", &packed).unwrap(), bytes);
        }
        assert!(pack(&[7; 10_000]).len() < 100);
        for bad in [&b""[..], b"\x02abc", b"\x01\xff\xff"] {
            assert!(matches!(unpack("test", bad), Err(StoreError::Corrupt(_))), "{bad:?}");
        }
    }
}
