//! Transitions: one update with the fence as its condition, in one transaction with what belongs to it.

use aws_sdk_dynamodb::types::AttributeValue;
use pssp_jobs::{Change, DeadLetter, JobId, Message, State, Status, StoreError};
use sha2::{Digest as _, Sha256};

use crate::AwsBackend;
use crate::dead;
use crate::item::{self, Item, bytes, expiry, fitting, get_bytes, job_partition, key, text, with};
use crate::pack::plain;
use crate::queue::Outgoing;
use crate::table::{Condition, Write, Written};

impl AwsBackend {
    pub(crate) async fn apply_change(&self, change: &Change) -> Result<(), StoreError> {
        let (id, tag) = (change.id, rand::random::<[u8; 8]>());
        let result = match &change.result {
            // The hint is written before the result, so that a later submission finds it as soon as the job is
            // finished.
            Some(result) => {
                let hint = self.note_reusable(id, &change.status, result);
                let (put, ()) = tokio::join!(self.put_result(id, &change.status, &result.bytes), hint);
                Some(put?)
            }
            None => None,
        };
        let mut writes = vec![update(change, result, &tag)?];
        writes.extend(letter(change)?);
        match self.table.write(&writes).await? {
            Written::Done => {}
            Written::Failed(_, None) => return Err(StoreError::NotFound),
            Written::Failed(_, Some(stored)) if has_tag(&stored, &tag) => {}
            Written::Failed(_, Some(stored)) => return Err(StoreError::Conflict(item::fence(&stored)?)),
        }
        if let Some(delay) = change.send {
            // The sweep sends a message that could not be sent here.
            let owner = Some(change.owner.clone());
            self.queue.send_all(&[Outgoing { message: Message::new(id), owner, delay }]).await;
        }
        self.hub.notify(id);
        Ok(())
    }

    /// Stores the result under its attempt and digest, so that it replaces no other. Readers see it once the
    /// job names it. It expires if that never happens. Returns its sort key.
    pub(crate) async fn put_result(
        &self,
        id: JobId,
        status: &Status,
        result: &[u8],
    ) -> Result<String, StoreError> {
        let digest = Sha256::digest(result);
        let sort = format!("R#{}#{}", status.attempt, base16ct::lower::encode_string(&digest[..8]));
        // The stored form of a result is compressed already.
        let mut item = with(key(job_partition(id), &sort), [("result", bytes(plain(result)))]);
        if let Some(at) = status.expires_at {
            item = with(item, expiry(at));
        }
        self.table.put(fitting("the result", item)?).await?;
        Ok(sort)
    }
}

fn has_tag(stored: &Item, tag: &[u8]) -> bool {
    get_bytes(stored, "tag").is_ok_and(|stored| stored == tag)
}

/// The update of the job's item.
fn update(change: &Change, result: Option<String>, tag: &[u8]) -> Result<Write, StoreError> {
    let (mut set, remove) = item::status_attributes(change.id, &change.status)?;
    set.push(("tag", bytes(tag)));
    set.extend(result.map(|sort| ("result", text(sort))));
    let mut condition = Condition::new("#state = :was AND #attempt = :of");
    condition.values.push((":was".to_owned(), text(change.expect.state.as_str())));
    condition.values.push((":of".to_owned(), item::number(change.expect.attempt)));
    let expression = expression(&mut condition, set, &remove);
    Ok(Write::Update { key: item::job_key(change.id), expression, condition })
}

/// `SET #state = :state, … REMOVE #due_at, …`. Every name has a placeholder, since many names are reserved.
fn expression(
    condition: &mut Condition,
    set: Vec<(&'static str, AttributeValue)>,
    remove: &[&'static str],
) -> String {
    let names = set.iter().map(|(name, _)| *name).chain(remove.iter().copied());
    condition.names.extend(names.map(|name| (format!("#{name}"), name.to_owned())));
    let assigned: Vec<String> = set.iter().map(|(name, _)| format!("#{name} = :{name}")).collect();
    condition.values.extend(set.into_iter().map(|(name, value)| (format!(":{name}"), value)));
    let mut expression = format!("SET {}", assigned.join(", "));
    if !remove.is_empty() {
        let removed: Vec<String> = remove.iter().map(|name| format!("#{name}")).collect();
        expression += &format!(" REMOVE {}", removed.join(", "));
    }
    expression
}

/// The write for the dead letter: it is added when the job fails, and removed when the job leaves that state.
fn letter(change: &Change) -> Result<Option<Write>, StoreError> {
    let id = change.id;
    match DeadLetter::of_failed(id, &change.status) {
        Some((letter, expires_at)) => {
            Ok(Some(Write::Put { item: dead::item(&letter, expires_at)?, condition: None }))
        }
        None if change.expect.state == State::Failed => {
            Ok(Some(Write::Delete { key: dead::key(id), condition: None }))
        }
        None => Ok(None),
    }
}
