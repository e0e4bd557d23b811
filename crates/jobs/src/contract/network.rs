//! A network that fails on demand: a TCP proxy that forwards, drops or cuts.

use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Forwards all data.
    Works,
    /// Drops all data without a sign, as after `network disconnect`. A connection that has lost data stays
    /// silent for ever.
    BlackHole,
    /// Closes every connection, and keeps no new connection.
    Cut,
}

/// A proxy for one server.
pub struct Proxy {
    port: u16,
    network: watch::Sender<Network>,
    /// The port that new connections lead to.
    server: watch::Sender<u16>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// A proxy before the server with this port.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let network = watch::Sender::new(Network::Works);
        let state = network.subscribe();
        let server = watch::Sender::new(port);
        let leads_to = server.subscribe();
        let task = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { return };
                let port = *leads_to.borrow();
                tokio::spawn(pass(client, port, state.clone()));
            }
        });
        Self { port: own, network, server, task }
    }

    /// The port that leads to the server through this network.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// New connections lead to another server from now on.
    pub fn lead_to(&self, port: u16) {
        self.server.send_replace(port);
    }

    /// What the network does from now on.
    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, port: u16, mut network: watch::Receiver<Network>) {
    if *network.borrow_and_update() == Network::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await else { return };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let (up, down) = (network.clone(), network.clone());
    let cut = async {
        while *network.borrow_and_update() != Network::Cut {
            if network.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = cut => {}
        () = copy(client_in, server_out, up) => {}
        () = copy(server_in, client_out, down) => {}
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    network: watch::Receiver<Network>,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut lost = false;
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        lost |= *network.borrow() == Network::BlackHole;
        if !lost && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
