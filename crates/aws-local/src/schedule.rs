//! A schedule: a scheduled event of EventBridge for a function at a fixed interval.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::runtime::Function;
use crate::sqs::ACCOUNT;

/// A running schedule. Dropping it stops it.
#[derive(Debug)]
pub struct Schedule {
    _task: JoinSet<()>,
}

impl Schedule {
    /// Sends an event to `function` every `interval` (on AWS: whole minutes), the first one after one interval. Lambda
    /// retries a failed event twice within minutes. This schedule does not retry, since the next event follows soon.
    #[must_use]
    pub fn start(interval: Duration, function: Function) -> Self {
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut ticks = tokio::time::interval(interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let event = event(&function.options().region, jiff::Timestamp::now());
                if let Err(error) = function.invoke_async(event.to_string().into()).await {
                    tracing::warn!(%error, "schedule: the event failed");
                }
            }
        });
        Self { _task: task }
    }
}

/// The event for `time`, in whole seconds.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html>
#[must_use]
pub fn event(region: &str, time: jiff::Timestamp) -> Value {
    let time = time.round(jiff::Unit::Second).unwrap_or(time);
    json!({
        "version": "0",
        "id": uuid::Uuid::new_v4(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.to_string(),
        "region": region,
        "resources": [format!("arn:aws:events:{region}:{ACCOUNT}:rule/pssp-sweep")],
        "detail": {},
    })
}
