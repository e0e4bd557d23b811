//! Connections to the servers of a URL, one after the other, until one takes writes.
//!
//! Each address has a time limit of its own, for the whole of a connection. The driver's limit ends with the TCP
//! connection, so a server that takes connections and says nothing, as a frozen one does, would keep the others from
//! being tried.

use std::net::SocketAddr;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use pssp_jobs::StoreError;
use tokio_postgres::config::Host;
use tokio_postgres::{Config, Connection, Socket};

use crate::Options;
use crate::error::Fault;
use crate::target::Target;
use crate::tls::{Connector, Stream};

/// A connection that is not in the pool, with what drives it.
pub(crate) type Own = (tokio_postgres::Client, Connection<Socket, Stream<Socket>>);

/// How to connect.
#[derive(Clone)]
pub(crate) struct Servers {
    configs: Vec<Config>,
    tls: Connector,
    limit: Duration,
}

impl Servers {
    pub(crate) fn new(target: &Target, options: &Options) -> Result<Self, StoreError> {
        let tls = target.trust.connector()?;
        Ok(Self { configs: target.configs.clone(), tls, limit: options.connect_timeout })
    }

    pub(crate) fn tls(&self) -> Connector {
        self.tls.clone()
    }

    /// A connection to the first server that takes writes.
    pub(crate) async fn connect(&self) -> Result<Own, Fault> {
        let mut last = Fault::unavailable("the URL names no server".to_owned());
        for config in &self.configs {
            let limit = config.get_connect_timeout().copied().unwrap_or(self.limit);
            let places = match tokio::time::timeout(limit, places(config)).await {
                Ok(Ok(places)) => places,
                Ok(Err(error)) => {
                    last = Fault::from(error);
                    continue;
                }
                Err(_) => {
                    last = Fault::unavailable("the name of the server was not found in time".to_owned());
                    continue;
                }
            };
            for place in places {
                match tokio::time::timeout(limit, place.connect(self.tls.clone())).await {
                    Ok(Ok(own)) => return Ok(own),
                    Ok(Err(error)) => last = Fault::of(&error),
                    Err(_) => last = Fault::unavailable("no connection in time".to_owned()),
                }
            }
        }
        Err(last)
    }
}

/// A config for each address of the host.
async fn places(config: &Config) -> std::io::Result<Vec<Config>> {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let name = match config.get_hosts() {
        [Host::Tcp(name)] => name,
        _ => return Ok(vec![config.clone()]),
    };
    let found = tokio::net::lookup_host((name.as_str(), port)).await?;
    Ok(found
        .map(|address: SocketAddr| {
            let mut place = config.clone();
            place.hostaddr(address.ip());
            place
        })
        .collect())
}

/// Makes and keeps the connections of the pool.
impl Manager for Servers {
    type Type = ClientWrapper;
    type Error = Fault;

    async fn create(&self) -> Result<ClientWrapper, Fault> {
        let (client, connection) = self.connect().await?;
        let driving = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to postgres ended: {error}");
            }
        });
        Ok(ClientWrapper::new(client, driving))
    }

    async fn recycle(&self, client: &mut ClientWrapper, _: &Metrics) -> RecycleResult<Fault> {
        if client.is_closed() { Err(RecycleError::message("it is closed")) } else { Ok(()) }
    }
}
