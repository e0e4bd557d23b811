//! Bounds on what one client may use, so that no client keeps the service from the others.
//!
//! A client is a key, or an address. Callers without a key can make new tokens at will, but not new addresses.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{InsufficientCapacity, Quota, RateLimiter};
use http::{HeaderMap, HeaderName, HeaderValue};
use pssp_jobs::stored_key::KeyTerms;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Config;
use crate::problem::{Kind, Problem};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A burst is as large as the requests of this many seconds.
const BURST_S: u32 = 10;

/// How often the counts of clients that have sent nothing for a while are dropped.
const FORGET_EVERY: Duration = Duration::from_secs(30);

/// Who a bound counts for: the owner of a key, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Client(Arc<str>);

impl Client {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

type Limiter = RateLimiter<Client, HashMapStateStore<Client>, DefaultClock, StateInformationMiddleware>;

/// A rate of something for each client, with bursts.
pub(crate) struct Rate {
    /// The name of the limit in problems and header fields.
    name: &'static str,
    limiter: Limiter,
    quota: Quota,
    forgot_at: Mutex<Instant>,
}

/// What is left of a rate, as header fields.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    name: &'static str,
    policy: (u32, u64),
    remaining: u32,
    reset_s: u64,
}

impl Rate {
    pub(crate) fn new(name: &'static str, per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let limiter = RateLimiter::hashmap(quota).with_middleware();
        Self { name, limiter, quota, forgot_at: Mutex::new(Instant::now()) }
    }

    /// Counts `n` for the client.
    ///
    /// # Errors
    /// [`Kind::TooManyRequests`], which counts nothing.
    pub(crate) fn take(&self, client: &Client, n: NonZeroU32) -> Result<Left, Problem> {
        self.forget_the_idle();
        let burst = self.quota.burst_size();
        // What is larger than a burst never fits. It counts as a full burst.
        let outcome = match self.limiter.check_key_n(client, n.min(burst)) {
            Ok(outcome) => outcome,
            Err(InsufficientCapacity(_)) => unreachable!("at most a burst is asked for"),
        };
        let policy = (burst.get(), self.quota.burst_size_replenished_in().as_secs().max(1));
        let left = |remaining, reset_s| Left { name: self.name, policy, remaining, reset_s };
        match outcome {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let missing = burst.get().saturating_sub(remaining);
                let full_in = self.quota.replenish_interval().saturating_mul(missing);
                Ok(left(remaining, full_in.as_secs()))
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                let detail = format!(
                    "too many {}: {} a second, {} at once; try again later",
                    self.name,
                    per_second(self.quota),
                    burst
                );
                let mut headers = HeaderMap::new();
                left(0, wait.as_secs() + 1).write(&mut headers);
                let problem = Problem::new(Kind::TooManyRequests, detail).with_retry_after(wait);
                Err(headers.into_iter().fold(problem, |problem, (name, value)| match name {
                    Some(name) => problem.with_header(name, value),
                    None => problem,
                }))
            }
        }
    }

    /// Drops the counts of clients that are full again, so that many addresses do not fill the memory.
    fn forget_the_idle(&self) {
        let mut forgot_at = self.forgot_at.lock().unwrap_or_else(PoisonError::into_inner);
        if forgot_at.elapsed() >= FORGET_EVERY {
            *forgot_at = Instant::now();
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
    }
}

fn per_second(quota: Quota) -> u64 {
    (Duration::from_secs(1).as_nanos() / quota.replenish_interval().as_nanos().max(1)) as u64
}

impl Left {
    /// Writes the fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Self { name, policy: (quota, window), remaining, reset_s } = self;
        let policy = format!("\"{name}\";q={quota};w={window}");
        let left = format!("\"{name}\";r={remaining};t={reset_s}");
        for (field, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, left)] {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(field, value);
            }
        }
    }
}

/// The rates that each client has.
pub(crate) struct Rates {
    requests: Option<Rate>,
    jobs: Option<Rate>,
}

impl Rates {
    /// Rates of `requests` and `jobs` a second; `None` for no limit. A batch of `max_batch` jobs always fits into a
    /// burst of jobs.
    pub(crate) fn new(requests: Option<NonZeroU32>, jobs: Option<NonZeroU32>, max_batch: usize) -> Self {
        let burst =
            |rate: NonZeroU32| rate.saturating_mul(NonZeroU32::new(BURST_S).unwrap_or(NonZeroU32::MIN));
        let batch = u32::try_from(max_batch).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX);
        Self {
            requests: requests.map(|rate| Rate::new("requests", rate, burst(rate))),
            jobs: jobs.map(|rate| Rate::new("jobs", rate, burst(rate).max(batch))),
        }
    }

    /// The rates of a key that has its own; `None` if it has none. What it leaves out is as in the service.
    pub(crate) fn of_key(terms: &KeyTerms, config: &Config) -> Option<Self> {
        let own = |rate: Option<u32>, else_rate| rate.map_or(else_rate, NonZeroU32::new);
        let has_own = terms.requests_per_s.is_some() || terms.jobs_per_s.is_some();
        has_own.then(|| {
            let requests = own(terms.requests_per_s, config.rate);
            let jobs = own(terms.jobs_per_s, config.job_rate);
            Self::new(requests, jobs, config.max_batch_records)
        })
    }

    /// Counts a request. `None` if there is no limit.
    ///
    /// # Errors
    /// [`Kind::TooManyRequests`].
    pub(crate) fn request(&self, client: &Client) -> Result<Option<Left>, Problem> {
        self.requests.as_ref().map(|rate| rate.take(client, NonZeroU32::MIN)).transpose()
    }

    /// Counts new jobs.
    ///
    /// # Errors
    /// [`Kind::TooManyRequests`].
    pub(crate) fn jobs(&self, client: &Client, jobs: usize) -> Result<(), Problem> {
        let jobs = u32::try_from(jobs).unwrap_or(u32::MAX);
        match (&self.jobs, NonZeroU32::new(jobs)) {
            (Some(rate), Some(jobs)) => rate.take(client, jobs).map(|_| ()),
            _ => Ok(()),
        }
    }
}

/// A number of things, of which each client may have some at a time.
pub(crate) struct Shares {
    most: usize,
    taken: Mutex<HashMap<Client, usize>>,
}

/// A part of a client's share. It is given back when dropped.
pub(crate) struct Taken {
    shares: Arc<Shares>,
    client: Client,
    n: usize,
}

impl Shares {
    /// Each client may have `most` at a time.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// Takes `n` for the client. `None` if it would have too many.
    pub(crate) fn take(self: &Arc<Self>, client: &Client, n: usize) -> Option<Taken> {
        self.add(client, n)?;
        Some(Taken { shares: Arc::clone(self), client: client.clone(), n })
    }

    fn add(&self, client: &Client, n: usize) -> Option<()> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let has = taken.get(client).copied().unwrap_or_default();
        let wants = has.checked_add(n).filter(|&wants| wants <= self.most)?;
        taken.insert(client.clone(), wants);
        Some(())
    }
}

impl Taken {
    /// Adds `n` to this part. `None` if the client would have too many.
    pub(crate) fn grow(&mut self, n: usize) -> Option<()> {
        self.shares.add(&self.client, n)?;
        self.n += n;
        Some(())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(has) = taken.get_mut(&self.client) {
            *has -= self.n;
            if *has == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

/// Answers that are held or streamed: a limited number in all, and of one client.
#[derive(Clone)]
pub(crate) struct Waits {
    all: Arc<Semaphore>,
    of_clients: Arc<Shares>,
}

/// The place of one held answer or stream.
pub(crate) struct Waiting {
    _all: OwnedSemaphorePermit,
    _of_client: Taken,
}

impl Waits {
    /// At most `most`, of which one client may have an eighth.
    pub(crate) fn new(most: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(most)), of_clients: Shares::new(most.div_ceil(8)) }
    }

    /// A place for a request of the client, if there is one.
    pub(crate) fn take(&self, client: &Client) -> Option<Waiting> {
        let of_client = self.of_clients.take(client, 1)?;
        let all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Waiting { _all: all, _of_client: of_client })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str) -> Client {
        Client::new(name)
    }

    #[test]
    fn shares_are_given_back() {
        let shares = Shares::new(3);
        let (ann, bob) = (client("ann"), client("bob"));
        let mut two = shares.take(&ann, 2).unwrap();
        assert!(shares.take(&ann, 2).is_none());
        assert!(shares.take(&bob, 3).is_some(), "others have their own share");
        assert!(two.grow(1).is_some());
        assert!(two.grow(1).is_none() && shares.take(&ann, 1).is_none());
        drop(two);
        assert!(shares.take(&ann, 3).is_some());
        assert!(shares.taken.lock().unwrap().is_empty());
    }

    #[test]
    fn a_rate_refuses_what_is_too_much_and_counts_for_each_client() {
        let rates = Rates::new(NonZeroU32::new(1), NonZeroU32::new(1), 50);
        let (ann, bob) = (client("ann"), client("bob"));
        for left in (0..10).rev() {
            assert_eq!(rates.request(&ann).unwrap().unwrap().remaining, left);
        }
        assert!(rates.request(&ann).is_err());
        assert!(rates.request(&bob).is_ok());
        assert!(rates.jobs(&ann, 50).is_ok(), "the largest batch fits");
        assert!(rates.jobs(&ann, 50).is_err());
        assert!(rates.jobs(&bob, 1000).is_ok(), "counts as a burst");
        let free = Rates::new(None, None, 1);
        assert!((0..1000).all(|_| free.request(&ann).unwrap().is_none() && free.jobs(&ann, 9).is_ok()));
    }

    #[test]
    fn what_is_left_is_told_in_the_fields_of_the_draft() {
        let mut headers = HeaderMap::new();
        let rates = Rates::new(NonZeroU32::new(100), None, 1);
        rates.request(&client("ann")).unwrap().unwrap().write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"requests\";q=1000;w=10");
        assert_eq!(headers["ratelimit"], "\"requests\";r=999;t=0");
    }
}
