//! A faulty service: a proxy that passes requests on to a real service and changes the answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// An answer of the real service, which a test may change.
pub(crate) struct ProxiedAnswer {
    /// The request line without the version, such as `GET /jobs`.
    pub(crate) asked: String,
    pub(crate) status: u16,
    /// The header lines of the real service.
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl ProxiedAnswer {
    pub(crate) fn drop_header(&mut self, name: &str) {
        self.headers.retain(|line| !line.to_ascii_lowercase().starts_with(&format!("{name}:")));
    }

    pub(crate) fn replace(&mut self, from: &str, to: &str) {
        self.body = String::from_utf8_lossy(&self.body).replace(from, to).into_bytes();
    }
}

/// Starts a proxy for the service at `url`, and returns its own URL. It runs until the process ends.
pub(crate) fn start(url: &str, spoil: impl Fn(&mut ProxiedAnswer) + Send + Sync + 'static) -> String {
    let behind = url.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let spoil = Arc::new(spoil);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (behind, spoil) = (behind.clone(), spoil.clone());
            // A client that closes its connection early is not an error here.
            thread::spawn(move || drop(pass(client, &behind, &*spoil)));
        }
    });
    format!("http://{address}")
}

fn pass(mut client: TcpStream, behind: &str, spoil: &dyn Fn(&mut ProxiedAnswer)) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let head = head(&mut reader)?;
    let mut body = vec![0; length(&head)];
    reader.read_exact(&mut body)?;

    let mut server = TcpStream::connect(behind)?;
    let kept = head[1..].iter().filter(|line| {
        let name = line.to_ascii_lowercase();
        !name.starts_with("connection:") && !name.starts_with("accept-encoding:")
    });
    let lines: String = kept.map(|line| format!("{line}\r\n")).collect();
    // With HTTP/1.0 the answer is not chunked, and it ends with the connection.
    let request = head[0].replace("HTTP/1.1", "HTTP/1.0");
    write!(server, "{request}\r\n{lines}\r\n")?;
    server.write_all(&body)?;

    let mut answer = BufReader::new(server);
    let mut headers = self::head(&mut answer)?;
    let mut body = Vec::new();
    answer.read_to_end(&mut body)?;
    let status = headers.remove(0).split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let asked = request.trim_end_matches(" HTTP/1.0").to_owned();
    let mut passing = ProxiedAnswer { asked, status, headers, body };
    spoil(&mut passing);
    for name in ["content-length", "connection", "transfer-encoding"] {
        passing.drop_header(name);
    }
    let lines: String = passing.headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = if matches!(passing.status, 204 | 304) {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", passing.body.len())
    };
    write!(client, "HTTP/1.1 {} X\r\n{lines}{length}Connection: close\r\n\r\n", passing.status)?;
    client.write_all(&passing.body)
}

fn head(reader: &mut impl BufRead) -> std::io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            return if lines.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(lines) };
        }
        lines.push(line);
    }
}

fn length(head: &[String]) -> usize {
    let mut lines = head.iter().filter_map(|line| line.split_once(':'));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}
