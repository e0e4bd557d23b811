//! The operator's command line: words, placeholders, the program's file and its digest.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use sha2::{Digest, Sha256};

/// Replaced by the path of the FASTA file.
const INPUT: &str = "{input}";
/// Replaced by the path of the file that the program is to write; without it, its output is read.
const OUTPUT: &str = "{output}";

/// Where programs without a folder are looked for, and the `PATH` that they get.
pub(crate) const SEARCH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Why a command cannot be used; the start is refused with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCommand(pub(crate) String);

/// A command line whose program was there when it was read.
#[derive(Debug, Clone)]
pub struct Command {
    program: PathBuf,
    arguments: Vec<String>,
    sha256: String,
    files: Vec<(PathBuf, Stamp)>,
}

/// What changes when a file is replaced or edited.
type Stamp = (u64, u64, u64, i64, i64);

impl Command {
    /// Reads a command line: a JSON list of strings, or words with the quotes of a POSIX shell, of which
    /// nothing else is interpreted (no variables, no globs, no pipes). One word must hold `{input}`.
    ///
    /// # Errors
    /// If it is not such a line, or the program is not a file that may be run.
    pub fn parse(text: &str) -> Result<Self, BadCommand> {
        let mut words = words(text)?.into_iter();
        let program = resolve(&words.next().ok_or_else(|| bad("no program is named"))?)?;
        let arguments: Vec<String> = words.collect();
        if !arguments.iter().any(|word| word.contains(INPUT)) {
            return Err(bad("no argument holds {input}, the place of the FASTA file"));
        }
        if let Some(fault) = interpreter_fault(&program) {
            return Err(bad(format!("{}: {fault}", program.display())));
        }
        let (sha256, files) = fingerprint(&program, &arguments)?;
        Ok(Self { program, arguments, sha256, files })
    }

    /// SHA-256 of the program's file in lower-case hex. Where arguments name files (the script of an
    /// interpreter, a model), it is that of all their digests in order, as hex lines.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The program's file.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Whether the program writes a file, instead of to its standard output.
    pub(crate) fn writes_a_file(&self) -> bool {
        self.arguments.iter().any(|word| word.contains(OUTPUT))
    }

    /// The arguments with both places filled in.
    pub(crate) fn arguments(&self, input: &str, output: &str) -> Vec<OsString> {
        self.arguments.iter().map(|word| word.replace(INPUT, input).replace(OUTPUT, output).into()).collect()
    }

    /// Names a file that is no longer what it was at the start: results would have the wrong digest.
    pub(crate) fn changed(&self) -> Option<String> {
        let is_other = |(path, before): &&(PathBuf, Stamp)| stamp(path).ok().as_ref() != Some(before);
        self.files.iter().find(is_other).map(|(path, _)| {
            format!("{} is not what it was when this service started: restart it", path.display())
        })
    }
}

fn bad(text: impl Into<String>) -> BadCommand {
    BadCommand(text.into())
}

fn words(text: &str) -> Result<Vec<String>, BadCommand> {
    if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|e| bad(format!("not a JSON list of strings: {e}")))
    } else {
        shlex::split(text).ok_or_else(|| bad("a quote is not closed, or a backslash ends the line"))
    }
}

/// The absolute path of the program.
fn resolve(word: &str) -> Result<PathBuf, BadCommand> {
    let candidates: Vec<PathBuf> = match word {
        path if path.starts_with('/') => vec![path.into()],
        path if path.contains('/') => {
            return Err(bad(format!("{path} is a relative path, but each job has a folder of its own")));
        }
        name => SEARCH.split(':').map(|folder| Path::new(folder).join(name)).collect(),
    };
    let runs =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    candidates.into_iter().find(runs).ok_or_else(|| {
        let place = if word.starts_with('/') { String::new() } else { format!(" in {SEARCH}") };
        bad(format!("{word} is not a program that may be run{place}"))
    })
}

/// What is wrong with the interpreter that the first line of a script names, if anything is: a
/// system says no more than "no such file" of it.
pub(crate) fn interpreter_fault(script: &Path) -> Option<String> {
    /// Linux reads no more of the first line.
    const FIRST_LINE: u64 = 256;
    let mut start = Vec::new();
    fs::File::open(script).and_then(|file| file.take(FIRST_LINE).read_to_end(&mut start)).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|&b| b == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let interpreter = line.split_whitespace().next().unwrap_or_default();
    if line.ends_with('\r') {
        return Some(format!(
            "its first line names the interpreter {interpreter} and ends with CR LF, which is looked for as a \
             file of another name: save the script with line ends of Unix (LF)"
        ));
    }
    let is_there = !interpreter.starts_with('/') || Path::new(interpreter).exists();
    (!is_there).then(|| format!("its first line names the interpreter {interpreter}, which is not there"))
}

/// The digest of the program and of what files the arguments name, and how to see that they change.
fn fingerprint(program: &Path, arguments: &[String]) -> Result<(String, Vec<(PathBuf, Stamp)>), BadCommand> {
    let named = arguments.iter().filter(|word| word.starts_with('/')).map(PathBuf::from);
    let paths = std::iter::once(program.to_owned()).chain(named.filter(|path| path.is_file()));
    let mut digests = Vec::new();
    let mut files = Vec::new();
    for path in paths {
        let unreadable = |e: io::Error| bad(format!("cannot read {}: {e}", path.display()));
        files.push((path.clone(), stamp(&path).map_err(unreadable)?));
        digests.push(digest(&path).map_err(unreadable)?);
    }
    match digests.as_slice() {
        [only] => Ok((only.clone(), files)),
        several => Ok((base16ct::lower::encode_string(&Sha256::digest(several.join("\n"))), files)),
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let m = fs::metadata(path)?;
    Ok((m.dev(), m.ino(), m.len(), m.mtime(), m.mtime_nsec()))
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(base16ct::lower::encode_string(&hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}
