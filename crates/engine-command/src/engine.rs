//! The engine: one run of the program a job, and what its end means.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io::ErrorKind};

use pssp_predict::{Cancel, Engine, EngineError, Method, Prediction, Sequence};

use crate::command::{BadCommand, Command};
use crate::launch::Ended;
use crate::run::{self, End, Job, Outcome};
use crate::scratch::{self, Scratch};
use crate::{answer, tail};

/// Exit codes of sysexits.h that show whose fault it was.
const EX_DATAERR: i32 = 65;
const EX_OSERR: i32 = 71;
const EX_TEMPFAIL: i32 = 75;

const SIGKILL: i32 = 9;
const SIGXFSZ: i32 = 25;

/// How the program is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is run.
    pub command: Command,
    /// Version of the method, for results.
    pub version: String,
    /// How long a run may take.
    pub timeout: Duration,
    /// Most address space of each process of the program, bytes.
    pub memory: u64,
    /// Most bytes of the result, and of all that is written to both output streams.
    pub output: u64,
    /// Most bytes of each file that the program writes.
    pub file_size: u64,
    /// Where scratch folders are made.
    pub scratch: PathBuf,
    /// A program that begins with [`launch::intercept`](crate::launch::intercept).
    pub launcher: PathBuf,
}

impl Options {
    /// Ten minutes, 4 GiB of address space, 4 MiB of output, files of 256 MiB, in the system's folder
    /// for temporary files, launched by the running program.
    ///
    /// # Errors
    /// If the running program's own file cannot be found.
    pub fn new(command: Command) -> io::Result<Self> {
        Ok(Self {
            command,
            version: "0".to_owned(),
            timeout: Duration::from_secs(600),
            memory: 4 << 30,
            output: 4 << 20,
            file_size: 256 << 20,
            scratch: std::env::temp_dir(),
            launcher: std::env::current_exe()?,
        })
    }
}

/// The engine. It holds no process and no file between jobs.
///
/// Beyond the contract of [`Engine`]: it is as deterministic as the operator's program is, and takes
/// the memory that the program takes. A program gives labels only: every probability is 0 or 1, and
/// the relative accessibility is the middle of the label's class; the citation says so in each result.
#[derive(Debug, Clone)]
pub struct CommandEngine {
    options: Options,
    method: Method,
}

impl CommandEngine {
    /// Checks that a scratch folder can be made and the launcher is there; runs nothing. Removes what
    /// workers that died have left in the folder for them.
    ///
    /// From then on other processes of this user cannot read this process's environment, memory and
    /// open files in `/proc`; it dumps no core.
    ///
    /// # Errors
    /// Otherwise, with what to mend.
    pub fn new(options: Options) -> Result<Self, BadCommand> {
        let place = options.scratch.display();
        Scratch::new(&options.scratch)
            .map_err(|e| BadCommand(format!("no scratch folder in {place}: {e}")))?;
        scratch::remove_left_behind(&options.scratch);
        scratch::hide_this_process()
            .map_err(|e| BadCommand(format!("cannot hide this process from its programs: {e}")))?;
        fs::metadata(&options.launcher)
            .map_err(|e| BadCommand(format!("launcher {}: {e}", options.launcher.display())))?;
        let program =
            options.command.program().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let method = Method {
            name: "command".to_owned(),
            version: options.version.clone(),
            sha256: options.command.sha256().to_owned(),
            citation: format!(
                "{program}, a program of this service's operator. It gives labels only: probabilities of 1 \
                 and 0 repeat them and are no confidences, and rsa is the middle of the ACC class"
            ),
        };
        Ok(Self { options, method })
    }

    fn attempt(&self, sequence: &Sequence, cancel: &Cancel) -> Result<Prediction, EngineError> {
        let options = &self.options;
        let scratch =
            Scratch::new(&options.scratch).map_err(|e| system("cannot make a scratch folder", &e))?;
        let folder = scratch.work();
        let (input, output) = (folder.join("input.fasta"), folder.join("output.txt"));
        fs::write(&input, format!(">input\n{sequence}\n"))
            .map_err(|e| system("cannot write the input", &e))?;
        let job = Job {
            launcher: &options.launcher,
            program: options.command.program(),
            arguments: options.command.arguments(&input.to_string_lossy(), &output.to_string_lossy()),
            folder: &folder,
            status_file: &scratch.status_file(),
            timeout: options.timeout,
            memory: options.memory,
            output: options.output,
            file_size: options.file_size,
        };
        let outcome = run::run(&job, cancel).map_err(|e| system("cannot run the program", &e))?;
        self.judge(&outcome)?;
        let prediction = if options.command.writes_a_file() {
            read_result(&output, options.output).and_then(|text| self.prediction(&text, sequence))
        } else {
            self.prediction(&outcome.stdout, sequence)
        };
        // A program may end with 0 and have written on its standard error what went wrong.
        prediction.map_err(|error| match error {
            EngineError::Method(what) => EngineError::Method(what + &tail::shown(&outcome.stderr)),
            error => error,
        })
    }

    fn prediction(&self, text: &[u8], sequence: &Sequence) -> Result<Prediction, EngineError> {
        answer::prediction(text, sequence, &self.method).map_err(EngineError::Method)
    }

    /// Whether the program ended well.
    fn judge(&self, outcome: &Outcome) -> Result<(), EngineError> {
        let options = &self.options;
        let stderr = tail::shown(&outcome.stderr);
        let method = |what: String| Err(EngineError::Method(what + &stderr));
        match &outcome.end {
            End::Cancelled => Err(EngineError::Cancelled),
            End::TimedOut => method(format!("the program took longer than {:?}", options.timeout)),
            End::Flooded => method(format!("the program wrote more than {} bytes", options.output)),
            End::Program(Ended::NotStarted(why)) => {
                Err(EngineError::System(format!("cannot start the program: {why}")))
            }
            End::Program(Ended::Code(0)) => Ok(()),
            End::Program(Ended::Code(EX_DATAERR)) => {
                Err(EngineError::Input(format!("the program does not take this sequence{stderr}")))
            }
            End::Program(Ended::Code(code @ (EX_OSERR | EX_TEMPFAIL))) => {
                Err(EngineError::System(format!("the program ended with code {code}{stderr}")))
            }
            End::Program(Ended::Code(code)) => method(format!("the program ended with code {code}")),
            // Nobody here sent it: most likely the machine ran out of memory.
            End::Program(Ended::Signal(SIGKILL)) => {
                Err(EngineError::System(format!("the program was killed from outside{stderr}")))
            }
            End::Program(Ended::Signal(SIGXFSZ)) => {
                method(format!("the program wrote a file of more than {} bytes", options.file_size))
            }
            End::Program(Ended::Signal(signal)) => method(format!("the program died of signal {signal}")),
        }
    }
}

impl Engine for CommandEngine {
    fn method(&self) -> &Method {
        &self.method
    }

    /// A program may read what its operator has changed since, or draw random numbers.
    fn is_repeatable(&self) -> bool {
        false
    }

    fn predict(&self, sequence: &Sequence, cancel: &Cancel) -> Result<Prediction, EngineError> {
        if let Some(changed) = self.options.command.changed() {
            return Err(EngineError::System(changed));
        }
        self.attempt(sequence, cancel)
    }
}

fn system(what: &str, error: &io::Error) -> EngineError {
    EngineError::System(format!("{what}: {error}"))
}

/// The file that the program wrote, which must be a file (a pipe would never end, a link could lead
/// anywhere) of at most `limit` bytes.
fn read_result(path: &Path, limit: u64) -> Result<Vec<u8>, EngineError> {
    let method = |what: String| Err(EngineError::Method(what));
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return method("the program wrote no result".into()),
        Err(e) => return Err(system("cannot read the result", &e)),
        Ok(file) if !file.is_file() => return method("the program's result is not a plain file".into()),
        Ok(file) if file.len() > limit => return method(format!("the result is over {limit} bytes")),
        Ok(_) => {}
    }
    let mut text = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut text));
    read.map(|_| text).map_err(|e| system("cannot read the result", &e))
}
