//! After a fault between this process and PostgreSQL the backend recovers, and nothing that was acknowledged is lost.

use std::sync::Arc;
use std::time::Duration;

use pssp_backend_postgres::{Options, PostgresBackend};
use pssp_jobs::contract::live::{
    self, Caller, all_finish, eventually, is_finished, jobs, new_job, submit, work, worker,
};
use pssp_jobs::contract::network::{Network, Proxy};
use pssp_jobs::{Backend, Include, JobStore as _, Jobs, Owner, State, StoreError, SystemClock};
use pssp_local_postgres::{Server, url};

use crate::support::{fresh_schema, open, open_with, shared};

/// Opens the backend with short time-outs, so that the test is fast.
async fn open_hasty(url: &str) -> Arc<PostgresBackend> {
    let options = Options {
        connect_timeout: Duration::from_millis(500),
        response_timeout: Duration::from_millis(500),
        ..Options::default()
    };
    open_with(url, Arc::new(SystemClock), options).await
}

fn hasty_jobs(backend: Arc<PostgresBackend>) -> Jobs {
    live::hasty_jobs(Backend::of(backend))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_recovers_from_a_black_hole() {
    recovers_from(Network::BlackHole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_recovers_from_a_cut_connection() {
    recovers_from(Network::Cut).await;
}

async fn recovers_from(fault: Network) {
    let server = shared();
    let proxy = Proxy::before(server.port()).await;
    let backend = open_hasty(&url(proxy.port(), &fresh_schema())).await;
    live::recovers_from(fault, &proxy, &hasty_jobs(backend)).await;
}

/// The server is killed, and restarted as an operator does, under load: every accepted job exists and finishes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_or_restarted_server_loses_nothing_acknowledged() {
    let mut server = Server::start(&["fsync=on"]);
    let jobs = hasty_jobs(open_hasty(&server.url("killed")).await);
    let working = tokio::spawn(worker(jobs.clone()));
    let caller = Caller::start(&jobs);
    let count = |server: &Server| server.sql("SELECT count(*) FROM killed.jobs");
    for round in 0..4 {
        let before = count(&server);
        eventually("jobs are accepted", async || count(&server) != before).await;
        if round % 2 == 0 {
            server.kill()
        } else {
            server.stop()
        }
        server.restart();
    }
    let accepted = caller.stop().await;
    for id in &accepted {
        eventually("an accepted job is there", async || jobs.find(&Owner::public(), *id).await.is_ok()).await;
    }
    all_finish(&jobs, accepted).await;
    assert!(!working.is_finished());
    working.abort();
}

/// The server becomes a standby and is promoted again, as in a fail-over: writes are refused as temporary meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_becomes_read_only_and_writable_again_is_used_again() {
    let server = Server::start(&[]);
    let jobs = hasty_jobs(open_hasty(&server.url("standby")).await);
    let backend = jobs.backend().store.clone();
    let working = tokio::spawn(worker(jobs.clone()));
    let before = submit(&jobs).await.id();
    eventually("the worker works", async || is_finished(&jobs, before).await).await;
    // Old connections go on with what they had, as on a primary that has been demoted.
    let _ = server.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    server.reload();
    eventually("writes are refused", async || {
        let error = match backend.ping().await {
            Ok(()) => return false,
            Err(error) => error,
        };
        assert!(error.is_temporary(), "{error}");
        true
    })
    .await;
    let _ = server
        .sql("SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only");
    server.reload();
    eventually("writes work again", async || backend.ping().await.is_ok()).await;
    let after = submit(&jobs).await.id();
    eventually("the worker works again", async || is_finished(&jobs, after).await).await;
    working.abort();
}

/// The name leads to the new primary, and the old one stays up as a standby with its connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_follow_a_fail_over() {
    let (old, new) = (Server::start(&[]), Server::start(&[]));
    // The new server has the same tables, as a replica has.
    drop(open(&new.url("over")).await);
    let proxy = Proxy::before(old.port()).await;
    let jobs = hasty_jobs(open_hasty(&url(proxy.port(), "over")).await);
    let working = tokio::spawn(worker(jobs.clone()));
    submit(&jobs).await;
    proxy.lead_to(new.port());
    let _ = old.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    old.reload();
    eventually("it submits to the new server", async || {
        jobs.submit(&Owner::public(), new_job(), Duration::ZERO, None).await.is_ok()
    })
    .await;
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = ''";
    eventually("it listens to the new server", async || new.sql(listening) != "0").await;
    // Other connections to the old server are each given up at their first write, which fails.
    let mut id = None;
    eventually("it submits again", async || {
        let new = jobs.submit(&Owner::public(), new_job(), Duration::ZERO, None).await;
        id = new.ok().map(|new| new.value.id());
        id.is_some()
    })
    .await;
    let id = id.unwrap();
    eventually("the worker works there", async || is_finished(&jobs, id).await).await;
    working.abort();
}

/// The first server of the URL takes connections and says nothing, as a frozen one does: the second one is used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_does_not_hide_the_next_one() {
    let server = shared();
    let frozen = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", frozen.local_addr().unwrap().port(), server.port());
    let backend = open_hasty(&format!("postgres://operator@{hosts}/pssp?schema={}", fresh_schema())).await;
    submit(&jobs(Backend::of(backend))).await;
}

/// Calls that took too long do not go on waiting on the server, where they would use up its connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_take_too_long_are_stopped_on_the_server() {
    let server = Server::start(&[]);
    let backend = open_hasty(&server.url("slow")).await;
    let config = format!("host=127.0.0.1 port={} user=operator dbname=pssp", server.port());
    let (other, connection) = tokio_postgres::connect(&config, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    other.batch_execute("BEGIN; LOCK TABLE slow.jobs IN ACCESS EXCLUSIVE MODE").await.unwrap();
    for _ in 0..8 {
        let reads = (0..5).map(|_| backend.depth());
        for answer in futures::future::join_all(reads).await {
            answer.unwrap_err();
        }
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    eventually("nothing waits any more", async || server.sql(waiting) == "0").await;
    other.batch_execute("COMMIT").await.unwrap();
    eventually("it works again", async || backend.depth().await.is_ok()).await;
}

/// One submission that the server cannot store fails alone, although it shares a statement with others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_submission_fails_alone() {
    let (server, schema) = (shared(), fresh_schema());
    let jobs = jobs(Backend::of(open(&server.url(&schema)).await));
    let submit_as = |owner: &str| {
        let (jobs, owner) = (jobs.clone(), Owner::new(owner));
        async move { jobs.submit(&owner, new_job(), Duration::ZERO, None).await.map(drop) }
    };
    let owners: Vec<String> =
        (0..60).map(|n| if n % 20 == 7 { format!("bad\0owner{n}") } else { format!("owner{n}") }).collect();
    let outcomes = futures::future::join_all(owners.iter().map(|owner| submit_as(owner))).await;
    for (owner, outcome) in owners.iter().zip(outcomes) {
        assert_eq!(outcome.is_err(), owner.contains('\0'), "{owner:?}: {outcome:?}");
    }
}

/// A database or a user with another isolation level as its default.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_default_isolation_does_no_harm() {
    let server = Server::start(&["default_transaction_isolation=serializable"]);
    let url = server.url("strict");
    let opened = futures::future::join_all((0..5).map(|_| open(&url))).await;
    let workers: Vec<_> =
        opened.iter().map(|backend| tokio::spawn(worker(hasty_jobs(backend.clone())))).collect();
    let jobs = hasty_jobs(opened[0].clone());
    let caller = Caller::start(&jobs);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let accepted = caller.stop().await;
    let gone = accepted[0];
    all_finish(&jobs, accepted).await;
    assert!(jobs.delete(&Owner::public(), gone).await.unwrap());
    assert_eq!(server.sql(&format!("SELECT count(*) FROM strict.results WHERE id = '{gone}'")), "0");
    workers.iter().for_each(tokio::task::JoinHandle::abort);
}

/// Every connection is ended under load, many times, also those that are within a transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_connections_lose_nothing() {
    let server = shared();
    let schema = fresh_schema();
    let jobs = hasty_jobs(open_hasty(&format!("{}&application_name={schema}", server.url(&schema))).await);
    let working = tokio::spawn(worker(jobs.clone()));
    let caller = Caller::start(&jobs);
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{schema}'"
    );
    let mut ended = 0;
    for _ in 0..20 {
        ended += server.sql(&end).parse::<u32>().unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(ended > 20, "only {ended} connections were ended");
    all_finish(&jobs, caller.stop().await).await;
    working.abort();
}

/// All connections of the server are in use by others: errors are temporary, and pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_free_connection_is_waited_for() {
    let server = Server::start(&["max_connections=12", "superuser_reserved_connections=3"]);
    let _ = server.sql("CREATE ROLE app LOGIN; CREATE SCHEMA busy AUTHORIZATION app");
    let own = format!("postgres://app@127.0.0.1:{}/pssp?schema=busy", server.port());
    let backend = open_hasty(&own).await;
    let jobs = hasty_jobs(backend.clone());
    // A backend takes them all, and this process has given its own away.
    let _ = server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
    let others: Vec<tokio_postgres::Client> = {
        let mut others = Vec::new();
        let config = format!("host=127.0.0.1 port={} user=app dbname=pssp", server.port());
        while let Ok((client, connection)) = tokio_postgres::connect(&config, tokio_postgres::NoTls).await {
            tokio::spawn(connection);
            others.push(client);
        }
        others
    };
    assert!(!others.is_empty());
    eventually("it gets no connection", async || {
        let answer = backend.ping().await;
        answer.is_err_and(|error| {
            assert!(error.is_temporary(), "{error}");
            true
        })
    })
    .await;
    drop(others);
    eventually("it gets a connection", async || backend.ping().await.is_ok()).await;
    submit(&jobs).await;
}

/// A full disk of the server: the error says so, and nothing is half written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_heals() {
    let server = Server::start(&[]);
    let backend = open(&server.url("disk")).await;
    let jobs = jobs(Backend::of(backend.clone()));
    let kept = submit(&jobs).await.id();
    // What the server says when its disk is full.
    let _ = server.sql(
        "CREATE FUNCTION disk.full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
         CREATE TRIGGER full_disk BEFORE INSERT ON disk.queue FOR EACH ROW EXECUTE FUNCTION disk.full()",
    );
    let refused = jobs.submit(&Owner::public(), new_job(), Duration::ZERO, None).await.unwrap_err();
    assert!(refused.to_string().contains("disk is full"), "{refused}");
    assert_eq!(
        server.sql("SELECT count(*) FROM disk.jobs"),
        "1",
        "the record is not written without its message"
    );
    let _ = server.sql("DROP TRIGGER full_disk ON disk.queue");
    let next = submit(&jobs).await.id();
    let receiver = jobs.receiver().unwrap();
    for delivery in receiver.receive(10, Duration::ZERO, Duration::from_mins(5)).await.unwrap() {
        assert!(work(&jobs, delivery).await.is_some());
    }
    for id in [kept, next] {
        assert!(is_finished(&jobs, id).await);
    }
}

/// A deadlock with another program, and a serialization failure: the statement is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_undoes_is_tried_again() {
    let server = Server::start(&[]);
    let backend = open(&server.url("undone")).await;
    let jobs = jobs(Backend::of(backend.clone()));
    // The first two tries of each statement fail as a serialization failure does.
    let _ = server.sql(
        "CREATE SEQUENCE undone.tries;
         CREATE FUNCTION undone.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('undone.tries') % 3 <> 0 THEN
                 RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
             END IF;
             RETURN NULL; END $$;
         CREATE TRIGGER fail BEFORE INSERT OR UPDATE OR DELETE ON undone.jobs
             FOR EACH STATEMENT EXECUTE FUNCTION undone.fail()",
    );
    let id = submit(&jobs).await.id();
    let receiver = jobs.receiver().unwrap();
    let mut taken = receiver.receive(1, Duration::ZERO, Duration::from_mins(5)).await.unwrap();
    assert_eq!(work(&jobs, taken.pop().unwrap()).await, Some(id));
    assert!(jobs.delete(&Owner::public(), id).await.unwrap());
    // A failure that does not end is temporary.
    let _ = server.sql("ALTER SEQUENCE undone.tries INCREMENT 3 RESTART 1");
    let error = jobs.submit(&Owner::public(), new_job(), Duration::ZERO, None).await.unwrap_err();
    assert!(error.to_string().contains("serialize"), "{error}");
}

/// A transaction of another program holds a lock for long: the statement ends in time, and works afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_of_another_program_ends_in_a_temporary_error() {
    let server = Server::start(&[]);
    let backend = open_hasty(&server.url("locked")).await;
    let jobs = hasty_jobs(backend.clone());
    let id = submit(&jobs).await.id();
    let config = format!("host=127.0.0.1 port={} user=operator dbname=pssp", server.port());
    let (other, connection) = tokio_postgres::connect(&config, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    other.batch_execute("BEGIN; LOCK TABLE locked.jobs IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let error = backend.read(id, Include::NOTHING).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    other.batch_execute("COMMIT").await.unwrap();
    eventually("it is read", async || backend.read(id, Include::NOTHING).await.is_ok()).await;
    assert_eq!(jobs.find(&Owner::public(), id).await.unwrap().state(), State::Submitted);
}
