//! Idempotency keys: one item for each, spread over partitions by its digest.

use aws_sdk_dynamodb::types::AttributeValue;
use base16ct::lower::encode_string;
use pssp_jobs::{Created, IdempotencyKey, Owner, StoreError, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::item::{self, Item, expiry, get_bytes, get_text, is_expired, number, text, with};
use crate::table::{Condition, Write};
use pssp_jobs::error::corrupt;

/// The kind of object of a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Job,
    Batch,
}

/// The name of the item is a digest, so it has a bounded length and is evenly spread, whatever callers send.
/// The lengths make `a` + `bc` differ from `ab` + `c`.
pub(crate) fn key_of(kind: Kind, key: &IdempotencyKey) -> Item {
    let mut digest = Sha256::new();
    digest.update([kind as u8]);
    for part in [key.owner.as_str(), &key.key] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    item::key(format!("K#{}", encode_string(&digest.finalize())), "K")
}

/// The write that stores the key for `id`, if it is free or has expired.
pub(crate) fn take(kind: Kind, key: &IdempotencyKey, id: &str, now: Timestamp) -> Write {
    let item = with(key_of(kind, key), [("digest", item::bytes(key.digest)), ("leads_to", text(id))]);
    // The name of the item does not tell them. (An attribute `owner` would put it into an index.)
    let item = with(item, [("key_owner", text(key.owner.as_str())), ("key_text", text(key.key.as_str()))]);
    let item = match kind {
        Kind::Job => item,
        Kind::Batch => with(item, [("of_batch", AttributeValue::Bool(true))]),
    };
    let condition = Condition {
        expression: "attribute_not_exists(pk) OR expires_at <= :now".to_owned(),
        names: Vec::new(),
        values: vec![(":now".to_owned(), number(now.as_millis()))],
    };
    Write::Put { item: with(item, expiry(key.expires_at)), condition: Some(condition) }
}

/// The key of an item, with its kind and the id that it leads to.
pub(crate) fn of_item(item: &Item) -> Result<(Kind, IdempotencyKey, &str), StoreError> {
    if !item.contains_key("key_text") {
        return Err(corrupt("idempotency key", "release 0.1.0 wrote it, and did not keep its text"));
    }
    let digest = <[u8; 32]>::try_from(get_bytes(item, "digest")?);
    let digest = digest.map_err(|_| corrupt("idempotency key", "the digest has another length"))?;
    let owner = Owner::new(get_text(item, "key_owner")?);
    let key = get_text(item, "key_text")?.to_owned();
    let expires_at = item::expires_at(item).ok_or_else(|| corrupt("idempotency key", "no expiry"))?;
    let kind = if item.contains_key("of_batch") { Kind::Batch } else { Kind::Job };
    Ok((kind, IdempotencyKey { owner, key, digest, expires_at }, get_text(item, "leads_to")?))
}

/// The id of a stored key; `None` if it has expired.
pub(crate) fn known<Id: std::str::FromStr>(
    stored: &Item,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<Id>, StoreError> {
    if is_expired(stored, now) {
        return Ok(None);
    }
    if get_bytes(stored, "digest")? != key.digest {
        return Err(StoreError::KeyReused);
    }
    let id = get_text(stored, "leads_to")?;
    id.parse().map(Some).map_err(|_| corrupt("idempotency key", id))
}

/// The outcome of a creation whose key exists: another request used it, or an earlier try of this call did.
pub(crate) fn outcome<Id: std::str::FromStr + PartialEq>(
    stored: &Item,
    key: &IdempotencyKey,
    ours: Id,
    now: Timestamp,
) -> Result<Created<Id>, StoreError> {
    match known(stored, key, now)? {
        Some(id) if id == ours => Ok(Created::New),
        Some(id) => Ok(Created::Existing(id)),
        // The key has expired between the write and this read.
        None => Err(StoreError::Unavailable("the idempotency key has just run out: try again".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_owners_and_kinds_differ() {
        let name = |kind, owner: &str, text: &str| {
            let key = IdempotencyKey {
                owner: Owner::new(owner),
                key: text.to_owned(),
                digest: [0; 32],
                expires_at: Timestamp::from_millis(1),
            };
            get_text(&key_of(kind, &key), "pk").unwrap().to_owned()
        };
        let names = [
            name(Kind::Job, "a", "bc"),
            name(Kind::Job, "ab", "c"),
            name(Kind::Batch, "a", "bc"),
            name(Kind::Job, "", "abc"),
        ];
        assert_eq!(names.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert_eq!(name(Kind::Job, "a", &"x".repeat(10_000)).len(), 66);
    }
}
