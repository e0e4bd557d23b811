//! `rediss://` connects if the machine trusts the certificate, and does not otherwise.
//!
//! The trusted authorities come from the environment (`SSL_CERT_FILE`), so the connecting part runs in a
//! separate process.

use std::process::Command;
use std::sync::Arc;

use pssp_backend_redis::{Options, RedisBackend};
use pssp_jobs::{Backend, SystemClock};

use crate::server::Server;
use crate::{jobs, submit};

fn openssl(arguments: &str, folder: &std::path::Path) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("cannot run openssl ({error}): apt-get install openssl"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs a process that trusts `authority`. Returns whether it could connect.
fn connects(port: u16, authority: &std::path::Path) -> bool {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::connect", "--ignored", "--nocapture"])
        .env("SSL_CERT_FILE", authority)
        .env("PSSP_TEST_REDISS_PORT", port.to_string())
        .output()
        .unwrap();
    output.status.success()
}

#[test]
fn tls_works_where_the_certificate_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for authority in ["ours", "other"] {
        openssl(
            &format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {authority}.key -out {authority}.crt -days 2 -subj /CN={authority}"
            ),
            folder.path(),
        );
    }
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
        folder.path(),
    );
    std::fs::write(at("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        .unwrap();
    openssl(
        "x509 -req -in server.csr -CA ours.crt -CAkey ours.key -CAcreateserial -days 2 -extfile names -out server.crt",
        folder.path(),
    );

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (port, text) = (free.to_string(), |name: &str| at(name).display().to_string());
    let (certificate, key, authority) = (text("server.crt"), text("server.key"), text("ours.crt"));
    let _server = Server::start(
        "everysec",
        &[
            "--tls-port",
            &port,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &authority,
            "--tls-auth-clients",
            "no",
        ],
    );
    assert!(connects(free, &at("ours.crt")));
    assert!(!connects(free, &at("other.crt")), "a certificate of another authority is not trusted");
}

#[tokio::test]
#[ignore = "run by tls_works_where_the_certificate_is_trusted, in a process of its own"]
async fn connect() {
    let port = std::env::var("PSSP_TEST_REDISS_PORT").unwrap();
    let url = format!("rediss://localhost:{port}/0?prefix=tls");
    let backend = RedisBackend::open(&url, Arc::new(SystemClock), Options::default()).await.unwrap();
    submit(&jobs(Backend::of(backend))).await;
}
