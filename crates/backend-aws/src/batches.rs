//! Batches: one compressed handle for each, in as many items as it needs.

use async_trait::async_trait;
use pssp_jobs::{Batch, BatchId, BatchStore, Created, IdempotencyKey, StoreError};

use crate::AwsBackend;
use crate::item::{
    Item, MAX_ITEM_BYTES, MAX_SMALL_BYTES, bytes, expiry, from_json, get_bytes, is_expired, key, number,
    text, to_json, with,
};
use crate::keys::{self, Kind};
use crate::pack::{pack, unpack};
use crate::table::{Condition, Write, Written};
use pssp_jobs::error::corrupt;

/// Bytes of a handle in one item.
const PART_BYTES: usize = MAX_ITEM_BYTES - MAX_SMALL_BYTES;

fn part_key(id: BatchId, part: usize) -> Item {
    key(format!("B#{id}"), format!("B#{part:04}"))
}

/// The items of a batch. Only the first one has the number of parts and whether the batch is sealed.
pub(crate) fn parts(batch: &Batch) -> Result<Vec<Item>, StoreError> {
    let packed = pack(to_json(batch)?.as_bytes());
    let count = packed.chunks(PART_BYTES).len();
    let items = packed.chunks(PART_BYTES).enumerate().map(|(n, part)| {
        let item = with(part_key(batch.id, n), [("part", bytes(part))]);
        let item = with(item, expiry(batch.expires_at));
        if n > 0 {
            return item;
        }
        with(
            item,
            [
                ("parts", number(count)),
                ("sealed", aws_sdk_dynamodb::types::AttributeValue::Bool(batch.sealed)),
            ],
        )
    });
    Ok(items.collect())
}

#[async_trait]
impl BatchStore for AwsBackend {
    async fn create_batch(
        &self,
        batch: &Batch,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created<BatchId>, StoreError> {
        let now = self.clock.now();
        let taking = key.map(|key| keys::take(Kind::Batch, key, &batch.id.to_string(), now));
        let parts = parts(batch)?.into_iter().map(|item| Write::Put { item, condition: None });
        let writes: Vec<Write> = taking.into_iter().chain(parts).collect();
        match (self.table.write(&writes).await?, key) {
            (Written::Done, _) => Ok(Created::New),
            (Written::Failed(_, stored), Some(key)) => {
                let stored = match stored {
                    Some(stored) => Some(stored),
                    None => self.table.get(keys::key_of(Kind::Batch, key)).await?,
                };
                let gone = || StoreError::Unavailable("the idempotency key has just gone: try again".into());
                keys::outcome(&stored.ok_or_else(gone)?, key, batch.id, now)
            }
            (Written::Failed(..), None) => Err(StoreError::Exists),
        }
    }

    /// Sealing writes only this flag, because the contents of a batch never change.
    async fn seal_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut condition = Condition::present();
        condition
            .values
            .push((":sealed".to_owned(), aws_sdk_dynamodb::types::AttributeValue::Bool(batch.sealed)));
        let expression = "SET sealed = :sealed".to_owned();
        self.table
            .write(&[Write::Update { key: part_key(batch.id, 0), expression, condition }])
            .await
            .map(drop)
    }

    async fn batch_of_key(&self, key: &IdempotencyKey) -> Result<Option<BatchId>, StoreError> {
        match self.table.get(keys::key_of(Kind::Batch, key)).await? {
            Some(stored) => keys::known(&stored, key, self.clock.now()),
            None => Ok(None),
        }
    }

    async fn batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        let items = self.parts_of(id).await?;
        let Some(first) = items.first().filter(|item| item.contains_key("parts")) else { return Ok(None) };
        let count = first.get("parts").and_then(|n| n.as_n().ok()?.parse().ok());
        if count != Some(items.len()) {
            // Expired parts are deleted one by one, and a deletion may run between the pages of a read.
            let is_going =
                is_expired(first, self.clock.now()) || self.table.get(part_key(id, 0)).await?.is_none();
            let lost = || corrupt("batch", "a part is missing");
            return if is_going { Ok(None) } else { Err(lost()) };
        }
        let mut packed = Vec::new();
        for item in &items {
            packed.extend_from_slice(get_bytes(item, "part")?);
        }
        let batch: Batch = from_json("batch", &unpack("batch", &packed)?)?;
        let sealed = first.get("sealed").and_then(|sealed| sealed.as_bool().ok().copied());
        Ok(Some(Batch { sealed: sealed.unwrap_or(batch.sealed), ..batch }))
    }

    async fn delete_batch(&self, id: BatchId) -> Result<bool, StoreError> {
        let parts = self.parts_of(id).await?.len();
        if parts == 0 {
            return Ok(false);
        }
        let delete = |n| {
            let condition = (n == 0).then(Condition::present);
            Write::Delete { key: part_key(id, n), condition }
        };
        let writes: Vec<Write> = (0..parts).map(delete).collect();
        Ok(matches!(self.table.write(&writes).await?, Written::Done))
    }
}

impl AwsBackend {
    /// All parts, in order.
    async fn parts_of(&self, id: BatchId) -> Result<Vec<Item>, StoreError> {
        let query = self.table.client.query().table_name(&self.table.name).consistent_read(true);
        let query = query.key_condition_expression("pk = :batch");
        let query = query.expression_attribute_values(":batch", text(format!("B#{id}")));
        let mut pages = query.into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.map_err(|error| self.table.error(error))?.items.unwrap_or_default());
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item;
    use pssp_jobs::{BatchItem, JobId, Owner, Timestamp};

    #[test]
    fn a_large_batch_is_split_into_items_that_fit() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let items = (0..60_000).map(|_| BatchItem::Job(JobId::from(uuid(rand::random())))).collect();
        let batch = Batch {
            id: BatchId::new(now),
            owner: Owner::public(),
            created_at: now,
            expires_at: now,
            sealed: false,
            items,
        };
        let parts = parts(&batch).unwrap();
        assert!(parts.len() > 1);
        assert!(parts.iter().all(|part| item::size(part) <= MAX_ITEM_BYTES));
        assert_eq!(parts.iter().filter(|part| part.contains_key("parts")).count(), 1);
    }

    fn uuid(bits: u128) -> uuid::Uuid {
        uuid::Uuid::from_u128(bits)
    }
}
