//! The engine: it runs the program once for each job and interprets how the run ended.

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

/// Exit codes of sysexits.h that show whether the input or the machine caused the failure.
const EX_DATAERR: i32 = 65;
const EX_OSERR: i32 = 71;
const EX_TEMPFAIL: i32 = 75;

const SIGKILL: i32 = 9;
const SIGXFSZ: i32 = 25;

/// How the program is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The command line to run.
    pub command: Command,
    /// Version of the method, for results.
    pub version: String,
    /// How long a run may take.
    pub timeout: Duration,
    /// The most address space of each process of the program, in bytes.
    pub memory: u64,
    /// The most bytes of the result file, and of standard output and standard error together.
    pub output: u64,
    /// The most bytes of each file that the program writes.
    pub file_size: u64,
    /// The folder in which scratch folders are made.
    pub scratch: PathBuf,
    /// A program that calls [`launch::intercept`](crate::launch::intercept) first.
    pub launcher: PathBuf,
}

impl Options {
    /// The defaults: ten minutes, 4 GiB of address space, 4 MiB of output, files of up to 256 MiB. Scratch
    /// folders are in the system's folder for temporary files, and the launcher is the running program.
    ///
    /// # Errors
    /// If the file of the running program cannot be found.
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
/// It differs from the contract of [`Engine`]: it is only as deterministic as the operator's program, and it
/// needs the memory that the program needs. A program returns labels only. So every probability is 0 or 1,
/// and the relative accessibility is the middle of the label's class. The citation in each result says so.
#[derive(Debug, Clone)]
pub struct CommandEngine {
    options: Options,
    method: Method,
}

impl CommandEngine {
    /// Checks that a scratch folder can be made and that the launcher exists; runs nothing. Removes the
    /// scratch folders of workers that have died.
    ///
    /// Afterwards other processes of this user cannot read the environment, memory and open files of this
    /// process in `/proc`, and this process writes no core dump.
    ///
    /// # Errors
    /// If one of these steps fails. The message says what to correct.
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
        self.check_end(&outcome)?;
        let prediction = if options.command.writes_a_file() {
            read_result(&output, options.output).and_then(|text| self.prediction(&text, sequence))
        } else {
            self.prediction(&outcome.stdout, sequence)
        };
        // A program may exit with code 0 although it wrote an error to standard error.
        prediction.map_err(|error| match error {
            EngineError::Method(what) => EngineError::Method(what + &tail::shown(&outcome.stderr)),
            error => error,
        })
    }

    fn prediction(&self, text: &[u8], sequence: &Sequence) -> Result<Prediction, EngineError> {
        answer::prediction(text, sequence, &self.method).map_err(EngineError::Method)
    }

    /// Maps the end of the program to success or to the class of the error.
    fn check_end(&self, outcome: &Outcome) -> Result<(), EngineError> {
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
            // This engine did not send the signal: most likely the machine ran out of memory.
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

    /// A program may use random numbers, or read files that have changed since the last run.
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

/// Reads the file that the program wrote. It must be a plain file of at most `limit` bytes: a pipe would
/// never end, and a link could lead to any file.
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
