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

#[tokio::test(start_paused = true)]
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
    let job = service.submit("MKVLT").await;
    let form = service.ask("POST", "/predict").header("x-request-id", "form");
    let form = form.body("application/x-www-form-urlencoded", format!("seq=AYGKL&name={secret}"));
    let sent_to = form.send().await.is(303).header("location").unwrap().to_owned();
    let path = format!("/v1/jobs/{job}");
    service.ask("DELETE", &path).header("x-request-id", "deletes").send().await.is(204);
    service.ask("DELETE", "/v1/jobs/a%0Ab").header("x-request-id", "forges").send().await.is(404);
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
    let line = |id: &str| lines.iter().find(|l| l["span"]["request_id"] == id).unwrap();
    let made: Vec<&Value> = lines.iter().filter(|l| l["made"] == job.as_str()).map(|l| &l["path"]).collect();
    assert_eq!(made, ["/v1/jobs"]);
    assert_eq!(sent_to, format!("results/{}?sent", line("form")["made"].as_str().unwrap()));
    let deleted = line("deletes");
    assert_eq!(deleted["target"], "pssp_api::audit");
    for (field, value) in [("owner", "public"), ("address", "address:unknown"), ("path", path.as_str())] {
        assert_eq!(deleted[field], value, "{deleted}");
    }
    assert_eq!(line("forges")["path"], "/v1/jobs/a%0Ab");
    assert!(lines.iter().filter(|l| l["level"] == "INFO").all(|l| l["latency_ms"].is_number()));
    assert!(lines.iter().any(|l| l["level"] == "DEBUG" && l["span"]["request_id"] == "probe"));
}
