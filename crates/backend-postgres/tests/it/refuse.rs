//! What cannot work is refused at the start, with the remedy.

use std::process::Command;
use std::sync::Arc;

use futures::future::join_all;
use pssp_backend_postgres::{Options, PostgresBackend};
use pssp_jobs::contract::live::{jobs, submit};
use pssp_jobs::{Backend, StoreError, SystemClock};
use pssp_local_postgres::Server;

use crate::support::{fresh_schema, open, shared};

async fn refusal(url: &str) -> StoreError {
    PostgresBackend::open(url, Arc::new(SystemClock), Options::default()).await.expect_err("it is refused")
}

/// Many processes start at the same time on an empty database: one makes the tables.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_start_on_an_empty_database() {
    let (server, schema) = (shared(), fresh_schema());
    let url = server.url(&schema);
    let opened = join_all((0..8).map(|_| open(&url))).await;
    for backend in opened {
        submit(&jobs(Backend::of(backend))).await;
    }
    assert_eq!(server.sql(&format!("SELECT version FROM {schema}.schema_version ORDER BY 1")), "1\n2");
}

/// A release that adds to the tables says which older programs go on with them, as during a rolling update.
#[tokio::test]
async fn an_older_program_works_on_tables_that_were_added_to() {
    let (server, schema) = (shared(), fresh_schema());
    drop(open(&server.url(&schema)).await);
    let _ = server.sql(&format!("INSERT INTO {schema}.schema_version VALUES (1000, 1)"));
    submit(&jobs(Backend::of(open(&server.url(&schema)).await))).await;
}

/// An operator's command with a typing error in the name makes no tables.
#[tokio::test]
async fn a_schema_without_tables_is_refused_where_they_should_be_there() {
    let (server, schema) = (shared(), fresh_schema());
    let options = || Options { make_tables: false, ..Options::default() };
    let open = async || PostgresBackend::open(&server.url(&schema), Arc::new(SystemClock), options()).await;
    let error = open().await.expect_err("there are no tables");
    assert!(error.to_string().contains("name the schema that the service uses"), "{error}");
    assert_eq!(server.sql(&format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'")), "0");
    drop(crate::support::open(&server.url(&schema)).await);
    open().await.unwrap();
}

/// Any name of letters, digits and `_` is a schema, also a word of SQL.
#[tokio::test]
async fn words_of_sql_are_names() {
    let server = shared();
    for schema in ["user", "order", "1abc"] {
        submit(&jobs(Backend::of(open(&server.url(schema)).await))).await;
    }
}

/// A socket in the file system, as where the server is on the same machine.
#[tokio::test]
async fn a_socket_of_this_machine_is_used() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let place = folder.path().display().to_string();
    let server = Server::start(&[&format!("unix_socket_directories={place}")]);
    let url = format!("postgres://operator@{}:{}/pssp", place.replace('/', "%2F"), server.port());
    submit(&jobs(Backend::of(open(&url).await))).await;
}

#[tokio::test]
async fn tables_of_a_later_release_are_left_alone() {
    let (server, schema) = (shared(), fresh_schema());
    drop(open(&server.url(&schema)).await);
    let _ = server.sql(&format!("INSERT INTO {schema}.schema_version VALUES (1000, 1000)"));
    let error = refusal(&server.url(&schema)).await;
    assert!(error.to_string().contains("of a later release") && !error.is_temporary(), "{error}");
}

#[tokio::test]
async fn users_without_rights_are_told() {
    let server = Server::start(&[]);
    let _ = server.sql("CREATE ROLE app LOGIN PASSWORD 'right'; CREATE ROLE guest LOGIN PASSWORD 'right'");
    let _ = server.sql("CREATE SCHEMA pssp AUTHORIZATION app");
    server.require_passwords();
    let at = |rest: &str| format!("postgres://{rest}").replace('#', &format!("127.0.0.1:{}", server.port()));
    for (url, said) in [
        ("app:wrong@#/pssp", "give user and password in the URL"),
        ("nobody:right@#/pssp", "give user and password in the URL"),
        ("app@#/pssp", "password"),
        ("guest:right@#/pssp", "the user lacks a right"),
        ("guest:right@#/pssp?schema=other", "the user lacks a right"),
        ("app:right@#/nothing", "create the database"),
    ] {
        let error = refusal(&at(url)).await;
        let text = error.to_string();
        assert!(text.contains(said) && !error.is_temporary(), "{url}: {text}");
        assert!(!text.contains("right@") && !text.contains("wrong"), "{text}");
    }
    // The user of the manual can do everything.
    let backend = open(&at("app:right@#/pssp")).await;
    submit(&jobs(Backend::of(backend))).await;
}

/// The administrator of a managed server is no superuser: the manual's statements are enough for such a one, too.
#[tokio::test]
async fn the_users_statements_work_for_an_administrator_of_a_managed_server() {
    let server = Server::start(&[]);
    let _ = server.sql(
        "CREATE ROLE administrator LOGIN CREATEROLE CREATEDB; ALTER DATABASE pssp OWNER TO administrator",
    );
    let manual = include_str!("../../../../data/postgres-user.sql").replace("SERVICE_PASSWORD", "right");
    let _ = server.sql(&format!("SET SESSION AUTHORIZATION administrator; {manual}"));
    server.require_passwords();
    let url = format!("postgres://pssp:right@127.0.0.1:{}/pssp", server.port());
    submit(&jobs(Backend::of(open(&url).await))).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = refusal(&pssp_local_postgres::url(port, "absent")).await;
    assert!(error.is_temporary() && error.to_string().contains(&port.to_string()), "{error}");
}

fn openssl(arguments: &str, folder: &std::path::Path) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The five modes of libpq: what each accepts of a server with and without a certificate.
#[tokio::test]
async fn certificates_are_checked_as_libpq_does() {
    let folder = tempfile::tempdir().unwrap();
    for authority in ["ours", "other"] {
        openssl(
            &format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {authority}.key -out \
                 {authority}.crt -days 2 -subj /CN={authority}"
            ),
            folder.path(),
        );
    }
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=db",
        folder.path(),
    );
    std::fs::write(folder.path().join("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
        .unwrap();
    openssl(
        "x509 -req -in server.csr -CA ours.crt -CAkey ours.key -CAcreateserial -days 2 -extfile names -out server.crt",
        folder.path(),
    );
    let plain = Server::start(&[]);
    let secure = Server::start_with_files(
        &["ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key"],
        &[&folder.path().join("server.crt"), &folder.path().join("server.key")],
    );
    let root = |name: &str| folder.path().join(name).display().to_string();
    let (ours, other) = (root("ours.crt"), root("other.crt"));
    let try_one = async |server: &Server, host: &str, mode: String| {
        let url = format!("postgres://operator@{host}:{}/pssp?{mode}", server.port());
        PostgresBackend::open(&url, Arc::new(SystemClock), Options::default()).await.is_ok()
    };
    for (host, mode, with_tls, without) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), true, true),
        ("127.0.0.1", "sslmode=prefer".to_owned(), true, true),
        ("127.0.0.1", "sslmode=require".to_owned(), true, false),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ours}"), true, false),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={other}"), false, false),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={other}"), false, false),
        ("localhost", format!("sslmode=verify-full&sslrootcert={ours}"), true, false),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={ours}"), false, false),
        ("localhost", format!("sslmode=verify-full&sslrootcert={other}"), false, false),
    ] {
        assert_eq!(try_one(&secure, host, mode.clone()).await, with_tls, "with TLS: {host} {mode}");
        assert_eq!(try_one(&plain, host, mode.clone()).await, without, "without TLS: {host} {mode}");
    }
    // A certificate of version 1, which the manual of PostgreSQL made for long: good for secrecy alone.
    openssl("x509 -req -in server.csr -signkey server.key -days 2 -out old.crt", folder.path());
    let old = Server::start_with_files(
        &["ssl=on", "ssl_cert_file=old.crt", "ssl_key_file=server.key"],
        &[&folder.path().join("old.crt"), &folder.path().join("server.key")],
    );
    for mode in ["prefer", "require"] {
        assert!(try_one(&old, "127.0.0.1", format!("sslmode={mode}")).await, "{mode}");
    }
}
