//! One execution environment: a process and its Runtime API.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use super::api::{Api, Init, Invocation};
use super::{InvokeError, Options};
use crate::http::Server;
use crate::sqs::ACCOUNT;

/// How long a function may take until it asks for its first invocation.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Environment {
    child: Child,
    process: u32,
    invocations: mpsc::Sender<Invocation>,
    running: Arc<Mutex<Vec<u32>>>,
    retired: bool,
    _server: Server,
}

impl Environment {
    /// Starts a process and waits until it asks for its first invocation.
    pub(super) async fn start(options: &Options, running: Arc<Mutex<Vec<u32>>>) -> Result<Self, InvokeError> {
        let failed = |what: &Path, error: std::io::Error| {
            InvokeError::function("Runtime.InvalidEntrypoint", format!("{}: {error}", what.display()))
        };
        let (api, invocations) = Api::new();
        let server = Server::start((Ipv4Addr::LOCALHOST, 0).into(), api.clone().router()).await;
        let server = server.map_err(|error| failed(Path::new("runtime API"), error))?;
        let child = command(options, &server.address().to_string()).spawn();
        let child = child.map_err(|error| failed(&options.program, error))?;
        let process = child.id().unwrap_or_default();
        let _ = api.process.set(process);
        running.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        let mut started = Self { child, process, invocations, running, retired: false, _server: server };
        started.initialise(&api).await?;
        Ok(started)
    }

    async fn initialise(&mut self, api: &Api) -> Result<(), InvokeError> {
        let mut init = api.init.subscribe();
        let outcome = tokio::select! {
            changed = init.wait_for(|init| !matches!(init, Init::Running)) => match changed.as_deref() {
                Ok(Init::Failed(error)) => Err(error.clone()),
                _ => Ok(()),
            },
            status = self.child.wait() => Err(exited("initialisation", status)),
            () = tokio::time::sleep(INIT_TIMEOUT) => Err(timed_out("initialisation", INIT_TIMEOUT)),
        };
        outcome
    }

    /// Runs one invocation. If it does not end with an answer of the function, the process is killed.
    pub(super) async fn invoke(&mut self, event: Bytes, options: &Options) -> Result<Bytes, InvokeError> {
        let (reply, answer) = oneshot::channel();
        let id = uuid::Uuid::new_v4().to_string();
        let timeout_ms = i64::try_from(options.timeout.as_millis()).unwrap_or(i64::MAX);
        let invocation = Invocation {
            id: id.clone(),
            event,
            deadline_ms: jiff::Timestamp::now().as_millisecond().saturating_add(timeout_ms),
            function_arn: format!("arn:aws:lambda:{}:{ACCOUNT}:function:{}", options.region, options.name),
            reply,
        };
        // The API lives as long as this environment, so the channel is open and has room for the one invocation.
        let _ = self.invocations.send(invocation).await;
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| {
                self.retire();
                Err(InvokeError::function("Runtime.Unknown", "the invocation was lost"))
            }),
            status = self.child.wait() => {
                self.retire();
                Err(exited(&id, status))
            }
            () = tokio::time::sleep(options.timeout) => {
                self.retire();
                Err(timed_out(&id, options.timeout))
            }
        }
    }

    /// Whether the process can take another invocation.
    pub(super) fn is_alive(&mut self) -> bool {
        !self.retired && matches!(self.child.try_wait(), Ok(None))
    }

    fn retire(&mut self) {
        self.retired = true;
        // An error means that the process has ended already.
        let _ = self.child.start_kill();
    }
}

impl Drop for Environment {
    /// Removes the process from the list. `kill_on_drop` kills it.
    fn drop(&mut self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|process| *process != self.process);
    }
}

/// The program with the variables that Lambda sets. Of the environment of this process it has only the search path.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
fn command(options: &Options, api: &str) -> Command {
    let memory = options.memory_mb.to_string();
    let log_group = format!("/aws/lambda/{}", options.name);
    let mut command = Command::new(&options.program);
    command.args(&options.args).stdin(Stdio::null()).kill_on_drop(true).env_clear();
    let set = [
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", &options.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
        ("AWS_REGION", &options.region),
        ("AWS_DEFAULT_REGION", &options.region),
        // These are not secret, since the stand-ins do not check signatures.
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_SESSION_TOKEN", "local"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("_HANDLER", "bootstrap"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
    ];
    command.envs(set).envs(options.env.iter().map(|(name, value)| (name, value)));
    command
}

fn exited(id: &str, status: std::io::Result<std::process::ExitStatus>) -> InvokeError {
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let message = format!("RequestId: {id} Error: Runtime exited with error: {status}");
    InvokeError::function("Runtime.ExitError", message)
}

fn timed_out(id: &str, limit: Duration) -> InvokeError {
    let message = format!("RequestId: {id} Error: Task timed out after {:.2} seconds", limit.as_secs_f64());
    InvokeError::function("Sandbox.Timedout", message)
}
