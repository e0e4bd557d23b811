//! Server-sent events: lines of a stream into events (the HTML standard, 9.2.6, as far as we send it).

use std::io::{self, BufRead};

/// Longest line that is kept; events of the service are much shorter.
const MAX_LINE: u64 = 1 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) data: String,
}

/// Reads events until the stream ends.
pub(crate) struct Events<R> {
    lines: R,
}

impl<R: BufRead> Events<R> {
    pub(crate) fn new(lines: R) -> Self {
        Self { lines }
    }

    fn next_event(&mut self) -> io::Result<Option<Event>> {
        let mut event = Event::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bounded = io::Read::take(&mut self.lines, MAX_LINE);
            if bounded.read_until(b'\n', &mut line)? == 0 {
                return Ok(None); // an event without its empty line was cut off: not an event
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            if text.is_empty() && !event.data.is_empty() {
                event.data.pop(); // the last line end is not part of the data
                return Ok(Some(event));
            }
            field(&mut event, text);
        }
    }
}

/// Comments (`:`) and unknown fields are skipped: they only show that the stream lives.
fn field(event: &mut Event, line: &str) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let value = value.strip_prefix(' ').unwrap_or(value);
    match name {
        "id" => event.id = Some(value.to_owned()),
        "event" => value.clone_into(&mut event.name),
        "data" => {
            event.data.push_str(value);
            event.data.push('\n');
        }
        _ => {}
    }
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = io::Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_event().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_comments_and_a_cut_end() {
        let text = ": hello\n\nid: 7\nevent: status\r\ndata: {\"a\":\ndata: 1}\n\n:\n\ndata: cut off\n";
        let events: Vec<Event> = Events::new(text.as_bytes()).map(Result::unwrap).collect();
        let event = Event { id: Some("7".into()), name: "status".into(), data: "{\"a\":\n1}".into() };
        assert_eq!(events, [event]);
    }
}
