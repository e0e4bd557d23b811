//! What a server knows of the other end of a connection.

use std::net::{IpAddr, Ipv6Addr};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared;
use http::Extensions;

/// Tells that the client has closed its side of the connection. The server adds it to the extensions of a request.
/// The client may have closed the connection, or only its sending side, after which it still reads the answer.
#[derive(Debug, Clone, Default)]
pub struct PeerClosed(Option<Shared<oneshot::Receiver<()>>>);

/// The side of the server.
#[derive(Debug)]
pub struct PeerWatch(oneshot::Sender<()>);

impl PeerClosed {
    /// For a new connection.
    #[must_use]
    pub fn new() -> (PeerWatch, Self) {
        let (sender, receiver) = oneshot::channel();
        (PeerWatch(sender), Self(Some(receiver.shared())))
    }

    /// That of a request. Without a server that tells it, it never happens.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Returns when the client has closed its side.
    pub async fn closed(&self) {
        let told = match &self.0 {
            Some(told) => told.clone().await.is_ok(),
            None => false,
        };
        if !told {
            std::future::pending::<()>().await;
        }
    }
}

impl PeerWatch {
    /// Tells all holders.
    pub fn tell(self) {
        let _ = self.0.send(()); // nobody may wait
    }
}

/// The address, or the network of 64 bits of an IPv6 address: one client has all addresses in it.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::from(u64::MAX) << 64)))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_one_network() {
        for (address, of) in
            [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8::7:8", "2001:db8::")]
        {
            assert_eq!(network(address.parse().unwrap()), of.parse::<IpAddr>().unwrap());
        }
    }

    #[test]
    fn only_a_server_that_tells_ends_the_wait() {
        let (watch, closed) = PeerClosed::new();
        assert!(closed.closed().now_or_never().is_none());
        watch.tell();
        assert!(closed.closed().now_or_never().is_some() && closed.clone().closed().now_or_never().is_some());
        let (watch, closed) = PeerClosed::new();
        drop(watch);
        assert!(closed.closed().now_or_never().is_none());
        assert!(PeerClosed::default().closed().now_or_never().is_none());
    }
}
