//! Reading all of the table, and taking what another store had.
//!
//! A scan reads the table item by item, not an index, so it is consistent. It goes through the table twice: for
//! idempotency keys and batches first, and then for the rest.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt as _};
use pssp_jobs::error::corrupt;
use pssp_jobs::job::Phase;
use pssp_jobs::transfer::{Part, bytes_of, place_of};
use pssp_jobs::{
    Arrived, BatchStore as _, Crossing, DeadLetter, Entry, Message, Record, Scan, State, StoreError, Transfer,
};

use crate::AwsBackend;
use crate::item::{
    self, Item, expires_at, expiry, from_json, get_bytes, get_text, is_expired, job_of, job_partition, key,
    number, text, to_json, with,
};
use crate::keys::{self, Kind};
use crate::pack::unpack;
use crate::queue::Outgoing;
use crate::schema::{PARTITION, SORT};
use crate::table::{Condition, Write, Written};
use crate::{api_keys, batches, dead};

/// Number of entries of one call that are written at the same time.
const WRITE_CONCURRENCY: usize = 32;

/// Most items that one page of a scan looks at.
const MAX_PAGE: usize = 1000;

/// What the steps of a scan look for, as filters on the partition.
const STEPS: [&str; 2] =
    ["begins_with(pk, :k) OR begins_with(pk, :b)", "begins_with(pk, :j) OR pk = :d OR pk = :n OR pk = :keys"];

/// The values of these filters.
const PARTITIONS: [&[(&str, &str)]; 2] =
    [&[(":k", "K#"), (":b", "B#")], &[(":j", "J#"), (":d", "D"), (":n", "N"), (":keys", "K")]];

fn place(key: &Item) -> Result<String, StoreError> {
    let [partition, sort] = [get_text(key, PARTITION)?, get_text(key, SORT)?];
    Ok(format!("{}/{}", place_of(partition.as_bytes()), place_of(sort.as_bytes())))
}

fn key_at(place: &str) -> Result<Option<Item>, StoreError> {
    let Some((partition, sort)) = place.split_once('/') else { return Ok(None) };
    let text =
        |text: &str| String::from_utf8(bytes_of(text)?).map_err(|error| StoreError::Refused(error.into()));
    Ok(Some(key(text(partition)?, text(sort)?)))
}

impl AwsBackend {
    /// One page of the table for a part. Returns whether there are more.
    async fn scan_page(&self, part: &mut Part, after: &str) -> Result<bool, StoreError> {
        let (filter, values) = (STEPS[part.step()], PARTITIONS[part.step()]);
        let mut call = self.table.client.scan().table_name(&self.table.name).consistent_read(true);
        for (name, value) in values {
            call = call.expression_attribute_values(*name, text(*value));
        }
        let limit = i32::try_from(part.limit().min(MAX_PAGE)).unwrap_or(i32::MAX);
        let call = call.filter_expression(filter).limit(limit).set_exclusive_start_key(key_at(after)?);
        let answer = call.send().await.map_err(|error| self.table.error(error))?;
        let next = answer.last_evaluated_key().map(place).transpose()?;
        let now = self.clock.now();
        let items: Vec<Item> = answer.items.unwrap_or_default();
        // Results are items of their own, mostly beside their jobs.
        let results: HashMap<(&str, &str), &Item> = items
            .iter()
            .filter_map(|item| Some(((get_text(item, PARTITION).ok()?, get_text(item, SORT).ok()?), item)))
            .collect();
        for item in items.iter().filter(|item| !is_expired(item, now)) {
            let (partition, sort) = (get_text(item, PARTITION)?, get_text(item, SORT)?);
            let found = match (partition, sort) {
                ("N", _) => notice(item).map(Some),
                ("K", _) => api_keys::key(item).map(|key| Some(Entry::ApiKey(key))),
                ("D", _) if item.contains_key("job") => Ok(None),
                ("D", _) => letter(item).map(Some),
                (_, "K") => idempotency_key(item).map(Some),
                (_, "J") => self.job_of_item(item, &results).await,
                (batch, _) if batch.starts_with("B#") && item.contains_key("parts") => {
                    self.batch_of_item(batch).await
                }
                _ => Ok(None),
            };
            match found {
                Err(error) if error.is_temporary() => return Err(error),
                Ok(None) => {}
                Ok(Some(entry)) => part.add(String::new(), item::size(item), partition, Ok(entry)),
                Err(error) => part.add(String::new(), 0, &format!("item {partition} {sort}"), Err(error)),
            }
        }
        let more = next.is_some();
        part.go_on_at(next.unwrap_or_default());
        Ok(more)
    }

    async fn batch_of_item(&self, partition: &str) -> Result<Option<Entry>, StoreError> {
        let id = partition.strip_prefix("B#").unwrap_or_default();
        let id = id.parse().map_err(|error| corrupt("key of a batch", error))?;
        Ok(self.batch(id).await?.map(Entry::Batch))
    }

    /// The job of an item, with its result, which may be on another page.
    async fn job_of_item(
        &self,
        item: &Item,
        results: &HashMap<(&str, &str), &Item>,
    ) -> Result<Option<Entry>, StoreError> {
        let (id, job) = (job_of(item)?, item::job(item)?);
        let mut result = None;
        if job.state() == State::Finished {
            let (partition, sort) = (job_partition(id), get_text(item, "result")?);
            let found = match results.get(&(partition.as_str(), sort)) {
                Some(found) => Some((*found).clone()),
                None => self.table.get(key(partition, sort)).await?,
            };
            let Some(found) = found else {
                // Unless the job has just been deleted with its result.
                let still = self.table.get(item::job_key(id)).await?.is_some();
                return if still { Err(corrupt("result", "it is not there")) } else { Ok(None) };
            };
            result = Some(unpack("result", get_bytes(&found, "result")?)?.into());
        }
        Entry::of_job(Record { job, request: Some(item::request(item)?), result }).map(Some)
    }

    async fn arrive_one(&self, entry: &Entry, crossing: Crossing) -> Result<Arrived, StoreError> {
        let Some(name) = entry.marker() else { return self.arrive_key(entry, crossing).await };
        let marker = marker(&name, crossing);
        let writes: Vec<Write> = match entry {
            Entry::Job(record) => self.job_items(record, &name, crossing).await?,
            Entry::Batch(batch) => batches::parts(batch)?.into_iter().map(put_absent).collect(),
            Entry::Letter { letter, expires_at } => vec![put_absent(dead::item(letter, *expires_at)?)],
            Entry::Notice(notice) => {
                vec![put_absent(with(key("N", "N"), [("notice", text(to_json(notice)?))]))]
            }
            Entry::ApiKey(key) => {
                let item = with(api_keys::item_key(&key.id), [("api_key", text(to_json(key)?))]);
                let used_at = key.used_at.map(|at| ("used_at", number(at.as_millis())));
                vec![put_absent(with(item, used_at))]
            }
            Entry::JobKey(..) | Entry::BatchKey(..) => Vec::new(),
        };
        let writes: Vec<Write> = [marker.clone()].into_iter().chain(writes).collect();
        match self.table.write(&writes).await? {
            Written::Done => Ok(Arrived::New),
            Written::Failed(0, _) => Ok(Arrived::Before),
            Written::Failed(..) => match self.table.write(&[marker]).await? {
                Written::Done => Ok(Arrived::Exists),
                Written::Failed(..) => Ok(Arrived::Before),
            },
        }
    }

    /// The writes for a job. Its result is written before, as for a job that finishes, unless the job has arrived.
    async fn job_items(
        &self,
        record: &Record,
        name: &str,
        crossing: Crossing,
    ) -> Result<Vec<Write>, StoreError> {
        let (job, id) = (&record.job, record.job.id());
        let request = record.request.as_ref().ok_or_else(|| StoreError::Conflict(job.fence()))?;
        let mut item = item::new_job(job, request, &rand::random::<[u8; 8]>())?;
        match (&job.status.phase, &record.result) {
            (Phase::Finished { .. }, Some(result)) => {
                let marked = self.table.get(marker_key(name)).await?;
                if marked.is_none_or(|marker| move_of(&marker) < crossing.number) {
                    let sort = self.put_result(id, &job.status, result).await?;
                    item = with(item, [("result", text(sort))]);
                }
            }
            (Phase::Submitted { .. } | Phase::Failed { .. } | Phase::Cancelled { .. }, None) => {}
            _ => return Err(StoreError::Conflict(job.fence())),
        }
        let letter = DeadLetter::of_failed(id, &job.status);
        let letter = letter.map(|(letter, at)| dead::item(&letter, at)).transpose()?;
        let letter = letter.map(|item| Write::Put { item, condition: None });
        Ok([put_absent(item)].into_iter().chain(letter).collect())
    }

    async fn arrive_key(&self, entry: &Entry, crossing: Crossing) -> Result<Arrived, StoreError> {
        let write = match entry {
            Entry::JobKey(key, id) => keys::take(Kind::Job, key, &id.to_string(), crossing.now),
            Entry::BatchKey(key, id) => keys::take(Kind::Batch, key, &id.to_string(), crossing.now),
            _ => return Err(corrupt("entry", "it has no marker")),
        };
        match self.table.write(&[write]).await? {
            Written::Done => Ok(Arrived::New),
            Written::Failed(..) => Ok(Arrived::Exists),
        }
    }

    async fn set_last_move(&self, number: u64) -> Result<(), StoreError> {
        let condition = Condition {
            expression: "attribute_not_exists(pk) OR last_move < :number".to_owned(),
            names: Vec::new(),
            values: vec![(":number".to_owned(), item::number(number))],
        };
        let item = with(key("M", "M"), [("last_move", item::number(number))]);
        self.table.write(&[Write::Put { item, condition: Some(condition) }]).await.map(drop)
    }
}

fn put_absent(item: Item) -> Write {
    Write::Put { item, condition: Some(Condition::absent()) }
}

fn marker_key(name: &str) -> Item {
    key(format!("A#{name}"), "A")
}

/// Marks an arrival, unless this move or a later one has marked it.
fn marker(name: &str, crossing: Crossing) -> Write {
    let item = with(marker_key(name), [("move", number(crossing.number))]);
    let condition = Condition {
        expression: "attribute_not_exists(pk) OR #move < :move".to_owned(),
        names: vec![("#move".to_owned(), "move".to_owned())],
        values: vec![(":move".to_owned(), number(crossing.number))],
    };
    Write::Put { item: with(item, expiry(crossing.markers_until())), condition: Some(condition) }
}

fn number_of(item: &Item, name: &str) -> u64 {
    let value = item.get(name).and_then(|value: &AttributeValue| value.as_n().ok()?.parse().ok());
    value.unwrap_or(0)
}

fn move_of(marker: &Item) -> u64 {
    number_of(marker, "move")
}

fn notice(item: &Item) -> Result<Entry, StoreError> {
    from_json("notice", get_text(item, "notice")?.as_bytes()).map(Entry::Notice)
}

fn letter(item: &Item) -> Result<Entry, StoreError> {
    let letter = from_json("dead letter", get_text(item, "letter")?.as_bytes())?;
    let expires_at = expires_at(item).ok_or_else(|| corrupt("dead letter", "no expiry"))?;
    Ok(Entry::Letter { letter, expires_at })
}

fn idempotency_key(item: &Item) -> Result<Entry, StoreError> {
    let (kind, key, id) = keys::of_item(item)?;
    let bad = |_| corrupt("idempotency key", id);
    Ok(match kind {
        Kind::Job => Entry::JobKey(key, id.parse().map_err(bad)?),
        Kind::Batch => Entry::BatchKey(key, id.parse().map_err(bad)?),
    })
}

#[async_trait]
impl Transfer for AwsBackend {
    async fn scan(&self, from: Option<&str>, limit: usize) -> Result<Scan, StoreError> {
        let (mut part, after) = Part::begin(from, limit)?;
        if part.step() >= STEPS.len() {
            return Ok(Scan::default());
        }
        let more = self.scan_page(&mut part, after).await?;
        Ok(part.end(more, STEPS.len()))
    }

    async fn arrive(&self, entries: &[Entry], crossing: Crossing) -> Vec<Result<Arrived, StoreError>> {
        if let Err(error) = self.set_last_move(crossing.number).await {
            return entries.iter().map(|_| Err(error.copied())).collect();
        }
        let mut writes = Vec::with_capacity(entries.len());
        for entry in entries {
            writes.push(self.arrive_one(entry, crossing));
        }
        let outcomes: Vec<Result<Arrived, StoreError>> =
            stream::iter(writes).buffered(WRITE_CONCURRENCY).collect().await;
        let mut messages = Vec::new();
        for (entry, outcome) in entries.iter().zip(&outcomes) {
            let (Entry::Job(record), Ok(Arrived::New)) = (entry, outcome) else { continue };
            let job = &record.job;
            if let Phase::Submitted { not_before, .. } = job.status.phase {
                let (owner, delay) = (Some(job.head.owner.clone()), not_before.since(crossing.now));
                messages.push(Outgoing { message: Message::new(job.id()), owner, delay });
            }
            self.hub.notify(job.id());
        }
        // The sweep sends messages that could not be sent here.
        self.queue.send_all(&messages).await;
        outcomes
    }

    async fn last_move(&self) -> Result<u64, StoreError> {
        let found = self.table.get(key("M", "M")).await?;
        Ok(found.map_or(0, |item| number_of(&item, "last_move")))
    }
}
