//! Items: the attributes, the size of an item, and jobs as items.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use pssp_jobs::{Fence, Head, Job, JobId, Request, State, Status, StoreError, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::pack::{pack, unpack};
use crate::schema::{PARTITION, SHARDS, SORT, TTL};
use pssp_jobs::error::{corrupt, unwritable};

/// DynamoDB's limit on the size of one item in bytes, names of attributes included.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
pub(crate) const MAX_ITEM_BYTES: usize = 400 << 10;

/// Most bytes that an item has beside its one large attribute.
pub(crate) const MAX_SMALL_BYTES: usize = 1 << 10;

/// Bytes in a job's item that are reserved for later attributes: the lease, times, the name of the result, the
/// errors of attempts. Without them a job could be created that can never be claimed, and not even fail.
const RESERVED_BYTES: usize = 32 << 10;

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

pub(crate) fn key(partition: impl Into<String>, sort: impl Into<String>) -> Item {
    Item::from([(PARTITION.to_owned(), text(partition)), (SORT.to_owned(), text(sort))])
}

/// Adds attributes.
pub(crate) fn with(mut item: Item, more: impl IntoIterator<Item = (&'static str, AttributeValue)>) -> Item {
    item.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    item
}

/// The expiry in milliseconds for readers, and in seconds for DynamoDB, which may take days to delete the item.
pub(crate) fn expiry(at: Timestamp) -> [(&'static str, AttributeValue); 2] {
    let seconds = at.as_millis().div_euclid(1000) + 1;
    [("expires_at", number(at.as_millis())), (TTL, number(seconds))]
}

/// Whether the item has expired at `now`, deleted or not.
pub(crate) fn is_expired(item: &Item, now: Timestamp) -> bool {
    expires_at(item).is_some_and(|at| at <= now)
}

/// When the item expires.
pub(crate) fn expires_at(item: &Item) -> Option<Timestamp> {
    let at = item.get("expires_at").and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok());
    at.map(Timestamp::from_millis)
}

pub(crate) fn get_text<'a>(item: &'a Item, name: &str) -> Result<&'a str, StoreError> {
    let found = item.get(name).and_then(|value| value.as_s().ok());
    found.map(String::as_str).ok_or_else(|| missing(name))
}

pub(crate) fn get_bytes<'a>(item: &'a Item, name: &str) -> Result<&'a [u8], StoreError> {
    let found = item.get(name).and_then(|value| value.as_b().ok());
    found.map(AsRef::as_ref).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> StoreError {
    corrupt("item", format_args!("attribute {name} is missing or of another type"))
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(unwritable)
}

pub(crate) fn from_json<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(json).map_err(|error| corrupt(what, error))
}

/// The size as DynamoDB counts it, or slightly more.
pub(crate) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of(value)).sum()
}

fn size_of(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::N(digits) => digits.len() / 2 + 2,
        _ => 1,
    }
}

/// The item, or an error if it is larger than DynamoDB allows.
pub(crate) fn fitting(what: &str, item: Item) -> Result<Item, StoreError> {
    fitting_with(0, what, item)
}

/// The item, or an error if it would be too large with `more` bytes added.
fn fitting_with(more: usize, what: &str, item: Item) -> Result<Item, StoreError> {
    let size = size(&item) + more;
    if size <= MAX_ITEM_BYTES {
        return Ok(item);
    }
    Err(StoreError::TooLarge(format!(
        "{what} needs {size} bytes, deflated where that helps; DynamoDB takes {MAX_ITEM_BYTES} in an item"
    )))
}

pub(crate) fn job_partition(id: JobId) -> String {
    format!("J#{id}")
}

/// The id of the job of an item, from its partition key.
pub(crate) fn job_of(item: &Item) -> Result<JobId, StoreError> {
    let partition = get_text(item, PARTITION)?;
    let id = partition.strip_prefix("J#").unwrap_or_default();
    id.parse().map_err(|error| corrupt("key of a job", error))
}

pub(crate) fn job_key(id: JobId) -> Item {
    key(job_partition(id), "J")
}

/// A partition of the index by due time.
pub(crate) fn due_key(state: State, shard: u8) -> String {
    format!("{state}#{shard}")
}

/// Attributes to set, and attributes to remove.
pub(crate) type Attributes = (Vec<(&'static str, AttributeValue)>, Vec<&'static str>);

/// The attributes that change with the status.
pub(crate) fn status_attributes(id: JobId, status: &Status) -> Result<Attributes, StoreError> {
    let mut set = vec![
        ("state", text(status.state().as_str())),
        ("attempt", number(status.attempt)),
        ("status", text(to_json(status)?)),
    ];
    let mut remove = Vec::new();
    match status.due_at {
        Some(due) => {
            let shard = id.uuid().as_bytes()[15] % SHARDS;
            set.push(("due_key", text(due_key(status.state(), shard))));
            set.push(("due_at", number(due.as_millis())));
        }
        None => remove.extend(["due_key", "due_at"]),
    }
    match status.expires_at {
        Some(at) => set.extend(expiry(at)),
        None => remove.extend(["expires_at", TTL]),
    }
    Ok((set, remove))
}

/// The item of a job that is new here. `tag` is random: by it a writer recognises its own write.
pub(crate) fn new_job(job: &Job, request: &Request, tag: &[u8]) -> Result<Item, StoreError> {
    let (status, _) = status_attributes(job.id(), &job.status)?;
    let item = with(
        job_key(job.id()),
        [
            ("id", text(job.id().to_string())),
            ("owner", text(job.head.owner.as_str())),
            ("head", text(to_json(&job.head)?)),
            ("request", bytes(pack(to_json(request)?.as_bytes()))),
            ("tag", bytes(tag)),
        ],
    );
    fitting_with(RESERVED_BYTES, "the job with its input and room for its status", with(item, status))
}

pub(crate) fn job(item: &Item) -> Result<Job, StoreError> {
    let head: Head = from_json("head of a job", get_text(item, "head")?.as_bytes())?;
    Ok(Job { head, status: status(item)? })
}

pub(crate) fn request(item: &Item) -> Result<Arc<Request>, StoreError> {
    let request = unpack("request of a job", get_bytes(item, "request")?)?;
    from_json("request of a job", &request).map(Arc::new)
}

pub(crate) fn status(item: &Item) -> Result<Status, StoreError> {
    from_json("status of a job", get_text(item, "status")?.as_bytes())
}

/// The fence of a job, from its item.
pub(crate) fn fence(item: &Item) -> Result<Fence, StoreError> {
    Ok(status(item)?.fence())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pssp_jobs::{Failure, FailureClass, Owner, Policy, Submission};
    use std::time::Duration;

    fn sample(input: String) -> Submission {
        let now = Timestamp::from_millis(1_700_000_000_123);
        let head = Head {
            id: JobId::new(now),
            owner: Owner::public(),
            created_at: now,
            name: None,
            batch: None,
            length: 4,
            warnings: Vec::new(),
        };
        let request = Arc::new(Request::new(input, "MKTA".parse().unwrap(), Vec::new()));
        let job = Job::submit(head, Duration::ZERO, &Policy::default());
        Submission { job, request, key: None, result: None }
    }

    fn new_item(submission: &Submission) -> Result<Item, StoreError> {
        new_job(&submission.job, &submission.request, &[1; 8])
    }

    #[test]
    fn jobs_round_trip_and_terminal_ones_leave_the_index() {
        let before = sample("mkta".to_owned());
        let item = new_item(&before).unwrap();
        assert_eq!(request(&item).unwrap(), before.request);
        let before = before.job;
        assert_eq!(job(&item).unwrap(), before);
        assert_eq!(job_of(&item).unwrap(), before.id());
        assert!(item.contains_key("due_key") && !item.contains_key(TTL));
        let done = before.cancel(before.head.created_at, &Policy::default()).unwrap();
        let (set, remove) = status_attributes(done.id(), &done.status).unwrap();
        assert!(remove.contains(&"due_key") && remove.contains(&"due_at"));
        assert!(set.iter().any(|(name, _)| *name == TTL));
    }

    #[test]
    fn expiry_is_exact_for_readers_and_never_early_for_dynamodb() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        let item = with(Item::new(), expiry(at));
        assert_eq!(item[TTL].as_n().unwrap(), "1700000001");
        assert!(is_expired(&item, at) && !is_expired(&item, at.minus(Duration::from_millis(1))));
        assert!(!is_expired(&Item::new(), at));
    }

    #[test]
    fn an_input_that_does_not_fit_is_refused_and_one_that_deflates_is_not() {
        new_item(&sample("MKTA ".repeat(500_000))).unwrap();
        let error = new_item(&sample(noise(600_000))).unwrap_err();
        assert!(matches!(&error, StoreError::TooLarge(text) if text.contains("409600")), "{error}");
    }

    /// Text that deflate makes only slightly smaller.
    fn noise(length: usize) -> String {
        let mut x = 1_u64;
        let next = |_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + (x >> 33) as u8 % 90)
        };
        (0..length).map(next).collect()
    }

    #[test]
    fn the_largest_job_that_is_taken_can_be_claimed_and_can_fail() {
        let (mut taken, mut refused) = (400_000_usize, 600_000);
        while refused - taken > 500 {
            let middle = taken.midpoint(refused);
            match new_item(&sample(noise(middle))) {
                Ok(_) => taken = middle,
                Err(_) => refused = middle,
            }
        }
        let (before, policy) = (sample(noise(taken)), Policy::default());
        let item = new_item(&before).unwrap();
        assert!(size(&item) > MAX_ITEM_BYTES - 2 * RESERVED_BYTES, "the search ended far from the limit");
        let now = before.job.head.created_at;
        let mut claimed = before.job.claim(now, &policy, uuid::Uuid::new_v4()).unwrap();
        // The largest errors that attempts can leave: JSON escapes every byte.
        let why = || Failure::new(FailureClass::Method, "\u{1}".repeat(2_000));
        for _ in 1..policy.max_failures {
            let retried = claimed.retry(now, &policy, 0.0, why()).unwrap();
            let later = now.plus(policy.backoff_cap);
            claimed = retried.claim(later, &policy, uuid::Uuid::new_v4()).unwrap();
        }
        for job in [claimed.fail(now, &policy, why()).unwrap(), claimed] {
            let (set, _) = status_attributes(job.id(), &job.status).unwrap();
            assert!(size(&with(item.clone(), set)) <= MAX_ITEM_BYTES, "{}", job.state());
        }
    }
}
