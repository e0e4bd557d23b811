//! Reads sequences from files, from stdin, or from the command line itself. Unpacks gzip.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, IsTerminal, Read};
use std::path::{Path, PathBuf};

use pssp_jobs::intake::{Gunzip, gunzip};

use crate::args::InputArgs;
use crate::exit::Failure;

/// The hint of the error if there is no input.
const NO_INPUT: &str = "give a FASTA file, a sequence, or - to read stdin";

/// One source of sequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Stdin,
    File(PathBuf),
    /// A sequence given on the command line.
    Literal(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::File(path) => path.display().fmt(f),
            Self::Literal(_) => f.write_str("command line"),
        }
    }
}

impl Source {
    /// The source that an argument names, by the first rule that fits: `-` is stdin; the path of a file that exists is
    /// that file; letters only are a sequence.
    fn parse(text: &str) -> Result<Self, Failure> {
        let path = Path::new(text);
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if path.exists() {
            return Ok(Self::File(path.to_owned()));
        }
        let looks_like_residues = |c: char| c.is_ascii_alphabetic() || matches!(c, '*' | '-' | ' ');
        if text.len() > 1 && text.chars().all(looks_like_residues) {
            return Ok(Self::Literal(text.to_owned()));
        }
        Err(Failure::usage(format!("no such file: {text}"), NO_INPUT))
    }

    /// Opens the source, and unpacks gzip.
    pub(crate) fn open(&self) -> Result<Box<dyn BufRead + Send>, Failure> {
        let raw: Box<dyn BufRead + Send> = match self {
            Self::Stdin if io::stdin().is_terminal() => return Err(Failure::usage("no input", NO_INPUT)),
            Self::Stdin => Box::new(BufReader::with_capacity(1 << 16, io::stdin())),
            Self::File(path) => {
                let file = File::open(path).map_err(|e| self.unreadable(&e))?;
                Box::new(BufReader::with_capacity(1 << 16, file))
            }
            Self::Literal(text) => Box::new(Cursor::new(text.clone().into_bytes())),
        };
        unpack(raw).map_err(|e| self.unreadable(&e))
    }

    /// Reads the whole source, for the body of a request. More than `limit` bytes are an error.
    pub(crate) fn read(&self, limit: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let taken = self.open()?.take(limit + 1).read_to_end(&mut bytes);
        taken.map_err(|e| self.unreadable(&e))?;
        if bytes.len() as u64 > limit {
            let message = format!("{self}: more than {} MiB", limit >> 20);
            return Err(Failure::usage(message, "split it, or predict it here with `pssp predict`"));
        }
        Ok(bytes)
    }

    pub(crate) fn unreadable(&self, error: &io::Error) -> Failure {
        Failure::usage(format!("cannot read {self}: {error}"), "check the file and its permissions")
    }
}

/// The sources that the arguments name. Without arguments: stdin.
pub(crate) fn sources(args: &InputArgs) -> Result<Vec<Source>, Failure> {
    if args.input.is_empty() {
        return Ok(vec![Source::Stdin]);
    }
    args.input.iter().map(|text| Source::parse(text)).collect()
}

fn unpack(mut raw: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    if Gunzip::is_begun_by(raw.fill_buf()?) {
        return Ok(Box::new(BufReader::with_capacity(1 << 16, gunzip(raw))));
    }
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_kind_of_each_argument_is_recognised() {
        assert_eq!(Source::parse("-").unwrap(), Source::Stdin);
        assert_eq!(Source::parse("Cargo.toml").unwrap(), Source::File("Cargo.toml".into()));
        assert_eq!(Source::parse("MKV*").unwrap(), Source::Literal("MKV*".into()));
        assert!(
            Source::parse("missing.fasta").unwrap_err().to_string().contains("no such file: missing.fasta")
        );
    }

    #[test]
    fn gzip_is_unpacked() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b">a\nMKV\n").unwrap();
        let mut text = String::new();
        unpack(Box::new(Cursor::new(gz.finish().unwrap()))).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, ">a\nMKV\n");
    }
}
