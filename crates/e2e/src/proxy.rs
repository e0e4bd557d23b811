//! A reverse proxy that serves a service below a prefix, and does not tell the service.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// The longest head of a request that it reads, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// Serves the service at `upstream` below `prefix` (as `/some/prefix`), until the process ends. Returns the address
/// with the prefix and a slash.
///
/// # Panics
/// If no port is free.
#[must_use]
pub fn serve_below(prefix: &str, upstream: SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}{prefix}/", listener.local_addr().unwrap());
    let prefix = prefix.to_owned();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let prefix = prefix.clone();
            thread::spawn(move || {
                // A broken connection ends one request, as with any proxy.
                let _ = forward(client, &prefix, upstream);
            });
        }
    });
    url
}

/// Forwards one request. The connection ends with it.
fn forward(mut client: TcpStream, prefix: &str, upstream: SocketAddr) -> io::Result<()> {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        let count = client.read(&mut chunk)?;
        if count == 0 || read.len() > MAX_HEAD {
            return Ok(());
        }
        read.extend_from_slice(&chunk[..count]);
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let Some((line, headers)) = head.split_once("\r\n") else { return Ok(()) };
    let Some(line) = without_prefix(line, prefix) else {
        return client.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let kept = headers.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let headers: String = kept.map(|line| format!("{line}\r\n")).collect();
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(format!("{line}\r\n{headers}Connection: close\r\n\r\n").as_bytes())?;
    server.write_all(&read[end + 4..])?;
    let (mut up, mut body) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut body, &mut up));
    io::copy(&mut server, &mut client)?;
    client.shutdown(std::net::Shutdown::Both)
}

/// The first line of a request without the prefix in its path.
fn without_prefix(line: &str, prefix: &str) -> Option<String> {
    let (verb, rest) = line.split_once(' ')?;
    let path = rest.strip_prefix(prefix)?;
    path.starts_with('/').then(|| format!("{verb} {path}"))
}
