//! Sends the events of this process to the others.
//!
//! A transaction with `NOTIFY` takes a lock of the whole server until its commit is on the disk. So the events are sent
//! afterwards and by themselves, all that gathered during the last round trip at once. They need no flush. If the
//! process dies between the two, the polls of the others find the change.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use pssp_jobs::JobId;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_postgres::types::Type;

use crate::database::Database;

/// Ending of the channel that wakes receivers.
pub(crate) const ARRIVED: &str = "arrived";

/// Ending of the channel that wakes watchers. The text of a notification is ids, [`ID_DIGITS`] characters each.
pub(crate) const CHANGED: &str = "changed";

/// Characters of an id in a notification.
pub(crate) const ID_DIGITS: usize = 32;

/// Most ids in one notification, whose text may have 8,000 bytes.
const MAX_IDS: usize = 200;

#[derive(Default)]
struct Pending {
    arrived: bool,
    changed: BTreeSet<JobId>,
}

#[derive(Clone, Default)]
pub(crate) struct Announcer {
    pending: Arc<Mutex<Pending>>,
    wanted: Arc<Notify>,
}

impl Announcer {
    pub(crate) fn start(tasks: &mut JoinSet<()>, database: Arc<Database>) -> Self {
        let announcer = Self::default();
        tasks.spawn(announcer.clone().send(database));
        announcer
    }

    pub(crate) fn message_arrived(&self) {
        self.lock().arrived = true;
        self.wanted.notify_one();
    }

    pub(crate) fn changed(&self, id: JobId) {
        self.lock().changed.insert(id);
        self.wanted.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(self, database: Arc<Database>) {
        let (arrived, changed) = (database.target.channel(ARRIVED), database.target.channel(CHANGED));
        loop {
            self.wanted.notified().await;
            let pending = std::mem::take(&mut *self.lock());
            let (mut channels, mut texts) = (Vec::new(), Vec::new());
            if pending.arrived {
                channels.push(arrived.as_str());
                texts.push(String::new());
            }
            let ids: Vec<JobId> = pending.changed.into_iter().collect();
            for ids in ids.chunks(MAX_IDS) {
                channels.push(&changed);
                texts.push(ids.iter().map(|id| id.uuid().simple().to_string()).collect());
            }
            let sent = database
                .query(
                    "SELECT pg_notify(channel, text) FROM unnest($1::text[], $2::text[]) AS t (channel, text)",
                    &[(&channels, Type::TEXT_ARRAY), (&texts, Type::TEXT_ARRAY)],
                )
                .await;
            if let Err(fault) = sent {
                tracing::debug!(error = %fault, "events were not sent; polls find the changes: {fault}");
            }
        }
    }
}
