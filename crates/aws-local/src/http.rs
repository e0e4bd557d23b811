//! A small HTTP/1.1 server that can be stopped at once, and can close a connection instead of answering.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

/// An extension of a response: the server closes the connection instead of sending the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloseConnection;

/// A server that runs until it is dropped. Its connections are closed then too.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    _stop: DropGuard,
}

impl Server {
    /// Listens on `address` (port 0: a free one) and serves `router`.
    pub(crate) async fn start(address: SocketAddr, router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Self::on(listener, router)
    }

    /// Serves `router` on a socket that already listens.
    pub(crate) fn on(listener: TcpListener, router: Router) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, router, stop.clone()));
        Ok(Self { address, _stop: stop.drop_guard() })
    }

    /// The address that the server listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, router: Router, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, router.clone(), stop.clone()))),
            // Most often there are no free file descriptors. After a pause some may be closed.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}

async fn serve(stream: TcpStream, router: Router, stop: CancellationToken) {
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let router = router.clone();
        async move {
            let response: Response = match router.oneshot(request.map(Body::new)).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let cut = response.extensions().get::<CloseConnection>().is_some();
            if cut { Err(io::Error::from(io::ErrorKind::ConnectionAborted)) } else { Ok(response) }
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = stop.cancelled() => {}
        // Errors of a connection are ignored, since the client sees them.
        _ = connection => {}
    }
}
