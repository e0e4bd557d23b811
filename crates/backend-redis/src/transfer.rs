//! Reading all keys of the prefix, and taking what another store had.
//!
//! Idempotency keys and batches have no index, so a scan finds them by `SCAN`. Its cursor belongs to one run of the
//! server: after a restart such a step begins anew, and some entries are seen again. Jobs are read owner by owner, by
//! the lists of owners, which have an order; so each is seen once.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pssp_jobs::error::corrupt;
use pssp_jobs::transfer::{Part, bytes_of, place_of};
use pssp_jobs::{
    Arrived, Crossing, DeadLetter, Entry, IdempotencyKey, JobId, Owner, Scan, StoreError, Timestamp, Transfer,
};
use redis::{Pipeline, Value};

use crate::codec::{self, ArrivingJob};
use crate::script::{ARRIVE, ARRIVE_JOBS};
use crate::{RedisBackend, api_keys, batches, check};

/// The kinds of keys in the order of a scan.
const STEPS: usize = 6;

/// Records that are read in one round trip. Each may be large.
const READ_STEP: usize = 32;

/// Jobs that one script takes, and about their bytes at most. Other clients wait meanwhile.
const ARRIVE_STEP: usize = 64;
const ARRIVE_BYTES: usize = 1 << 20;

/// The owners that a scan of jobs goes through, as they were at its beginning. An owner that comes later has only jobs
/// that come later.
pub(crate) type Owners = Mutex<Option<Arc<BTreeSet<String>>>>;

impl RedisBackend {
    /// The next names of a kind after a place, with the place after them, and whether there are more.
    async fn names(
        &self,
        kind: &str,
        after: &str,
        count: usize,
    ) -> Result<(Vec<String>, String, bool), StoreError> {
        let info = check::info(&self.link).await?;
        let run = info.get("run_id").map(String::as_str).unwrap_or_default();
        let cursor = match after.split_once('/') {
            Some((known, cursor)) if known == run => cursor.parse().unwrap_or(0),
            _ => 0,
        };
        let (next, names) = self.scan_names(cursor, kind, count).await?;
        Ok((names, format!("{run}/{next}"), next != 0))
    }

    /// Texts under names of a kind. `entry` makes the entry of a name, after the prefix, and its text.
    async fn scan_texts(
        &self,
        part: &mut Part,
        (kind, after): (&str, &str),
        entry: fn(&str, &[u8]) -> Result<Entry, StoreError>,
    ) -> Result<bool, StoreError> {
        let (names, place, more) = self.names(kind, after, part.limit()).await?;
        for names in names.chunks(READ_STEP) {
            let mut commands = Pipeline::with_capacity(names.len());
            for name in names {
                commands.cmd("GET").arg(name);
            }
            for (name, value) in names.iter().zip(self.query_all(&commands).await?) {
                // It has expired meanwhile.
                let Some(value) = codec::bytes_of(value) else { continue };
                let name = &name[self.link.target.prefix.len()..];
                part.add(place.clone(), value.len(), name, entry(name, &value));
            }
        }
        part.go_on_at(place);
        Ok(more)
    }

    /// The owners of this scan: read anew at its beginning, or if this process has not read them.
    async fn owners(&self, at_begin: bool) -> Result<Arc<BTreeSet<String>>, StoreError> {
        let known = self.owners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|_| !at_begin) {
            return Ok(known);
        }
        let begin = self.key("owner:").len();
        let (mut owners, mut cursor) = (BTreeSet::new(), 0);
        loop {
            let (next, names) = self.scan_names(cursor, "owner:", 1000).await?;
            owners.extend(names.iter().map(|name| name[begin..].to_owned()));
            if next == 0 {
                break;
            }
            cursor = next;
        }
        let owners = Arc::new(owners);
        *self.owners.lock().unwrap_or_else(PoisonError::into_inner) = Some(owners.clone());
        Ok(owners)
    }

    /// A place is an owner and a job of it: `<owner in hex>/<id>`.
    async fn scan_jobs(&self, part: &mut Part, after: &str) -> Result<bool, StoreError> {
        let owners = self.owners(after.is_empty()).await?;
        let (owner, mut id) = match after.split_once('/') {
            None => (String::new(), String::new()),
            Some((owner, id)) => (text_of(owner)?, id.to_owned()),
        };
        let rest = owners.range::<str, _>((Bound::Included(owner.as_str()), Bound::Unbounded));
        for next in rest {
            if *next != owner {
                id.clear();
            }
            loop {
                if part.is_full() {
                    return Ok(true);
                }
                let mut command = redis::cmd("ZRANGE");
                command.arg(self.key(format_args!("owner:{next}")));
                command.arg(if id.is_empty() { "-".to_owned() } else { format!("({id}") });
                command.arg("+").arg("BYLEX").arg("LIMIT").arg(0).arg(READ_STEP.min(part.limit()));
                let ids: Vec<String> = self.read(self.query(&command).await?)?;
                let Some(last) = ids.last() else { break };
                self.read_jobs(part, next, &ids).await?;
                id.clone_from(last);
                if part.is_full() {
                    // What was read and does not fit is read again.
                    return Ok(true);
                }
                part.go_on_at(format!("{}/{last}", place_of(next.as_bytes())));
            }
        }
        Ok(false)
    }

    /// Adds jobs to the part until it is full. One that has expired meanwhile is left out.
    async fn read_jobs(&self, part: &mut Part, owner: &str, ids: &[String]) -> Result<(), StoreError> {
        let mut commands = Pipeline::with_capacity(ids.len());
        for id in ids {
            let key = self.key(format_args!("job:{id}"));
            commands.cmd("HMGET").arg(key).arg("head").arg("status").arg("request").arg("result");
        }
        for (id, found) in ids.iter().zip(self.query_all(&commands).await?) {
            if part.is_full() {
                break;
            }
            let Value::Array(fields) = found else { return Err(corrupt("answer", "not a list of fields")) };
            let fields: Vec<Option<Vec<u8>>> = fields.into_iter().map(codec::bytes_of).collect();
            let bytes = fields.iter().flatten().map(Vec::len).sum();
            let Ok([head, status, request, result]) = <[_; 4]>::try_from(fields) else { continue };
            if head.is_none() && status.is_none() {
                continue;
            }
            let missing = || corrupt("record of a job", "a field is missing");
            let record = head.zip(status).ok_or_else(missing);
            let record = record.and_then(|(head, status)| codec::record([head, status], request, result));
            let place = format!("{}/{id}", place_of(owner.as_bytes()));
            part.add(place, bytes, &format!("job {id}"), record.and_then(Entry::of_job));
        }
        Ok(())
    }

    async fn scan_letters(&self, part: &mut Part, after: &str) -> Result<bool, StoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.key("dead"));
        command.arg(if after.is_empty() { "-".to_owned() } else { format!("({after}") });
        command.arg("+").arg("BYLEX").arg("LIMIT").arg(0).arg(part.wanted());
        let ids: Vec<String> = self.read(self.query(&command).await?)?;
        for some in ids.chunks(READ_STEP) {
            let mut commands = Pipeline::with_capacity(2 * some.len());
            for id in some {
                commands.cmd("GET").arg(self.key(format_args!("letter:{id}")));
                commands.cmd("ZSCORE").arg(self.key("expiry")).arg(format!("l{id}"));
            }
            for (id, found) in some.iter().zip(self.query_all(&commands).await?.chunks(2)) {
                if part.is_full() {
                    return Ok(true);
                }
                // A failed job is listed as well; it has no letter of its own.
                let (json, at): (Option<Vec<u8>>, Option<f64>) = self.read(Value::Array(found.to_vec()))?;
                let Some((json, at)) = json.zip(at) else {
                    part.go_on_at(id.clone());
                    continue;
                };
                let expires_at = Timestamp::from_millis(at as i64);
                let letter = codec::from_json::<DeadLetter>("dead letter", &json);
                let entry = letter.map(|letter| Entry::Letter { letter, expires_at });
                part.add(id.clone(), json.len(), &format!("dead letter {id}"), entry);
            }
        }
        Ok(ids.len() >= part.wanted())
    }

    async fn scan_notice(&self, part: &mut Part) -> Result<bool, StoreError> {
        let mut command = redis::cmd("GET");
        command.arg(self.key("notice"));
        if let Some(json) = codec::bytes_of(self.query(&command).await?) {
            let notice = codec::from_json("notice", &json).map(Entry::Notice);
            part.add("1".to_owned(), json.len(), "notice", notice);
        }
        Ok(false)
    }

    /// There are few keys, so they are read all together.
    async fn scan_api_keys(&self, part: &mut Part, after: &str) -> Result<bool, StoreError> {
        let after = text_of(after)?;
        let mut commands = Pipeline::new();
        commands.cmd("HGETALL").arg(self.key("keys"));
        commands.cmd("HGETALL").arg(self.key("keys_used"));
        let answer = Value::Array(self.query_all(&commands).await?);
        type Maps = (std::collections::BTreeMap<String, Vec<u8>>, std::collections::HashMap<String, i64>);
        let (records, used): Maps = self.read(answer)?;
        for (id, json) in records.range::<str, _>((Bound::Excluded(after.as_str()), Bound::Unbounded)) {
            if part.is_full() {
                return Ok(true);
            }
            let key = api_keys::key(json, used.get(id).copied()).map(Entry::ApiKey);
            part.add(place_of(id.as_bytes()), json.len(), &format!("key {id}"), key);
        }
        Ok(false)
    }

    /// Takes jobs in one script.
    async fn arrive_jobs(
        &self,
        jobs: &[(usize, ArrivingJob)],
        crossing: Crossing,
    ) -> Result<Vec<Arrived>, StoreError> {
        let answer = self.eval(&ARRIVE_JOBS, |command| {
            command.arg(self.queue_time()).arg(crossing.number).arg(crossing.markers_until().as_millis());
            for (_, job) in jobs {
                job.put(command);
            }
        });
        let answers: Vec<String> = self.read(answer.await?)?;
        answers.iter().map(|answer| arrived(answer)).collect()
    }

    /// Takes an entry that is no job.
    async fn arrive_one(&self, entry: &Entry, crossing: Crossing) -> Result<Arrived, StoreError> {
        let (kind, more): (&str, [String; 3]) = match entry {
            Entry::Job(record) => return Err(StoreError::Conflict(record.job.fence())),
            Entry::Batch(batch) => {
                let expires_at = batch.expires_at.as_millis().to_string();
                ("batch", [batch.id.to_string(), codec::to_json(batch)?, expires_at])
            }
            Entry::JobKey(key, id) => ("key", key_arguments("job", key, &id.to_string())),
            Entry::BatchKey(key, id) => ("key", key_arguments("batch", key, &id.to_string())),
            Entry::Letter { letter, expires_at } => {
                let expires_at = expires_at.as_millis().to_string();
                ("letter", [letter.id.to_string(), codec::to_json(letter)?, expires_at])
            }
            Entry::Notice(notice) => ("notice", [codec::to_json(notice)?, String::new(), String::new()]),
            Entry::ApiKey(key) => {
                let used_at = key.used_at.map(|at| at.as_millis().to_string()).unwrap_or_default();
                ("api-key", [key.id.clone(), codec::to_json(key)?, used_at])
            }
        };
        let answer = self.eval(&ARRIVE, |command| {
            command.arg(self.queue_time()).arg(crossing.number).arg(crossing.markers_until().as_millis());
            command.arg(kind).arg(entry.marker().unwrap_or_default()).arg(&more);
        });
        let answer: String = self.read(answer.await?)?;
        arrived(&answer)
    }
}

fn arrived(answer: &str) -> Result<Arrived, StoreError> {
    match answer {
        "new" => Ok(Arrived::New),
        "exists" => Ok(Arrived::Exists),
        "before" => Ok(Arrived::Before),
        other => Err(corrupt("answer", other)),
    }
}

fn key_arguments(kind: &str, key: &IdempotencyKey, id: &str) -> [String; 3] {
    let (name, value) = codec::key(kind, key, id);
    [name, value, key.expires_at.as_millis().to_string()]
}

/// The entry of an idempotency key, from its name after the prefix and its value.
fn key_of(name: &str, value: &[u8]) -> Result<Entry, StoreError> {
    let (kind, owner, key) = codec::key_name(name).ok_or_else(|| corrupt("idempotency key", name))?;
    let value = std::str::from_utf8(value).map_err(|error| corrupt("idempotency key", error))?;
    let known = codec::known_key(value)?;
    let mut digest = [0; 32];
    base16ct::lower::decode(known.digest, &mut digest).map_err(|error| corrupt("idempotency key", error))?;
    let (owner, key) = (Owner::new(owner), key.to_owned());
    let key_entry = IdempotencyKey { owner, key, digest, expires_at: known.expires_at };
    match kind {
        "job" => {
            let id: JobId = known.id.parse().map_err(|error| corrupt("idempotency key", error))?;
            Ok(Entry::JobKey(key_entry, id))
        }
        _ => Ok(Entry::BatchKey(key_entry, batches::batch_id(known.id)?)),
    }
}

fn text_of(place: &str) -> Result<String, StoreError> {
    String::from_utf8(bytes_of(place)?).map_err(|error| StoreError::Refused(error.into()))
}

#[async_trait]
impl Transfer for RedisBackend {
    async fn scan(&self, from: Option<&str>, limit: usize) -> Result<Scan, StoreError> {
        let (mut part, after) = Part::begin(from, limit)?;
        let more = match part.step() {
            0 => self.scan_texts(&mut part, ("key:", after), key_of).await?,
            1 => {
                let entry = |_: &str, json: &[u8]| codec::from_json("batch", json).map(Entry::Batch);
                self.scan_texts(&mut part, ("batch:", after), entry).await?
            }
            2 => self.scan_jobs(&mut part, after).await?,
            3 => self.scan_letters(&mut part, after).await?,
            4 => self.scan_notice(&mut part).await?,
            _ => self.scan_api_keys(&mut part, after).await?,
        };
        Ok(part.end(more, STEPS))
    }

    async fn arrive(&self, entries: &[Entry], crossing: Crossing) -> Vec<Result<Arrived, StoreError>> {
        let mut outcomes: Vec<(usize, Result<Arrived, StoreError>)> = Vec::with_capacity(entries.len());
        let mut jobs = Vec::new();
        for (n, entry) in entries.iter().enumerate() {
            let Entry::Job(record) = entry else { continue };
            match ArrivingJob::of(entry.marker().unwrap_or_default(), record, crossing.now) {
                Ok(job) => jobs.push((n, job)),
                Err(error) => outcomes.push((n, Err(error))),
            }
        }
        let mut rest = jobs.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let fitting = rest.iter().take(ARRIVE_STEP).take_while(|(_, job)| {
                bytes += job.bytes();
                bytes <= ARRIVE_BYTES
            });
            let (some, others) = rest.split_at(fitting.count().max(1));
            match self.arrive_jobs(some, crossing).await {
                Ok(arrived) => outcomes.extend(some.iter().map(|(n, _)| *n).zip(arrived.into_iter().map(Ok))),
                Err(error) => {
                    let text = error.to_string();
                    outcomes.push((some[0].0, Err(error)));
                    let others = some.iter().chain(others).skip(1);
                    outcomes
                        .extend(others.map(|(n, _)| (*n, Err(StoreError::Unavailable(text.clone().into())))));
                    break;
                }
            }
            rest = others;
        }
        for (n, entry) in entries.iter().enumerate() {
            if !matches!(entry, Entry::Job(_)) {
                outcomes.push((n, self.arrive_one(entry, crossing).await));
            }
        }
        outcomes.sort_by_key(|(n, _)| *n);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn last_move(&self) -> Result<u64, StoreError> {
        let mut command = redis::cmd("GET");
        command.arg(self.key("last_move"));
        let last: Option<u64> = self.read(self.query(&command).await?)?;
        Ok(last.unwrap_or(0))
    }
}
