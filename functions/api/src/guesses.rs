//! Slows down who tries keys.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pssp_jobs::Owner;
use tokio::time::Instant;

use crate::bounds::{Client, Rate};
use crate::problem::Problem;

/// Wrong keys from one address that are answered at once, and how many more in a second.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(20).unwrap();
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN;

/// How long an address counts as one that tries keys.
const TRIES_FOR: Duration = Duration::from_mins(1);

/// How long a key counts as known from an address.
const PROVEN_FOR: Duration = Duration::from_hours(1);

/// The most entries of each list.
const MAX_KNOWN: usize = 10_000;

/// The wrong keys of each address. While an address tries keys, a key that it has not shown before is looked at no
/// more often than wrong ones may come: otherwise the answer would tell a right guess at any rate.
pub(crate) struct Guesses {
    wrong: Rate,
    tries: Times<Client>,
    proven: Times<(Client, Owner)>,
}

impl Default for Guesses {
    fn default() -> Self {
        let wrong = Rate::new("wrong keys", PER_SECOND, AT_ONCE);
        Self { wrong, tries: Times::new(TRIES_FOR), proven: Times::new(PROVEN_FOR) }
    }
}

impl Guesses {
    /// Whether the key that an address shows may be looked at.
    ///
    /// # Errors
    /// Too many requests.
    pub(crate) fn may_look(&self, address: &Client) -> Result<(), Problem> {
        match self.tries.has(address) {
            true => self.wrong.take(address, NonZeroU32::MIN).map(|_| ()),
            false => Ok(()),
        }
    }

    /// Notes that an address has shown the key of this owner.
    ///
    /// # Errors
    /// Too many requests: the address tries keys, and has not shown this one before.
    pub(crate) fn right(&self, address: &Client, owner: &Owner) -> Result<(), Problem> {
        let shown = (address.clone(), owner.clone());
        if !self.proven.has(&shown) {
            self.may_look(address)?;
        }
        self.proven.note(shown);
        Ok(())
    }

    /// Notes that an address has shown a wrong key.
    ///
    /// # Errors
    /// Too many requests.
    pub(crate) fn wrong(&self, address: &Client) -> Result<(), Problem> {
        self.tries.note(address.clone());
        self.wrong.take(address, NonZeroU32::MIN).map(|_| ())
    }
}

/// When things happened last. They are forgotten after a while.
struct Times<T> {
    keep: Duration,
    at: Mutex<HashMap<T, Instant>>,
}

impl<T: Eq + Hash> Times<T> {
    fn new(keep: Duration) -> Self {
        Self { keep, at: Mutex::default() }
    }

    fn has(&self, what: &T) -> bool {
        let at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        at.get(what).is_some_and(|at| at.elapsed() < self.keep)
    }

    fn note(&self, what: T) {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        if at.len() >= MAX_KNOWN {
            at.retain(|_, at| at.elapsed() < self.keep);
        }
        if at.len() < MAX_KNOWN || at.contains_key(&what) {
            at.insert(what, Instant::now());
        }
    }
}
