//! The HTTP server: ports in use, silent peers, many peers, and a shutdown that loses no request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::routing::get;
use pssp_common::PeerClosed;
use pssp_host::server::{ServerOptions, bind, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

const TEST_TIMEOUT: Duration = Duration::from_secs(20);

struct Running {
    addr: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
    /// Notified when a request to `/slow` has begun.
    begun: Arc<Notify>,
    /// Notify it to let `/slow` answer.
    release: Arc<Notify>,
}

fn start(options: ServerOptions) -> Running {
    let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (notify_begun, wait) = (begun.clone(), release.clone());
    let slow = move || async move {
        notify_begun.notify_one();
        wait.notified().await;
        "slow but sure"
    };
    let router = Router::new()
        .route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { format!("hello {}", peer.ip()) }),
        )
        .route("/slow", get(slow))
        .route(
            "/closed",
            get(|request: Request| async move { PeerClosed::of(request.extensions()).closed().await }),
        );
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(listener, router, options, shutdown.clone()));
    Running { addr, shutdown, server, begun, release }
}

async fn send(addr: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    let _ = timeout(TEST_TIMEOUT, stream.read_to_string(&mut text)).await.expect("an end of the answer");
    text
}

#[tokio::test]
async fn handlers_know_the_address_of_the_peer() {
    let running = start(ServerOptions::default());
    let text = rest(send(running.addr, "/").await).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("hello 127.0.0.1"), "{text}");
}

#[tokio::test]
async fn a_port_in_use_is_an_error_with_a_remedy() {
    let running = start(ServerOptions::default());
    let text = bind(running.addr).unwrap_err().to_string();
    assert!(text.starts_with(&format!("cannot listen on {}: ", running.addr)), "{text}");
    assert!(text.contains("choose another port"), "{text}");
}

#[tokio::test]
async fn shutdown_finishes_requests_in_flight_and_closes_idle_connections() {
    let running = start(ServerOptions::default());
    let mut idle = TcpStream::connect(running.addr).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    assert!(idle.read(&mut [0; 512]).await.unwrap() > 0);
    let silent = TcpStream::connect(running.addr).await.unwrap();
    let slow = send(running.addr, "/slow").await;
    running.begun.notified().await;

    running.shutdown.cancel();
    assert_eq!(
        timeout(TEST_TIMEOUT, idle.read(&mut [0; 512])).await.unwrap().unwrap(),
        0,
        "the idle connection is closed"
    );
    assert!(TcpStream::connect(running.addr).await.is_err(), "no connection is accepted");
    running.release.notify_one();
    assert!(rest(slow).await.ends_with("slow but sure"));
    timeout(TEST_TIMEOUT, running.server).await.unwrap().unwrap();
    drop(silent);
}

#[tokio::test]
async fn requests_that_outlast_the_grace_time_are_cut_off() {
    let running = start(ServerOptions { grace: Duration::from_millis(200), ..ServerOptions::default() });
    let slow = send(running.addr, "/slow").await;
    running.begun.notified().await;
    running.shutdown.cancel();
    timeout(TEST_TIMEOUT, running.server).await.unwrap().unwrap();
    assert_eq!(rest(slow).await, "");
}

#[tokio::test]
async fn connections_are_accepted_during_the_drain_delay() {
    let delay = Duration::from_millis(700);
    let running = start(ServerOptions { drain_delay: delay, ..ServerOptions::default() });
    let start = Instant::now();
    running.shutdown.cancel();
    assert!(rest(send(running.addr, "/").await).await.ends_with("hello 127.0.0.1"));
    timeout(TEST_TIMEOUT, running.server).await.unwrap().unwrap();
    assert!(start.elapsed() >= delay);
    assert!(TcpStream::connect(running.addr).await.is_err());
}

#[tokio::test]
async fn silent_and_slow_peers_are_dropped() {
    let short = Duration::from_millis(200);
    let running = start(ServerOptions { first_byte: short, header: short, ..ServerOptions::default() });
    for begin in ["", "P", "PRI * HTTP", "GET / HTTP/1.1\r\nho"] {
        let mut stream = TcpStream::connect(running.addr).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        let _ = timeout(TEST_TIMEOUT, stream.read_to_end(&mut text))
            .await
            .unwrap_or_else(|_| panic!("kept {begin:?}"));
    }
}

#[tokio::test]
async fn http2_works_without_negotiation() {
    let running = start(ServerOptions::default());
    let mut stream = TcpStream::connect(running.addr).await.unwrap();
    // Sends the preface in two pieces, then an empty SETTINGS frame. The answer begins with a SETTINGS frame too.
    stream.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    stream.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    stream.write_all(b"\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    timeout(TEST_TIMEOUT, stream.read_exact(&mut frame)).await.unwrap().unwrap();
    assert_eq!(frame[3], 4, "a SETTINGS frame: {frame:?}");
}

#[tokio::test]
async fn many_connections_are_accepted_at_once() {
    let running = start(ServerOptions::default());
    let mut streams = Vec::new();
    for _ in 0..1000 {
        streams.push(send(running.addr, "/").await);
    }
    for stream in streams {
        assert!(rest(stream).await.contains(" 200 "));
    }
}

#[tokio::test]
async fn a_client_that_closes_its_sending_side_gets_its_answer() {
    let running = start(ServerOptions::default());
    let mut stream = send(running.addr, "/slow").await;
    timeout(TEST_TIMEOUT, running.begun.notified()).await.unwrap();
    stream.shutdown().await.unwrap();
    // Long enough that a server that reacts to the closed side would have closed the connection.
    assert!(
        timeout(Duration::from_millis(200), stream.peek(&mut [0])).await.is_err(),
        "the connection stays open"
    );
    running.release.notify_one();
    assert!(rest(stream).await.ends_with("slow but sure"));
}

#[tokio::test]
async fn handlers_see_at_once_that_a_client_has_closed() {
    let running = start(ServerOptions::default());
    // Half closed: the handler ends, and the client still reads its answer.
    let mut half = send(running.addr, "/closed").await;
    assert!(timeout(Duration::from_millis(200), half.peek(&mut [0])).await.is_err(), "it waits");
    half.shutdown().await.unwrap();
    assert!(rest(half).await.starts_with("HTTP/1.1 200"));
    // A request that came along does not hide the end.
    let mut stream = send(running.addr, "/closed").await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(rest(stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn one_address_has_a_limited_number_of_connections() {
    let running = start(ServerOptions { max_connections_of_one: 2, ..ServerOptions::default() });
    let held = [send(running.addr, "/slow").await, send(running.addr, "/slow").await];
    running.begun.notified().await;
    let mut third = TcpStream::connect(running.addr).await.unwrap();
    let refused = timeout(TEST_TIMEOUT, third.read(&mut [0])).await.expect("closed at once");
    assert!(matches!(refused, Ok(0) | Err(_)), "{refused:?}");
    drop(held);
    loop {
        // The place is free when the server has seen the end.
        let mut stream = TcpStream::connect(running.addr).await.unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await;
        if rest(stream).await.contains(" 200 ") {
            break;
        }
        running.release.notify_waiters();
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_refused() {
    let running = start(ServerOptions::default());
    let mut stream = TcpStream::connect(running.addr).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\nx: ").await.unwrap();
    let mut sent = 0;
    while sent < 4 << 20 && stream.write_all(&[b'a'; 8 << 10]).await.is_ok() {
        sent += 8 << 10;
    }
    assert!(sent < 4 << 20, "the server has stopped reading");
}
