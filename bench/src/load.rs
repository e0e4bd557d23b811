//! The load: clients submit jobs, each as fast as it gets answers. Then the times of all jobs are read.
//!
//! The clients measure the time of a submit. The time to the result comes from the service: from `created_at`
//! to `finished_at` of each job. So no requests that wait for results disturb the measurement.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use pssp_bench::{percentile, sequence};
use serde_json::Value;
use ureq::Agent;

/// Time limit of a request, far above the time of any answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The measurement fails if no job finishes for this time.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// What to measure.
pub(crate) struct Plan {
    pub(crate) url: String,
    pub(crate) clients: usize,
    pub(crate) jobs: usize,
    pub(crate) length: usize,
}

/// Two percentiles of measured times.
pub(crate) struct Times {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { p50: percentile(&times, 50), p99: percentile(&times, 99) }
    }
}

/// The results.
pub(crate) struct Measured {
    pub(crate) submits_per_s: f64,
    pub(crate) finished_per_s: f64,
    pub(crate) submit: Times,
    /// The times from submitted to finished.
    pub(crate) total: Times,
    /// The number of jobs that did not finish.
    pub(crate) failed: usize,
}

/// Submits all jobs, waits until they have ended, and returns the results.
pub(crate) fn run(plan: &Plan) -> Result<Measured> {
    let start = Instant::now();
    let submits = submit_all(plan)?;
    let submitting = start.elapsed();
    wait_until_idle(&plan.url)?;
    let spans = spans(plan)?;
    let first = spans.iter().map(|s| s.created_ms).min().unwrap_or(0);
    let last = spans.iter().map(|s| s.finished_ms).max().unwrap_or(0);
    let working = Duration::from_millis(last.saturating_sub(first).max(1));
    Ok(Measured {
        submits_per_s: rate(plan.jobs, submitting),
        finished_per_s: rate(spans.len(), working),
        submit: Times::of(submits),
        failed: plan.jobs.saturating_sub(spans.len()),
        total: Times::of(spans.iter().map(|s| Duration::from_millis(s.finished_ms - s.created_ms)).collect()),
    })
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn rate(count: usize, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}

fn agent() -> Agent {
    let config =
        Agent::config_builder().timeout_global(Some(REQUEST_TIMEOUT)).http_status_as_error(true).proxy(None);
    config.build().new_agent()
}

fn submit_all(plan: &Plan) -> Result<Vec<Duration>> {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Ok(Vec::with_capacity(plan.jobs)));
    thread::scope(|scope| {
        for _ in 0..plan.clients {
            scope.spawn(|| {
                let times = client(plan, &next);
                let Ok(mut all) = all.lock() else { return };
                match (all.as_mut(), times) {
                    (Ok(all), Ok(times)) => all.extend(times),
                    (Ok(_), Err(error)) => *all = Err(error),
                    (Err(_), _) => {}
                }
            });
        }
    });
    all.into_inner().map_err(|_| anyhow!("a client crashed"))?
}

fn client(plan: &Plan, next: &AtomicUsize) -> Result<Vec<Duration>> {
    let (agent, url) = (agent(), format!("{}/v1/jobs", plan.url));
    let mut times = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= plan.jobs {
            return Ok(times);
        }
        let body = sequence(plan.length, number as u64);
        let start = Instant::now();
        let mut response =
            agent.post(&url).content_type("text/plain").send(&body).context("a submit failed")?;
        response.body_mut().read_to_vec()?; // the connection is reused only after the body was read
        times.push(start.elapsed());
    }
}

fn get(agent: &Agent, url: &str) -> Result<Value> {
    Ok(agent.get(url).call()?.body_mut().with_config().limit(u64::MAX).read_json()?)
}

fn wait_until_idle(url: &str) -> Result<()> {
    let (agent, url) = (agent(), format!("{url}/v1/status"));
    let (mut least, mut since) = (u64::MAX, Instant::now());
    loop {
        let status = get(&agent, &url)?;
        let count = |state: &str| status["queue"][state].as_u64().context("the status tells no queue");
        let left = count("submitted")? + count("running")?;
        if left == 0 {
            return Ok(());
        }
        if left < least {
            (least, since) = (left, Instant::now());
        }
        ensure!(
            since.elapsed() < STALL_TIMEOUT,
            "no job was finished for {} s, {left} are left",
            STALL_TIMEOUT.as_secs()
        );
        thread::sleep(Duration::from_millis(50));
    }
}

struct Span {
    created_ms: u64,
    finished_ms: u64,
}

/// The times at which the newest finished jobs were submitted and finished.
fn spans(plan: &Plan) -> Result<Vec<Span>> {
    let agent = agent();
    let mut path = "/v1/jobs?status=finished&limit=100".to_owned();
    let mut spans = Vec::with_capacity(plan.jobs);
    while spans.len() < plan.jobs {
        let page = get(&agent, &format!("{}{path}", plan.url))?;
        for job in page["jobs"].as_array().context("the service tells no jobs")? {
            let time = |key: &str| millis(job[key].as_str().unwrap_or_default());
            spans.push(Span { created_ms: time("created_at")?, finished_ms: time("finished_at")? });
        }
        let Some(cursor) = page["next"].as_str() else { break };
        path = format!("/v1/jobs?status=finished&limit=100&cursor={cursor}");
    }
    spans.truncate(plan.jobs);
    Ok(spans)
}

/// The milliseconds of an RFC 3339 time in UTC since the start of its month. The month is not needed for the
/// differences of times within a run.
fn millis(time: &str) -> Result<u64> {
    let part = |range: std::ops::Range<usize>| time.get(range).and_then(|text| text.parse::<u64>().ok());
    let (Some(day), Some(hour), Some(minute), Some(second), Some(ms)) =
        (part(8..10), part(11..13), part(14..16), part(17..19), part(20..23))
    else {
        bail!("{time:?} is no time with milliseconds");
    };
    Ok((((day * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms)
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn times_are_milliseconds() {
        let span = millis("2026-03-02T00:00:00.250Z").unwrap() - millis("2026-03-01T23:59:59.750Z").unwrap();
        assert_eq!(span, 500);
        assert!(millis("soon").is_err());
    }
}
