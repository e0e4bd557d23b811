//! Tables of DynamoDB and queues of SQS, each pair for one case.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_backend_aws::{AwsBackend, Options, testing};
use pssp_jobs::contract::Harness;
use pssp_jobs::{Backend, Clock, ManualClock, SystemClock, Timestamp};

use crate::lagging::Lagging;
use crate::{Home, scratch_name};

/// The real time of a longer wait: longer than any delay, visibility or lease of the suite. The time of the queue
/// cannot be moved; only the clock of the case is moved for the rest of the wait.
const REAL: Duration = Duration::from_secs(5);

/// What AWS promises less than turns.
const NO_TURNS: &str = "message groups of SQS keep a backlog from delaying other owners, but give no turns";

/// The cases that need turns.
const TURNS: &[&str] = &["a_backlog_does_not_delay_other_owners", "delayed_jobs_take_turns_too"];

/// The account and region of a URL, or a stand-in.
pub struct AwsHome {
    url: String,
    options: Options,
    takes_turns: bool,
    lags: bool,
}

impl AwsHome {
    /// The home of `aws://<table>?queue=<queue URL>…`, with the credentials of the environment. Table and queue of the
    /// URL are not touched: those of the cases are made beside them.
    ///
    /// # Errors
    /// What the URL lacks.
    pub fn new(url: &str) -> Result<Self, String> {
        let is_aws = !url.contains("endpoint=");
        Self::with(url, Options::default(), !is_aws, is_aws)
    }

    /// The home of a stand-in. `takes_turns` is false if it ignores message groups.
    ///
    /// # Errors
    /// What the URL lacks.
    pub fn stand_in(url: &str, options: Options, takes_turns: bool) -> Result<Self, String> {
        Self::with(url, options, takes_turns, false)
    }

    fn with(url: &str, options: Options, takes_turns: bool, lags: bool) -> Result<Self, String> {
        scratch_url(url, "conform").ok_or("the URL needs `queue`, the URL of a queue")?;
        Ok(Self { url: url.to_owned(), options, takes_turns, lags })
    }
}

/// The URL with the same name for the table and the queue.
fn scratch_url(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.strip_prefix("aws://")?.split_once('?')?;
    let pairs: Option<Vec<String>> = query
        .split('&')
        .map(|pair| match pair.strip_prefix("queue=") {
            Some(queue) => {
                let slash =
                    ["/", "%2F", "%2f"].into_iter().filter_map(|s| Some(queue.rfind(s)? + s.len())).max()?;
                Some(format!("queue={}{name}", &queue[..slash]))
            }
            None => Some(pair.to_owned()),
        })
        .collect();
    let pairs = pairs?;
    pairs.iter().any(|pair| pair.starts_with("queue=")).then(|| format!("aws://{name}?{}", pairs.join("&")))
}

/// The time of this machine, moved ahead.
struct Ahead(ManualClock);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        let ahead = u64::try_from(self.0.now().as_millis()).unwrap_or_default();
        SystemClock.now().plus(Duration::from_millis(ahead))
    }
}

struct Aws {
    url: String,
    options: Options,
    takes_turns: bool,
    lags: bool,
    clock: Arc<Ahead>,
    backend: Arc<AwsBackend>,
}

#[async_trait]
impl Home for AwsHome {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn place(&self) -> String {
        if self.lags {
            "tables and queues conform_* in the account of the credentials".to_owned()
        } else {
            "tables and queues conform_* of a stand-in".to_owned()
        }
    }

    async fn fresh(&self) -> Result<Box<dyn Harness>, String> {
        let url = scratch_url(&self.url, &scratch_name()).ok_or("the URL has no queue")?;
        let made = testing::create(&url, &self.options).await;
        if let Err(error) = made {
            // The queue may be there without the table.
            let left = testing::remove(&url, &self.options).await.err();
            let left = left.map_or_else(String::new, |_| format!("; look for what is left of {url}"));
            return Err(format!("{error}{left}"));
        }
        let clock = Arc::new(Ahead(ManualClock::new(Timestamp::from_millis(0))));
        let backend = match AwsBackend::open(&url, clock.clone(), self.options.clone()).await {
            Ok(backend) => backend,
            Err(error) => {
                let left = testing::remove(&url, &self.options).await.err();
                let left = left.map_or_else(String::new, |_| format!("; look for what is left of {url}"));
                return Err(format!("{error}{left}"));
            }
        };
        Ok(Box::new(Aws {
            url,
            options: self.options.clone(),
            takes_turns: self.takes_turns,
            lags: self.lags,
            clock,
            backend,
        }))
    }
}

#[async_trait]
impl Harness for Aws {
    fn backend(&self) -> Backend {
        let backend = Backend::of(self.backend.clone());
        if self.lags { Lagging::wrap(backend) } else { backend }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    async fn advance(&self, by: Duration) {
        let real = by.min(REAL);
        tokio::time::sleep(real).await;
        self.clock.0.advance(by - real);
    }

    async fn reopen(&mut self) {
        let opened = AwsBackend::open(&self.url, self.clock.clone(), self.options.clone()).await;
        self.backend = opened.unwrap_or_else(|error| panic!("{error}"));
    }

    async fn inject(&self, body: &str) {
        testing::send(&self.url, &self.options, body).await.unwrap_or_else(|error| panic!("{error}"));
    }

    fn deviation(&self, case: &str) -> Option<&'static str> {
        (!self.takes_turns && TURNS.contains(&case)).then_some(NO_TURNS)
    }

    async fn remove(&mut self) -> Result<(), String> {
        testing::remove(&self.url, &self.options)
            .await
            .map_err(|error| format!("delete the table and the queue of {}: {error}", self.url))
    }

    /// Each history takes seconds of real time.
    fn random_histories(&self) -> u32 {
        3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_and_queue_are_replaced() {
        let url = "aws://jobs?queue=https://sqs.eu-west-1.amazonaws.com/1234/jobs&region=eu-west-1";
        let scratch = "aws://x?queue=https://sqs.eu-west-1.amazonaws.com/1234/x&region=eu-west-1";
        assert_eq!(scratch_url(url, "x").as_deref(), Some(scratch));
        assert_eq!(scratch_url("aws://jobs?region=eu-west-1", "x"), None);
    }
}
