//! The HTTP server: it serves a router on a listener, limits how long a peer may hold a connection, and loses no
//! request at shutdown.
//!
//! At shutdown the server still accepts connections for the drain delay, since load balancers notice late that an
//! instance ends. Then it accepts no more, lets requests in flight finish within the grace time, and closes the rest.

mod places;

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use pssp_common::{Backoff, PeerClosed, PeerWatch};

use places::{Place, Places};

/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// How long a new connection may take to send its first bytes once the server no longer accepts.
const STOPPING_FIRST_BYTE_TIMEOUT: Duration = Duration::from_millis(500);

/// The first bytes of an HTTP/2 connection.
const H2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The bounds of a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// How long the server still accepts connections after shutdown began.
    pub drain_delay: Duration,
    /// How long requests in flight may take after the drain delay.
    pub grace: Duration,
    /// Most open connections. More are closed at once.
    pub max_connections: usize,
    /// Most open connections of one address that is no trusted proxy.
    pub max_connections_of_one: usize,
    /// Networks of proxies, which bring the connections of many clients.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a new connection may take to send its first bytes.
    pub first_byte: Duration,
    /// How long a request head may take, counted from the end of the request before. So it also limits how long a
    /// connection may idle. It is longer than load balancers keep idle connections (60 s), so that they close first.
    pub header: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            drain_delay: Duration::ZERO,
            grace: Duration::from_secs(25),
            max_connections: 8192,
            max_connections_of_one: 1024,
            trusted_proxies: Vec::new(),
            first_byte: Duration::from_secs(10),
            header: Duration::from_secs(65),
        }
    }
}

impl ServerOptions {
    /// The options from the settings.
    #[must_use]
    pub fn of(settings: &crate::Settings) -> Self {
        Self {
            drain_delay: settings.drain_delay,
            grace: settings.grace,
            max_connections: settings.api.max_connections,
            max_connections_of_one: settings.api.max_connections_of_one,
            trusted_proxies: settings.trusted_proxies.clone(),
            ..Self::default()
        }
    }
}

/// The most bytes of a request head.
const MAX_HEAD_BYTES: u32 = 64 << 10;

/// How long sent bytes may stay unacknowledged by the peer.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The server cannot listen on an address.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {cause}; {}", remedy(cause))]
pub struct BindError {
    addr: SocketAddr,
    /// Not called `source`, since its text is part of the message.
    cause: io::Error,
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program (or another pssp) has it: stop that one or choose another port"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege: choose a higher one",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address: 0.0.0.0 means every one it has",
        _ => "choose another address",
    }
}

/// Listens on `addr`. Must be called within a Tokio runtime.
///
/// # Errors
/// [`BindError`], whose text names the address and the remedy.
pub fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    raise_file_limit();
    listen(addr).map_err(|cause| BindError { addr, cause })
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // SO_REUSEADDR allows a restart while old connections are still closing. Unlike SO_REUSEPORT, it does not let two
    // servers share a port. On Windows it would, and a restart does not need it there.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Raises the soft limit of open files to the hard limit. Each connection is an open file, and the usual soft limit of
/// 1,024 is soon reached.
fn raise_file_limit() {
    #[cfg(unix)]
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(%error, "the limit on open files stays as it is: {error}");
    }
}

/// Serves `router` on `listener` until `shutdown` is cancelled and all requests in flight are finished or cut off.
/// Handlers find the peer's address as `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServerOptions,
    shutdown: CancellationToken,
) {
    let connections = GracefulShutdown::new();
    let stopping = CancellationToken::new();
    let cut = CancellationToken::new();
    let drained = async {
        shutdown.cancelled().await;
        tokio::time::sleep(options.drain_delay).await;
    };
    let server = Server {
        router,
        builder: builder(&options),
        first_byte: options.first_byte,
        places: Places::new(&options),
        stopping: stopping.clone(),
        cut: cut.clone(),
    };
    tokio::select! {
        () = drained => {}
        () = accept_all(&listener, &server, &connections) => {}
    }
    drop(listener);
    stopping.cancel();
    let open = connections.count();
    tracing::debug!(open, "stopped accepting, {open} connections open");
    if tokio::time::timeout(options.grace, connections.shutdown()).await.is_err() {
        tracing::warn!(
            grace_ms = options.grace.as_millis(),
            "cutting connections that outlast the grace time"
        );
        cut.cancel();
    }
}

fn builder(options: &ServerOptions) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // A client that closes its sending side after the request (`nc -N`) still expects the answer.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(options.header).half_close(true);
    builder.http1().max_buf_size(MAX_HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_header_list_size(MAX_HEAD_BYTES)
        .max_concurrent_streams(256);
    builder
}

struct Server {
    router: Router,
    builder: Builder<TokioExecutor>,
    first_byte: Duration,
    places: Places,
    /// Cancelled when no more connections are accepted. Connections without a request are then closed soon.
    stopping: CancellationToken,
    cut: CancellationToken,
}

async fn accept_all(listener: &TcpListener, server: &Server, connections: &GracefulShutdown) {
    let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1)).with_jitter();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if backoff.reset() {
                    tracing::info!("accepting connections again");
                }
                match server.places.take(peer.ip()) {
                    Some(place) => server.spawn(stream, peer, connections.watcher(), place),
                    None => metrics::counter!("pssp_connections_refused_total").increment(1),
                }
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                metrics::counter!("pssp_accept_errors_total").increment(1);
                if backoff.is_fresh() {
                    tracing::error!(%error, "cannot accept connections, will go on trying: {error}");
                }
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}

/// Whether the error means that the peer closed its connection before it was accepted.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

impl Server {
    fn spawn(&self, stream: TcpStream, peer: SocketAddr, watcher: Watcher, place: Place) {
        let (router, builder, cut) = (self.router.clone(), self.builder.clone(), self.cut.clone());
        // The builder needs the first bytes to distinguish HTTP/1 from HTTP/2, and waits for them without a limit. So
        // they are awaited here.
        let silent = silent_for_too_long(self.first_byte, self.stopping.clone());
        let connection = async move {
            let has_begun = tokio::select! {
                seen = wait_for_first_bytes(&stream) => seen.is_ok(),
                () = silent => false,
            };
            if has_begun {
                serve_connection(stream, peer, router, builder, watcher).await;
            }
        };
        tokio::spawn(async move {
            let _place = place;
            metrics::gauge!("pssp_connections").increment(1.0);
            tokio::select! {
                () = connection => {}
                () = cut.cancelled() => {}
            }
            metrics::gauge!("pssp_connections").decrement(1.0);
        });
    }
}

/// Returns when the time for the first bytes is over.
async fn silent_for_too_long(first_byte: Duration, stopping: CancellationToken) {
    let stopped = async {
        stopping.cancelled().await;
        tokio::time::sleep(STOPPING_FIRST_BYTE_TIMEOUT).await;
    };
    tokio::select! {
        () = tokio::time::sleep(first_byte) => {}
        () = stopped => {}
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    builder: Builder<TokioExecutor>,
    watcher: Watcher,
) {
    tune(&stream);
    let stream = Arc::new(stream);
    let (watch, closed) = PeerClosed::new();
    let seen_closed = see_closed(Arc::clone(&stream), watch);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(closed.clone());
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    let stream = TokioIo::new(SharedStream(stream));
    let connection = watcher.watch(builder.serve_connection_with_upgrades(stream, service).into_owned());
    let served = tokio::select! {
        served = connection => served,
        never = seen_closed => match never {},
    };
    if let Err(error) = served {
        tracing::debug!(%peer, error, "connection of {peer} ended early: {error}");
    }
}

/// Tells when the client has closed its side. hyper reads nothing while it handles a request, so it does
/// not see that. Runs until it is dropped.
async fn see_closed(stream: Arc<TcpStream>, watch: PeerWatch) -> Infallible {
    /// Pause after bytes that are there to be read. Until they are read, the stream stays ready.
    const PAUSE: Duration = Duration::from_millis(250);
    loop {
        match stream.ready(Interest::READABLE).await {
            Ok(ready) if !ready.is_read_closed() => tokio::time::sleep(PAUSE).await,
            _ => break,
        }
    }
    watch.tell();
    std::future::pending().await
}

/// A stream for hyper that [`see_closed`] watches meanwhile.
struct SharedStream(Arc<TcpStream>);

impl AsyncRead for SharedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buf.initialize_unfilled()) {
                Ok(n) => {
                    buf.advance(n);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl SharedStream {
    fn poll_with(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match write(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncWrite for SharedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |stream| stream.try_write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |stream| stream.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // nothing is buffered
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket2::SockRef::from(&*self.0).shutdown(std::net::Shutdown::Write))
    }
}

/// Sets options of a connection. One that cannot be set is ignored: the connection works without it.
fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true); // a small second segment of an answer must not wait for an ACK
    // A peer that stops reading or disappears must not hold its connection forever.
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNREAD_TIMEOUT));
    let probes = socket2::TcpKeepalive::new().with_time(UNREAD_TIMEOUT).with_interval(UNREAD_TIMEOUT / 4);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&probes);
}

/// Waits until the peer has sent enough bytes to determine its protocol.
async fn wait_for_first_bytes(stream: &TcpStream) -> io::Result<()> {
    let mut first = [0; H2_PREFACE.len()];
    let mut seen = 0;
    loop {
        let n = stream.peek(&mut first).await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if n == first.len() || first[..n] != H2_PREFACE[..n] {
            return Ok(());
        }
        if n == seen {
            // A peek returns the bytes that are there and does not wait for more.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        seen = n;
    }
}
