//! A PostgreSQL with the user that the operator's manual tells to make.

use std::fs;

use pssp_local_postgres::Server;

use crate::networked::{Networked, Store};
use crate::program::repository;

const SERVICE_PASSWORD: &str = "password-of-the-service";

/// The service with PostgreSQL.
pub type Postgres = Networked<PostgresServer>;

/// A PostgreSQL on this machine.
pub struct PostgresServer(Server);

impl Store for PostgresServer {
    fn start() -> Self {
        let server = Server::start(&[]);
        let user = fs::read_to_string(repository().join("data/postgres-user.sql")).unwrap();
        let _none = server.sql(&user.replace("SERVICE_PASSWORD", SERVICE_PASSWORD));
        server.require_passwords();
        Self(server)
    }

    fn url(&self) -> String {
        format!("postgres://pssp:{SERVICE_PASSWORD}@127.0.0.1:{}/pssp", self.0.port())
    }

    fn restart(&mut self) {
        self.0.kill();
        self.0.restart();
    }

    fn lose_messages(&mut self) {
        let lost = self.0.sql("DELETE FROM pssp.queue RETURNING id");
        assert!(!lost.is_empty(), "there were no messages");
    }
}
