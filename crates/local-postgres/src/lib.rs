//! A PostgreSQL server for a test: on a free port of this machine, in a folder of its own, stopped when it is dropped.
//!
//! The programs are Debian's newest in `/usr/lib/postgresql`, or else those of PATH. They refuse to run as root, so
//! there they run as the user `postgres` that the package makes.

#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test fails")]

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The database that a new server has.
const DATABASE: &str = "pssp";

/// The superuser, who needs no password.
const USER: &str = "operator";

/// A running server.
pub struct Server {
    child: Option<Child>,
    port: u16,
    folder: TempDir,
    settings: Vec<String>,
}

impl Server {
    /// Starts a server with an empty database and these settings (`name=value`).
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start(settings: &[&str]) -> Self {
        Self::start_with_files(settings, &[])
    }

    /// The same, with copies of these files in the folder of the data, readable for the server alone.
    ///
    /// # Panics
    /// As for [`start`](Self::start).
    #[must_use]
    pub fn start_with_files(settings: &[&str], files: &[&Path]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The server's user must reach the data.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&data));
        }
        run(server_program("initdb").arg("--pgdata").arg(&data).args([
            "--username",
            USER,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--no-sync",
        ]));
        for file in files {
            let copy = data.join(file.file_name().unwrap());
            fs::copy(file, &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
            if is_root() {
                run(Command::new("chown").arg("postgres").arg(&copy));
            }
        }
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut server = Self { child: None, port: 0, folder, settings };
        // Another process may take the free port before the server binds it. Then another port is tried.
        for _ in 0..10 {
            server.port = free_port();
            if server.spawn() {
                server.sql_in("postgres", "CREATE DATABASE pssp");
                return server;
            }
        }
        panic!("postgres does not start: {}", server.log());
    }

    /// The address for `PSSP_BACKEND`, with a schema.
    #[must_use]
    pub fn url(&self, schema: &str) -> String {
        url(self.port, schema)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Kills the server and all its processes, as in a crash.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        // The first line of this file is the process of the server; the others end when it is gone.
        let pid = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        run(Command::new("kill").args(["-KILL", pid.lines().next().unwrap()]));
        drop(child.wait());
    }

    /// Stops the server as an operator does (`fast`: connections are closed).
    ///
    /// # Panics
    /// If it does not stop.
    pub fn stop(&mut self) {
        run(server_program("pg_ctl").args(["stop", "--mode", "fast", "--pgdata"]).arg(self.data()));
        drop(self.child.take().expect("the server runs").wait());
    }

    /// Starts the server again after [`kill`](Self::kill) or [`stop`](Self::stop), on the same port and data.
    ///
    /// # Panics
    /// If it does not start within a minute.
    pub fn restart(&mut self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.spawn() {
            assert!(Instant::now() < deadline, "postgres does not start again: {}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Runs statements with `psql` and returns the values, one row a line and columns separated by `|`.
    ///
    /// # Panics
    /// If they fail.
    #[must_use]
    pub fn sql(&self, statements: &str) -> String {
        self.sql_in(DATABASE, statements)
    }

    /// Runs a script with `pgbench`, again and again from many clients, and returns the transactions a second.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn pgbench(&self, script: &str, clients: usize, seconds: u32) -> f64 {
        let file = self.folder.path().join("pgbench.sql");
        fs::write(&file, script).unwrap();
        let output = program("pgbench")
            .args(["-n", "-M", "prepared", "-j", "2", "-h", "127.0.0.1", "-U", USER])
            .args(["-p", &self.port.to_string(), "-c", &clients.to_string(), "-T", &seconds.to_string()])
            .arg("-f")
            .arg(&file)
            .arg(DATABASE)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        tps.unwrap_or_else(|| panic!("pgbench: {text}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Lets the server read its settings again, after `ALTER SYSTEM`.
    pub fn reload(&self) {
        let _true = self.sql("SELECT pg_reload_conf()");
    }

    /// From now on users other than the superuser need their password.
    ///
    /// # Panics
    /// If the server's file of rules cannot be written.
    pub fn require_passwords(&self) {
        let rules = format!("host all {USER} 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
        fs::write(self.data().join("pg_hba.conf"), rules).unwrap();
        self.reload();
    }

    fn sql_in(&self, database: &str, statements: &str) -> String {
        let mut psql = program("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1"])
            .args(["-h", "127.0.0.1", "-U", USER, "-p", &self.port.to_string(), database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Statements of a file are transactions of their own, those of an option would be one.
        psql.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
        let output = psql.wait_with_output().unwrap();
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What the server has logged since it started.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Starts the process. Returns whether it answers.
    fn spawn(&mut self) -> bool {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = server_program("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-h", "127.0.0.1"]);
        // Tests run many processes with connections of their own. The data need not survive the machine.
        for setting in ["max_connections=400", "unix_socket_directories=", "fsync=off"]
            .into_iter()
            .chain(self.settings.iter().map(String::as_str))
        {
            command.args(["-c", setting]);
        }
        let mut child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        if !answers(&mut child, self.port) {
            return false;
        }
        self.child = Some(child);
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // The program that changes the user becomes the server, so this is its process.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A pooler in transaction mode before a server: PgBouncer, which gives each transaction any connection that is free.
pub struct Pooler {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Pooler {
    /// Starts it with two connections to the server.
    ///
    /// # Panics
    /// If `PgBouncer` is not installed or does not start.
    #[must_use]
    pub fn before(server: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let ini = folder.path().join("pgbouncer.ini");
        for _ in 0..10 {
            let port = free_port();
            let text = format!(
                "[databases]\n{DATABASE} = host=127.0.0.1 port={} user={USER}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n\
                 unix_socket_dir =\nignore_startup_parameters = extra_float_digits\n",
                server.port
            );
            fs::write(&ini, text).unwrap();
            let mut child = as_postgres(Path::new("pgbouncer"))
                .arg("-q")
                .arg(&ini)
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            if answers(&mut child, port) {
                return Self { child, port, _folder: folder };
            }
        }
        panic!("pgbouncer does not start: run `make setup-test`");
    }

    /// The address for `PSSP_BACKEND`, with a schema.
    #[must_use]
    pub fn url(&self, schema: &str) -> String {
        url(self.port, schema)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The address of a server on this machine for `PSSP_BACKEND`, as its superuser.
#[must_use]
pub fn url(port: u16, schema: &str) -> String {
    format!("postgres://{USER}@127.0.0.1:{port}/{DATABASE}?schema={schema}")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// A program of PostgreSQL's package.
fn path_of(name: &str) -> PathBuf {
    let on_path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default().as_os_str())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path))
        })
        .collect();
    versions.sort();
    let debians = versions.pop().map(|(_, path)| path.join("bin").join(name)).filter(|path| path.is_file());
    debians.or(on_path).unwrap_or_else(|| panic!("{name} is missing: run `make setup-test`"))
}

fn program(name: &str) -> Command {
    let mut command = Command::new(path_of(name));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(Path::new("/"));
    command
}

/// Waits until the process answers on this port. Ends it and returns false if it does not.
fn answers(child: &mut Child, port: u16) -> bool {
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline && child.try_wait().unwrap().is_none() {
        let mut ready = program("pg_isready");
        ready.args(["-q", "-h", "127.0.0.1", "-U", USER, "-d", DATABASE, "-p", &port.to_string()]);
        if ready.status().unwrap().success() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(child.kill());
    drop(child.wait());
    false
}

/// A program that may not run as root.
fn server_program(name: &str) -> Command {
    as_postgres(&path_of(name))
}

fn as_postgres(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(Path::new("/"));
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
