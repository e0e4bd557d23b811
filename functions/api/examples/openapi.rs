//! Prints `openapi.json` as the routes and types make it. `scripts/docs.sh` writes it to its place.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    io::stdout().write_all(pssp_api::describe::openapi().as_bytes())
}
