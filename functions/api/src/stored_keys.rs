//! Keys of the store: looked up at most every few seconds, with the rates of keys that have their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pssp_jobs::stored_key::{StoredKey, key_id};
use pssp_jobs::{Jobs, StoreError};
use tokio::time::Instant;

use crate::bounds::Rates;
use crate::config::Config;

/// How long a key is used before it is read again. A revoked key is accepted for so long at most.
const MAX_AGE: Duration = Duration::from_secs(5);

/// How often the last use of a key is noted.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// The most keys that are known at a time.
const MAX_KNOWN: usize = 10_000;

/// The keys that were read lately.
#[derive(Default)]
pub(crate) struct StoredKeys {
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Clone)]
struct Known {
    read_at: Instant,
    touched_at: Option<Instant>,
    key: Arc<StoredKey>,
    /// If the key has rates of its own.
    rates: Option<Arc<Rates>>,
}

impl StoredKeys {
    /// The key with this text, and its rates if it has its own. `None` if there is none. `may_ask` is called before
    /// the store is asked.
    pub(crate) async fn find<E: From<StoreError>>(
        &self,
        jobs: &Jobs,
        text: &str,
        config: &Config,
        may_ask: impl FnOnce() -> Result<(), E>,
    ) -> Result<Option<(Arc<StoredKey>, Option<Arc<Rates>>)>, E> {
        let Some(id) = key_id(text) else { return Ok(None) };
        let known = lock(&self.known).get(id).cloned();
        let known = match known.filter(|known| known.read_at.elapsed() < MAX_AGE) {
            Some(known) => known,
            None => {
                may_ask()?;
                let Some(key) = jobs.key(id).await? else {
                    lock(&self.known).remove(id);
                    return Ok(None);
                };
                self.keep(key, config)
            }
        };
        if !known.key.matches(text) {
            return Ok(None);
        }
        if known.touched_at.is_none_or(|at| at.elapsed() >= TOUCH_EVERY) {
            self.touch(jobs, id);
        }
        Ok(Some((known.key, known.rates)))
    }

    fn keep(&self, key: StoredKey, config: &Config) -> Known {
        let mut all = lock(&self.known);
        let old = all.get(&key.id);
        let limits = |key: &StoredKey| (key.terms.requests_per_s, key.terms.jobs_per_s);
        let rates = match old {
            Some(old) if limits(&old.key) == limits(&key) => old.rates.clone(),
            _ => Rates::of_key(&key.terms, config).map(Arc::new),
        };
        let touched_at = old.and_then(|old| old.touched_at);
        let known = Known { read_at: Instant::now(), touched_at, key: Arc::new(key), rates };
        if all.len() >= MAX_KNOWN {
            all.clear();
        }
        all.insert(known.key.id.clone(), known.clone());
        known
    }

    /// Notes the use of a key, without making the request wait for it.
    fn touch(&self, jobs: &Jobs, id: &str) {
        if let Some(known) = lock(&self.known).get_mut(id) {
            known.touched_at = Some(Instant::now());
        }
        let (jobs, id) = (jobs.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Err(error) = jobs.touch_key(&id).await {
                tracing::debug!(%error, "cannot note the use of key {id}: {error}");
            }
        });
    }

    /// Reads the key again the next time.
    pub(crate) fn forget(&self, id: &str) {
        lock(&self.known).remove(id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
