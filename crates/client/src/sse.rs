//! Server-sent events: the fields that the service sends, parsed as in section 9.2.6 of the HTML standard.

use std::io::{self, BufRead};

/// Limit on the length of a line, in bytes. The events of the service are far shorter.
const MAX_LINE: u64 = 1 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// The field `id`. A client sends it back as `Last-Event-ID` to continue after this event.
    pub id: Option<String>,
    /// The field `event`.
    pub name: String,
    /// The lines of the field `data`, joined with line breaks.
    pub data: String,
}

/// Iterates over the events of a stream until it ends.
#[derive(Debug)]
pub struct Events<R> {
    lines: R,
}

impl<R: BufRead> Events<R> {
    /// Reads events from the body of an answer.
    pub fn new(lines: R) -> Self {
        Self { lines }
    }

    fn next_event(&mut self) -> io::Result<Option<Event>> {
        let mut event = Event::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bounded = io::Read::take(&mut self.lines, MAX_LINE);
            if bounded.read_until(b'\n', &mut line)? == 0 {
                return Ok(None); // an event without its empty line is incomplete
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            if text.is_empty() && !event.data.is_empty() {
                event.data.pop(); // the last line break is not part of the data
                return Ok(Some(event));
            }
            field(&mut event, text);
        }
    }
}

/// Skips comments (`:`), which the service sends as heartbeats, and unknown fields.
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
    fn comments_and_an_incomplete_last_event_are_skipped() {
        let text = ": hello\n\nid: 7\nevent: status\r\ndata: {\"a\":\ndata: 1}\n\n:\n\ndata: cut off\n";
        let events: Vec<Event> = Events::new(text.as_bytes()).map(Result::unwrap).collect();
        let event = Event { id: Some("7".into()), name: "status".into(), data: "{\"a\":\n1}".into() };
        assert_eq!(events, [event]);
    }
}
