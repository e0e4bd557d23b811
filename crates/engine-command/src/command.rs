//! The operator's command line: its words and placeholders, the program's file and the file's digest.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use sha2::{Digest, Sha256};

/// This placeholder becomes the path of the FASTA file.
const INPUT: &str = "{input}";
/// This placeholder becomes the path of the file that the program writes. Without it, the result is read
/// from the program's standard output.
const OUTPUT: &str = "{output}";

/// Folders in which a program named without a folder is searched; also the `PATH` of the program.
pub(crate) const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Why a command cannot be used. The service does not start with such a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCommand(pub(crate) String);

/// A command line. Its program existed when the line was parsed.
#[derive(Debug, Clone)]
pub struct Command {
    program: PathBuf,
    arguments: Vec<String>,
    sha256: String,
    files: Vec<(PathBuf, Stamp)>,
}

/// Device, inode, length and modification time (seconds, nanoseconds): at least one of them changes when a
/// file is replaced or edited.
type Stamp = (u64, u64, u64, i64, i64);

impl Command {
    /// Reads a command line: a JSON list of strings, or words with the quotes of a POSIX shell. Nothing else
    /// of the shell is interpreted (no variables, no globs, no pipes). One word must contain `{input}`.
    ///
    /// # Errors
    /// If the text is not such a line, or the program is not an executable file.
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

    /// SHA-256 of the program's file in lower-case hex. If arguments name files (the script of an
    /// interpreter, a model), it is the SHA-256 of the digests of all these files in order, as hex lines.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Whether the program writes its result to a file instead of standard output.
    pub(crate) fn writes_a_file(&self) -> bool {
        self.arguments.iter().any(|word| word.contains(OUTPUT))
    }

    /// The arguments with both placeholders replaced.
    pub(crate) fn arguments(&self, input: &str, output: &str) -> Vec<OsString> {
        self.arguments.iter().map(|word| word.replace(INPUT, input).replace(OUTPUT, output).into()).collect()
    }

    /// An error message if one of the files has changed since the start: results would have the wrong digest.
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
        name => SEARCH_PATH.split(':').map(|folder| Path::new(folder).join(name)).collect(),
    };
    let runs =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    candidates.into_iter().find(runs).ok_or_else(|| {
        let place = if word.starts_with('/') { String::new() } else { format!(" in {SEARCH_PATH}") };
        bad(format!("{word} is not a program that may be run{place}"))
    })
}

/// What is wrong with the interpreter that the first line of a script names, if anything is. The
/// operating system only reports "no such file" in this case.
pub(crate) fn interpreter_fault(script: &Path) -> Option<String> {
    /// Bytes of the first line that Linux reads.
    const MAX_FIRST_LINE: u64 = 256;
    let mut start = Vec::new();
    fs::File::open(script).and_then(|file| file.take(MAX_FIRST_LINE).read_to_end(&mut start)).ok()?;
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

/// The digest of the program and of the files that the arguments name, and the stamp of each file.
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
