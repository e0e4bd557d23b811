//! Decompresses gzip like gzip(1): several members one after the other, and zeros after the last one.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The first bytes of a gzip stream (RFC 1952).
const MAGIC: &[u8] = &[0x1f, 0x8b];

/// Most members of a stream. Files of bgzip have one for each 64 KiB. An empty member is 20 bytes long and takes
/// longer to read than its length suggests.
const MAX_MEMBERS: usize = 10_000;

/// A reader of the decompressed `packed`. It returns an error if the data is not gzip, is truncated, has
/// other bytes than gzip or zeros after a member, or has very many members.
pub fn gunzip<R: BufRead>(packed: R) -> Gunzip<R> {
    Gunzip { member: Some(GzDecoder::new(packed)), members: 1 }
}

/// The reader of [`gunzip`].
#[derive(Debug)]
pub struct Gunzip<R> {
    member: Option<GzDecoder<R>>,
    members: usize,
}

impl Gunzip<()> {
    /// Whether `bytes`, the beginning of some data, begin a gzip stream.
    #[must_use]
    pub fn is_begun_by(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let read = member.read(into)?;
            if read > 0 {
                return Ok(read);
            }
            let rest = self.member.take().map(GzDecoder::into_inner);
            self.member = rest.map(after_member).transpose()?.flatten();
            self.members += 1;
            if self.member.is_some() && self.members > MAX_MEMBERS {
                self.member = None;
                return Err(io::Error::other(format!("it has more than {MAX_MEMBERS} members")));
            }
        }
        Ok(0)
    }
}

/// The next member, if there is one. Tapes and some file systems fill the last block with zeros.
fn after_member<R: BufRead>(mut rest: R) -> io::Result<Option<GzDecoder<R>>> {
    loop {
        let bytes = rest.fill_buf()?;
        match bytes.iter().position(|&byte| byte != 0) {
            Some(zeros) => {
                rest.consume(zeros);
                return Ok(Some(GzDecoder::new(rest)));
            }
            None if bytes.is_empty() => return Ok(None),
            None => {
                let zeros = bytes.len();
                rest.consume(zeros);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use super::*;

    fn pack(text: &str) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    }

    fn unpack(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        // A small buffer, so that zeros and members cross its borders.
        gunzip(BufReader::with_capacity(7, bytes)).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn members_and_zeros() {
        let (a, b) = (pack(">a\nMKV\n"), pack(">b\nAYG\n"));
        let zeros = vec![0; 600];
        for (packed, text) in [
            (a.clone(), ">a\nMKV\n"),
            ([&a[..], &b].concat(), ">a\nMKV\n>b\nAYG\n"),
            ([&a[..], &zeros].concat(), ">a\nMKV\n"),
            ([&a[..], &zeros, &b, &zeros].concat(), ">a\nMKV\n>b\nAYG\n"),
            ([&pack("")[..], &a, &pack("")].concat(), ">a\nMKV\n"),
        ] {
            assert_eq!(unpack(&packed).unwrap(), text);
        }
    }

    #[test]
    fn members_are_limited() {
        let text = pack(">a\nMKV\n");
        let most = [pack("").repeat(MAX_MEMBERS - 1), text.clone()].concat();
        assert_eq!(unpack(&most).unwrap(), ">a\nMKV\n");
        assert!(unpack(&[&most[..], &text].concat()).unwrap_err().to_string().contains("members"));
    }

    #[test]
    fn other_data_and_truncated_gzip_are_errors() {
        let a = pack(">a\nMKV\n");
        let with_text = [&a[..], b">b\nMKV\n"].concat();
        let with_text_after_zeros = [&a[..], &[0; 9], b"x"].concat();
        for bad in
            [b"".as_slice(), b">a\nMKV\n", &a[..a.len() - 3], &a[..5], &with_text, &with_text_after_zeros]
        {
            assert!(unpack(bad).is_err(), "{bad:?}");
        }
    }
}
