//! A DynamoDB that fails on demand: an HTTP proxy that forwards, refuses, delays, cuts, and counts calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The fault of one call.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// An error response of the service, with further fields of its body.
    Answer(u16, &'static str, &'static str, Value),
    /// The response is delayed.
    Late(Duration),
    /// The connection is closed before the call takes effect.
    CutBefore,
    /// The connection is closed after the call took effect.
    CutAfter,
    /// All keys of a batch read but the first are left out.
    LeaveOut,
}

impl Fault {
    pub(crate) fn code(status: u16, code: &'static str) -> Self {
        Self::Answer(status, code, "a fault that a test asked for", json!({}))
    }

    pub(crate) fn throttled() -> Self {
        Self::code(400, "ProvisionedThroughputExceededException")
    }
}

#[derive(Default)]
struct State {
    /// By action: the fault, and how many more calls have it.
    faults: BTreeMap<String, (Fault, u32)>,
    /// Every n-th call has this fault.
    every: Option<(u32, Fault)>,
    calls: u32,
    counts: BTreeMap<String, u32>,
    units: BTreeMap<String, f64>,
}

/// A proxy before one DynamoDB.
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

type Http = Client<HttpConnector, Full<Bytes>>;

impl Proxy {
    pub(crate) async fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let client: Http = Client::builder(TokioExecutor::new()).build_http();
        let (shared, upstream) = (state.clone(), upstream.to_owned());
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (state, client, upstream) = (shared.clone(), client.clone(), upstream.clone());
                let service = service_fn(move |request| {
                    handle(request, state.clone(), client.clone(), upstream.clone())
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { endpoint, state, task }
    }

    /// The next `times` calls of `action` (`PutItem`, …) have the fault.
    pub(crate) fn inject(&self, action: &str, fault: Fault, times: u32) {
        self.state().faults.insert(action.to_owned(), (fault, times));
    }

    /// Every n-th call has the fault; `None` ends this.
    pub(crate) fn every(&self, every: Option<(u32, Fault)>) {
        self.state().every = every;
    }

    /// How many more calls of `action` have a fault.
    pub(crate) fn left(&self, action: &str) -> u32 {
        self.state().faults.get(action).map_or(0, |(_, left)| *left)
    }

    /// Calls and capacity units by action since the last time.
    pub(crate) fn take_counts(&self) -> (BTreeMap<String, u32>, BTreeMap<String, f64>) {
        let mut state = self.state();
        (std::mem::take(&mut state.counts), std::mem::take(&mut state.units))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn fault_of(&mut self, action: &str) -> Option<Fault> {
        *self.counts.entry(action.to_owned()).or_default() += 1;
        self.calls += 1;
        if let Some((fault, left)) = self.faults.get_mut(action)
            && *left > 0
        {
            *left -= 1;
            return Some(fault.clone());
        }
        let (every, fault) = self.every.as_ref()?;
        self.calls.is_multiple_of(*every).then(|| fault.clone())
    }
}

/// An error of the service function closes the connection.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

async fn handle(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
    client: Http,
    upstream: String,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let target = parts.headers.get("x-amz-target").and_then(|t| t.to_str().ok()).unwrap_or_default();
    let action = target.rsplit('.').next().unwrap_or_default().to_owned();
    let fault = lock(&state).fault_of(&action);
    let mut input: Value = serde_json::from_slice(&body).map_err(|_| Cut)?;
    let mut left_out = Vec::new();
    match &fault {
        Some(Fault::Answer(status, code, message, more)) => return Ok(error(*status, code, message, more)),
        Some(Fault::CutBefore) => return Err(Cut),
        Some(Fault::LeaveOut) => {
            let request = input["RequestItems"].as_object_mut().unwrap().values_mut().next().unwrap();
            left_out = request["Keys"].as_array_mut().unwrap().split_off(1);
        }
        Some(Fault::Late(_) | Fault::CutAfter) | None => {}
    }
    input["ReturnConsumedCapacity"] = json!("TOTAL");
    let mut forwarded = Request::post(format!("{upstream}/"));
    for (name, value) in &parts.headers {
        if name != "host" && name != "content-length" {
            forwarded = forwarded.header(name, value);
        }
    }
    let forwarded = forwarded.body(Full::new(Bytes::from(input.to_string()))).map_err(|_| Cut)?;
    let answer = client.request(forwarded).await.map_err(|_| Cut)?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let mut output: Value = serde_json::from_slice(&body).unwrap_or_default();
    *lock(&state).units.entry(action).or_default() += units(&output["ConsumedCapacity"]);
    if let Some(Fault::LeaveOut) = fault {
        let table = input["RequestItems"].as_object().unwrap().keys().next().unwrap().clone();
        let mut again = input["RequestItems"][&table].clone();
        again["Keys"] = json!(left_out);
        output["UnprocessedKeys"] = json!({ table: again });
    }
    match fault {
        Some(Fault::CutAfter) => return Err(Cut),
        Some(Fault::Late(by)) => tokio::time::sleep(by).await,
        _ => {}
    }
    let mut response = Response::new(Full::new(Bytes::from(output.to_string())));
    *response.status_mut() = parts.status;
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0".parse().map_err(|_| Cut)?);
    Ok(response)
}

fn units(consumed: &Value) -> f64 {
    match consumed {
        Value::Array(all) => all.iter().map(units).sum(),
        one => one["CapacityUnits"].as_f64().unwrap_or_default(),
    }
}

fn error(status: u16, code: &str, message: &str, more: &Value) -> Response<Full<Bytes>> {
    let mut body = more.clone();
    body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
    body["message"] = json!(message);
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
