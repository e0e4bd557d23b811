//! The log lines of a request, and that they never contain a sequence.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::service;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn each_request_has_one_line_with_its_id_and_no_sequence() {
    let captured = Captured::default();
    // The subscriber is global, because a subscriber of one thread misses events of call sites that another
    // thread has reached first. Other tests write into it too, so the test selects lines by request id.
    let filter = tracing_subscriber::EnvFilter::new("pssp_api=trace,pssp_jobs=trace");
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter);
    tracing::subscriber::set_global_default(subscriber.with_writer(captured.clone()).finish()).unwrap();
    let service = service();
    let secret = "WYWYWYWYWYWY";
    for (media, body) in [
        ("text/plain", secret.to_owned()),
        ("text/plain", format!("?{secret}")),
        ("application/json", format!("{{\"sequence\": [\"{secret}\"]}}")),
        ("application/x-www-form-urlencoded", format!("seq={secret}&force={secret}")),
    ] {
        let ask = service.ask("POST", "/v1/jobs").header("x-request-id", "the-id").body(media, body);
        ask.send().await;
    }
    service.ask("GET", "/healthz").header("x-request-id", "probe").send().await.is(200);
    let text = captured.text();
    assert!(!text.contains(secret), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<(&Value, &Value)> = lines
        .iter()
        .filter(|l| l["span"]["request_id"] == "the-id")
        .map(|l| (&l["status"], &l["span"]["route"]))
        .collect();
    let statuses: Vec<&Value> = found.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [202, 422, 400, 400]);
    assert!(found.iter().all(|(_, route)| *route == "/v1/jobs"));
    assert!(lines.iter().filter(|l| l["level"] == "INFO").all(|l| l["latency_ms"].is_number()));
    assert!(lines.iter().any(|l| l["level"] == "DEBUG" && l["span"]["request_id"] == "probe"));
}
