//! The poll loop: slots, errors, undecodable messages, panics, visibility, and messages at shutdown.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use pssp_host::liveness::Liveness;
use pssp_host::poll::{PollOptions, Poller};
use pssp_jobs::{
    Delivery, Disposition, Handler, JobId, JobReceiver, Message, Policy, Receipt, Record, Slot, StoreError,
};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::{TestBed, until};

const GRACE: Duration = Duration::from_secs(25);

/// A handler that calls a closure with the number of the call and the job.
struct Fake<F> {
    calls: AtomicUsize,
    act: F,
}

impl<F: Fn(usize, JobId) -> BoxFuture<'static, Disposition> + Send + Sync> Fake<F> {
    fn new(act: F) -> Arc<Self> {
        Arc::new(Self { calls: AtomicUsize::new(0), act })
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl<F: Fn(usize, JobId) -> BoxFuture<'static, Disposition> + Send + Sync> Handler for Fake<F> {
    async fn reserve(&self, max: usize) -> Vec<Slot> {
        (0..max).map(|_| Slot::unlimited()).collect()
    }

    async fn handle(&self, message: Message, _: Option<Box<Record>>, _: Slot) -> Disposition {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        (self.act)(call, message.job).await
    }
}

/// A receiver that records every receive and can misbehave by a script.
struct Probe {
    inner: Arc<dyn JobReceiver>,
    asked: Mutex<Vec<(Instant, usize)>>,
    script: Mutex<VecDeque<Misbehaviour>>,
}

#[derive(Clone, Copy)]
enum Misbehaviour {
    Fail,
    Hang,
    /// Takes the visible messages, and returns them this much later.
    Late(Duration),
}

impl Probe {
    fn new(bed: &TestBed, script: impl IntoIterator<Item = Misbehaviour>) -> Arc<Self> {
        let script = Mutex::new(script.into_iter().collect());
        Arc::new(Self { inner: bed.memory.clone(), asked: Mutex::default(), script })
    }

    fn asked(&self) -> Vec<(Instant, usize)> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl JobReceiver for Probe {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.asked.lock().unwrap().push((Instant::now(), max));
        let misbehaviour = self.script.lock().unwrap().pop_front();
        match misbehaviour {
            Some(Misbehaviour::Fail) => return Err(StoreError::Unavailable("gone".into())),
            Some(Misbehaviour::Hang) => std::future::pending().await,
            Some(Misbehaviour::Late(by)) => {
                let taken = self.inner.receive(max, wait, visibility).await;
                tokio::time::sleep(by).await;
                return taken;
            }
            None => {}
        }
        self.inner.receive(max, wait, visibility).await
    }

    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError> {
        self.inner.ack(receipt).await
    }

    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError> {
        self.inner.retry(receipt, after).await
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<bool, StoreError> {
        self.inner.extend(receipt, visibility).await
    }
}

struct Loop {
    shutdown: CancellationToken,
    release: CancellationToken,
    liveness: Liveness,
    running: JoinHandle<()>,
}

impl Loop {
    fn start(bed: &TestBed, receiver: Arc<dyn JobReceiver>, handler: Arc<dyn Handler>, slots: usize) -> Self {
        let release = CancellationToken::new();
        Self::start_with(bed, receiver, handler, slots, release)
    }

    fn start_with(
        bed: &TestBed,
        receiver: Arc<dyn JobReceiver>,
        handler: Arc<dyn Handler>,
        slots: usize,
        release: CancellationToken,
    ) -> Self {
        let options = PollOptions { slots, wait: Duration::from_secs(20), grace: GRACE };
        let poller = Poller::new(bed.jobs.clone(), receiver, handler, options, release.clone());
        let shutdown = CancellationToken::new();
        let liveness = poller.liveness();
        let running = tokio::spawn(poller.run(shutdown.clone()));
        Self { shutdown, release, liveness, running }
    }

    /// Shuts the loop down, and returns how long that took.
    async fn stop(self) -> Duration {
        let start = Instant::now();
        self.shutdown.cancel();
        self.running.await.unwrap();
        start.elapsed()
    }
}

fn ack_after(wait: Duration) -> BoxFuture<'static, Disposition> {
    Box::pin(async move {
        tokio::time::sleep(wait).await;
        Disposition::Ack
    })
}

/// Number of messages that are visible now or become visible within `wait`.
async fn visible(bed: &TestBed, wait: Duration) -> usize {
    bed.memory.receive(1000, wait, Duration::from_secs(1)).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn no_more_messages_are_received_than_slots_are_free() {
    let bed = TestBed::new();
    for _ in 0..50 {
        bed.submit().await;
    }
    let in_hand = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let seen = in_hand.clone();
    let handler = Fake::new(move |call, _| {
        let seen = seen.clone();
        Box::pin(async move {
            let now = seen.0.fetch_add(1, Ordering::SeqCst) + 1;
            seen.1.fetch_max(now, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(100 + 37 * (call as u64 % 7))).await;
            seen.0.fetch_sub(1, Ordering::SeqCst);
            Disposition::Ack
        })
    });
    let probe = Probe::new(&bed, []);
    let run = Loop::start(&bed, probe.clone(), handler.clone(), 4);
    until("50 handled", || handler.calls() == 50).await;
    run.stop().await;
    assert_eq!(in_hand.1.load(Ordering::SeqCst), 4);
    assert!(probe.asked().iter().all(|(_, max)| (1..=4).contains(max)), "{:?}", probe.asked());
    assert_eq!(visible(&bed, Duration::from_mins(5)).await, 0, "all acknowledged");
}

#[tokio::test(start_paused = true)]
async fn after_receive_errors_the_loop_waits_and_recovers() {
    let bed = TestBed::new();
    bed.submit().await;
    let handler = Fake::new(|_, _| ack_after(Duration::ZERO));
    let probe = Probe::new(&bed, [Misbehaviour::Fail; 12]);
    let run = Loop::start(&bed, probe.clone(), handler.clone(), 4);
    until("12 errors", || probe.asked().len() == 12).await;
    assert_eq!(run.liveness.since_poll(), None);
    assert!(run.liveness.is_alive(Duration::from_secs(30)), "a loop that waits after errors is alive");
    assert!(!run.liveness.is_ready(Duration::from_secs(30)));
    until("handled", || handler.calls() == 1).await;
    let asked = probe.asked();
    let gaps: Vec<Duration> = asked.windows(2).map(|w| w[1].0 - w[0].0).take(12).collect();
    assert!(gaps[0] >= Duration::from_millis(50), "{gaps:?}");
    assert!(gaps[11] >= Duration::from_millis(7500) && gaps[11] <= Duration::from_millis(15_010), "{gaps:?}");
    assert!(run.liveness.is_ready(Duration::from_secs(30)));
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_receive_that_hangs_is_abandoned() {
    let bed = TestBed::new();
    bed.submit().await;
    let handler = Fake::new(|_, _| ack_after(Duration::ZERO));
    let run = Loop::start(&bed, Probe::new(&bed, [Misbehaviour::Hang]), handler.clone(), 1);
    until("handled", || handler.calls() == 1).await;
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn undecodable_messages_go_to_the_dead_letters_and_others_are_handled() {
    let bed = TestBed::new();
    bed.memory.inject("not ours");
    bed.memory.inject(r#"{"v":99,"job":"0190f3c4-7d1e-7c3b-9c55-6f1f2ab3c0de"}"#);
    bed.submit().await;
    let handler = Fake::new(|_, _| ack_after(Duration::ZERO));
    let run = Loop::start(&bed, bed.memory.clone(), handler.clone(), 4);
    until("handled", || handler.calls() == 1).await;
    run.stop().await;
    let letters = bed.jobs.dead_letters(None, 10).await.unwrap().items;
    let mut bodies: Vec<&str> = letters.iter().filter_map(|l| l.body.as_deref()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], "not ours");
    assert!(letters.iter().any(|l| l.reason.contains("version 99")), "{letters:?}");
    assert_eq!(visible(&bed, Duration::from_mins(5)).await, 0, "all acknowledged");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_caught_and_its_message_comes_again() {
    let bed = TestBed::new();
    let bad = bed.submit().await;
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = times.clone();
    let handler = Fake::new(move |_, job| {
        let noted = noted.clone();
        Box::pin(async move {
            if job == bad {
                noted.lock().unwrap().push(Instant::now());
                assert!(noted.lock().unwrap().len() > 1, "first time: panic");
            }
            Disposition::Ack
        })
    });
    for _ in 0..5 {
        bed.submit().await;
    }
    let run = Loop::start(&bed, bed.memory.clone(), handler.clone(), 2);
    until("all handled", || handler.calls() == 7).await;
    run.stop().await;
    let times = times.lock().unwrap().clone();
    assert_eq!(times.len(), 2);
    assert!(times[1] - times[0] >= Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_message_stays_hidden_while_its_handler_runs() {
    let bed = TestBed::new();
    bed.submit().await;
    let handler = Fake::new(|_, _| ack_after(Policy::default().lease * 10));
    let run = Loop::start(&bed, bed.memory.clone(), handler.clone(), 4);
    tokio::time::sleep(Policy::default().lease * 12).await;
    assert_eq!(handler.calls(), 1);
    run.stop().await;
    assert_eq!(visible(&bed, Duration::ZERO).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_retried_message_comes_again_later_and_a_discarded_one_is_removed() {
    let bed = TestBed::new();
    bed.submit().await;
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = times.clone();
    let handler = Fake::new(move |call, _| {
        noted.lock().unwrap().push(Instant::now());
        Box::pin(async move {
            if call == 0 {
                Disposition::Retry { after: Duration::from_secs(40) }
            } else {
                Disposition::Discard
            }
        })
    });
    let run = Loop::start(&bed, bed.memory.clone(), handler.clone(), 4);
    until("handled twice", || handler.calls() == 2).await;
    run.stop().await;
    let times = times.lock().unwrap().clone();
    assert!(times[1] - times[0] >= Duration::from_secs(40));
    assert_eq!(visible(&bed, Duration::from_mins(5)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_loop_whose_slots_are_all_taken_is_alive_and_ready() {
    let bed = TestBed::new();
    bed.submit().await;
    let handler = Fake::new(|_, _| ack_after(Duration::from_hours(1)));
    let run = Loop::start(&bed, bed.memory.clone(), handler.clone(), 1);
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert!(run.liveness.since_poll().unwrap() > Duration::from_mins(29));
    assert!(run.liveness.is_alive(Duration::from_secs(90)) && run.liveness.is_ready(Duration::from_secs(60)));
    run.stop().await;
}

// --- shutdown --------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn an_idle_loop_stops_at_once() {
    let bed = TestBed::new();
    let handler = Fake::new(|_, _| ack_after(Duration::ZERO));
    let run = Loop::start(&bed, bed.memory.clone(), handler, 4);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(run.stop().await <= Duration::from_millis(600));
}

#[tokio::test(start_paused = true)]
async fn shutdown_lets_handlers_finish_and_receives_no_more() {
    let bed = TestBed::new();
    bed.submit().await;
    let handler = Fake::new(|_, _| ack_after(Duration::from_secs(10)));
    let run = Loop::start(&bed, bed.memory.clone(), handler.clone(), 4);
    until("started", || handler.calls() == 1).await;
    run.shutdown.cancel();
    bed.submit().await;
    let release = run.release.clone();
    let took = run.stop().await;
    assert!(took <= Duration::from_secs(11), "{took:?}");
    assert!(!release.is_cancelled());
    assert_eq!(handler.calls(), 1);
    assert_eq!(visible(&bed, Duration::from_mins(5)).await, 1, "only the message that was not received");
}

#[tokio::test(start_paused = true)]
async fn handlers_that_take_too_long_release_their_jobs_in_time() {
    let bed = TestBed::new();
    bed.submit().await;
    let release = CancellationToken::new();
    let asked = release.clone();
    let handler = Fake::new(move |_, _| {
        let asked = asked.clone();
        Box::pin(async move {
            asked.cancelled().await;
            Disposition::Retry { after: Duration::ZERO }
        })
    });
    let run = Loop::start_with(&bed, bed.memory.clone(), handler.clone(), 4, release);
    until("started", || handler.calls() == 1).await;
    let took = run.stop().await;
    assert!(took >= Duration::from_secs(19) && took < GRACE, "{took:?}");
    assert_eq!(visible(&bed, Duration::ZERO).await, 1, "visible at once");
}

#[tokio::test(start_paused = true)]
async fn handlers_that_ignore_shutdown_are_dropped_and_their_message_is_returned() {
    let bed = TestBed::new();
    bed.submit().await;
    let handler = Fake::new(|_, _| Box::pin(std::future::pending()));
    let run = Loop::start(&bed, bed.memory.clone(), handler.clone(), 4);
    until("started", || handler.calls() == 1).await;
    let took = run.stop().await;
    assert!(took <= GRACE, "{took:?}");
    assert_eq!(visible(&bed, Duration::ZERO).await, 1, "visible at once");
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_receive_during_shutdown_are_returned() {
    let bed = TestBed::new();
    bed.submit().await;
    let handler = Fake::new(|_, _| ack_after(Duration::ZERO));
    let probe = Probe::new(&bed, [Misbehaviour::Late(Duration::from_millis(300))]);
    let run = Loop::start(&bed, probe.clone(), handler.clone(), 4);
    until("asked", || probe.asked().len() == 1).await;
    run.stop().await;
    assert_eq!(handler.calls(), 0);
    assert_eq!(visible(&bed, Duration::ZERO).await, 1, "visible at once");
}

#[tokio::test(start_paused = true)]
async fn the_loop_is_soon_ready_on_an_idle_queue() {
    let bed = TestBed::new();
    let handler = Fake::new(|_, _| ack_after(Duration::ZERO));
    let run = Loop::start(&bed, bed.memory.clone(), handler, 4);
    let start = Instant::now();
    until("ready", || run.liveness.is_ready(Duration::from_secs(60))).await;
    assert!(start.elapsed() <= Duration::from_secs(2), "{:?}", start.elapsed());
    run.stop().await;
}
