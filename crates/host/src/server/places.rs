//! The places for connections: a limited number in all, and for each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use pssp_common::network;

use super::ServerOptions;

pub(super) struct Places {
    most: usize,
    most_of_one: usize,
    trusted: Vec<IpNet>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

/// The place of one connection. It is free again when dropped.
pub(super) struct Place {
    taken: Arc<Mutex<Taken>>,
    /// `None` for a proxy.
    of: Option<IpAddr>,
}

impl Places {
    pub(super) fn new(options: &ServerOptions) -> Self {
        Self {
            most: options.max_connections,
            most_of_one: options.max_connections_of_one,
            trusted: options.trusted_proxies.clone(),
            taken: Arc::default(),
        }
    }

    /// A place for a connection of `peer`, if there is one.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let is_proxy = self.trusted.iter().any(|network| network.contains(&peer));
        let of = (!is_proxy).then(|| network(peer));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let has = of.map_or(0, |of| taken.of.get(&of).copied().unwrap_or_default());
        if taken.all >= self.most || has >= self.most_of_one {
            return None;
        }
        taken.all += 1;
        if let Some(of) = of {
            taken.of.insert(of, has + 1);
        }
        Some(Place { taken: Arc::clone(&self.taken), of })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        let Some(of) = self.of else { return };
        if let Some(has) = taken.of.get_mut(&of) {
            *has -= 1;
            if *has == 0 {
                taken.of.remove(&of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_some_of_all_places() {
        let [proxy, ann, bob] = ["10.0.0.1", "192.0.2.1", "192.0.2.2"].map(|a| a.parse::<IpAddr>().unwrap());
        let places = Places::new(&ServerOptions {
            max_connections: 5,
            max_connections_of_one: 2,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..ServerOptions::default()
        });
        let held = [ann, ann, proxy, proxy].map(|peer| places.take(peer).unwrap());
        assert!(places.take(ann).is_none(), "two are the most for one address");
        let last = places.take(bob).unwrap();
        assert!(places.take(proxy).is_none(), "five are the most in all");
        drop(last);
        assert!(places.take(proxy).is_some());
        drop(held);
        let taken = places.taken.lock().unwrap();
        assert!(taken.all == 0 && taken.of.is_empty());
    }
}
