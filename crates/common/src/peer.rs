//! What a server knows of the other end of a connection.

use std::net::{IpAddr, Ipv6Addr};

use http::Extensions;
use tokio_util::sync::CancellationToken;

/// Tells that the client has closed its side of the connection. The server adds it to the extensions of a request.
/// It may have closed the connection, or only its sending side, after which it still reads the answer.
#[derive(Debug, Clone, Default)]
pub struct PeerClosed(CancellationToken);

impl PeerClosed {
    /// That of a request. Without a server that tells it, it never happens.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Tells all holders.
    pub fn tell(&self) {
        self.0.cancel();
    }

    /// Returns when the client has closed its side.
    pub async fn closed(&self) {
        self.0.cancelled().await;
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
}
