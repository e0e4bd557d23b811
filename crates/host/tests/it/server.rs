//! The HTTP server: ports in use, silent peers, many peers, and an end that loses no request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use pssp_host::server::{ServerOptions, bind, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(20);

struct Running {
    addr: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
    /// Told when `/slow` has begun.
    begun: Arc<Notify>,
    /// Lets `/slow` answer.
    release: Arc<Notify>,
}

fn start(options: ServerOptions) -> Running {
    let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (begun.clone(), release.clone());
    let slow = move || async move {
        tell.notify_one();
        wait.notified().await;
        "slow but sure"
    };
    let router = Router::new()
        .route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { format!("hello {}", peer.ip()) }),
        )
        .route("/slow", get(slow));
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
    let _ = timeout(SOON, stream.read_to_string(&mut text)).await.expect("an end of the answer");
    text
}

#[tokio::test]
async fn answers_and_knows_its_peer() {
    let running = start(ServerOptions::default());
    let text = rest(send(running.addr, "/").await).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("hello 127.0.0.1"), "{text}");
}

#[tokio::test]
async fn a_port_in_use_is_told_with_a_remedy() {
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
    assert_eq!(timeout(SOON, idle.read(&mut [0; 512])).await.unwrap().unwrap(), 0, "idle is closed");
    assert!(TcpStream::connect(running.addr).await.is_err(), "no more intake");
    running.release.notify_one();
    assert!(rest(slow).await.ends_with("slow but sure"));
    timeout(SOON, running.server).await.unwrap().unwrap();
    drop(silent);
}

#[tokio::test]
async fn what_outlasts_the_grace_time_is_cut() {
    let running = start(ServerOptions { grace: Duration::from_millis(200), ..ServerOptions::default() });
    let slow = send(running.addr, "/slow").await;
    running.begun.notified().await;
    running.shutdown.cancel();
    timeout(SOON, running.server).await.unwrap().unwrap();
    assert_eq!(rest(slow).await, "");
}

#[tokio::test]
async fn it_goes_on_accepting_for_the_drain_delay() {
    let delay = Duration::from_millis(700);
    let running = start(ServerOptions { drain_delay: delay, ..ServerOptions::default() });
    let start = Instant::now();
    running.shutdown.cancel();
    assert!(rest(send(running.addr, "/").await).await.ends_with("hello 127.0.0.1"));
    timeout(SOON, running.server).await.unwrap().unwrap();
    assert!(start.elapsed() >= delay);
    assert!(TcpStream::connect(running.addr).await.is_err());
}

#[tokio::test]
async fn peers_that_say_nothing_or_too_slowly_are_dropped() {
    let short = Duration::from_millis(200);
    let running = start(ServerOptions { first_byte: short, header: short, ..ServerOptions::default() });
    for begin in ["", "P", "PRI * HTTP", "GET / HTTP/1.1\r\nho"] {
        let mut stream = TcpStream::connect(running.addr).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        let _ =
            timeout(SOON, stream.read_to_end(&mut text)).await.unwrap_or_else(|_| panic!("kept {begin:?}"));
    }
}

#[tokio::test]
async fn http2_works_without_negotiation() {
    let running = start(ServerOptions::default());
    let mut stream = TcpStream::connect(running.addr).await.unwrap();
    // The preface in two pieces, then an empty SETTINGS frame; the answer begins with one, too.
    stream.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    stream.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    stream.write_all(b"\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    timeout(SOON, stream.read_exact(&mut frame)).await.unwrap().unwrap();
    assert_eq!(frame[3], 4, "a SETTINGS frame: {frame:?}");
}

#[tokio::test]
async fn many_connections_get_in_at_once() {
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
async fn a_client_that_closes_its_side_after_the_request_gets_its_answer() {
    let running = start(ServerOptions::default());
    let mut stream = send(running.addr, "/slow").await;
    timeout(SOON, running.begun.notified()).await.unwrap();
    stream.shutdown().await.unwrap();
    // Long enough for the server to see the end, were it to act on it.
    assert!(timeout(Duration::from_millis(200), stream.peek(&mut [0])).await.is_err(), "it still waits");
    running.release.notify_one();
    assert!(rest(stream).await.ends_with("slow but sure"));
}
