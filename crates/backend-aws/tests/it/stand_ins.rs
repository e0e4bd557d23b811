//! Stand-ins for AWS: `dynoxide` for DynamoDB with this project's own SQS, and `ministack` for both. Tests that
//! run at the same time share one process of each; each test has its own table and queue.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use pssp_aws_local::sqs::Sqs;
use pssp_backend_aws::{Options, testing};

/// The process of a stand-in.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

impl Process {
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

type Shared = LazyLock<Mutex<Weak<Process>>>;

fn shared(slot: &Shared, start: fn() -> Process) -> Arc<Process> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    slot.upgrade().unwrap_or_else(|| {
        let process = Arc::new(start());
        *slot = Arc::downgrade(&process);
        process
    })
}

pub(crate) fn dynoxide() -> Arc<Process> {
    static SLOT: Shared = LazyLock::new(|| Mutex::new(Weak::new()));
    shared(&SLOT, || {
        let program = tool("PSSP_DYNOXIDE", "bin/dynoxide");
        start(|port| {
            let mut command = Command::new(&program);
            command.args(["--host", "127.0.0.1", "--log", "quiet", "--port", &port.to_string()]);
            command
        })
    })
}

pub(crate) fn ministack() -> Arc<Process> {
    static SLOT: Shared = LazyLock::new(|| Mutex::new(Weak::new()));
    shared(&SLOT, || {
        let program = tool("PSSP_MINISTACK", "ministack/bin/ministack");
        start(|port| {
            let mut command = Command::new(&program);
            // By default it listens on all addresses and looks for Docker.
            command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
            command.env("DOCKER_HOST", "unix:///nonexistent").env("LOG_LEVEL", "ERROR");
            command
        })
    })
}

/// A program that `make setup-test` installs under `target/tools`, or the one that the variable names.
fn tool(variable: &str, path: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/tools");
    let program = std::env::var_os(variable).map_or_else(|| root.join(path), PathBuf::from);
    assert!(
        program.is_file(),
        "{} is missing: `make setup-test` (scripts/aws-stand-ins.sh) installs it, or name another in {variable}",
        program.display()
    );
    program
}

fn start(command: impl Fn(u16) -> Command) -> Process {
    // Another process may take the free port before the server binds it. Then another port is tried.
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = command(port);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut process = Process { child, port };
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline && process.child.try_wait().unwrap().is_none() {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return process;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    panic!("a stand-in does not start");
}

/// A name that neither another test nor an earlier run uses.
pub(crate) fn fresh_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let run = std::process::id();
    format!("pssp-{run}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Short times where a test waits for them, and credentials that any stand-in accepts.
pub(crate) fn options() -> Options {
    Options { credentials: Some(("test".to_owned(), "test".to_owned())), ..Options::default() }
}

/// The services of a table and its queue, which must live as long as they are used.
pub(crate) enum Services {
    /// DynamoDB by dynoxide, SQS by this project's stand-in.
    Own { _dynamodb: Arc<Process>, sqs: Sqs },
    /// Both by ministack.
    Ministack { _both: Arc<Process> },
}

/// A table and a queue.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) options: Options,
    pub(crate) services: Services,
}

impl Place {
    pub(crate) async fn own() -> Self {
        let (dynamodb, name) = (dynoxide(), fresh_name());
        let sqs = Sqs::start(pssp_aws_local::sqs::Options::default()).await.unwrap();
        let url = format!(
            "aws://{name}?queue={}&region=eu-central-1&dynamodb_endpoint={}&sqs_endpoint={}",
            sqs.queue_url(&name),
            dynamodb.endpoint(),
            sqs.endpoint()
        );
        Self::create(url, options(), Services::Own { _dynamodb: dynamodb, sqs }).await
    }

    pub(crate) async fn ministack() -> Self {
        let (both, name) = (ministack(), fresh_name());
        let endpoint = both.endpoint();
        let url = format!(
            "aws://{name}?queue={endpoint}/000000000000/{name}&region=eu-central-1&endpoint={endpoint}"
        );
        Self::create(url, options(), Services::Ministack { _both: both }).await
    }

    async fn create(url: String, options: Options, services: Services) -> Self {
        testing::create(&url, &options).await.unwrap();
        Self { url, options, services }
    }

    /// The in-process SQS.
    pub(crate) fn sqs(&self) -> &Sqs {
        match &self.services {
            Services::Own { sqs, .. } => sqs,
            Services::Ministack { .. } => panic!("this queue is not the in-process SQS"),
        }
    }
}
