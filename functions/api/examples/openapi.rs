//! Prints `openapi.json`, made from the routes and types. `scripts/docs.sh` writes it to its file.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    io::stdout().write_all(pssp_api::describe::openapi().as_bytes())
}
