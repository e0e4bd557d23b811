//! Keys of callers: one partition of the table, an item each.

use async_trait::async_trait;
use pssp_jobs::stored_key::StoredKey;
use pssp_jobs::{KeyStore, StoreError, Timestamp};

use crate::AwsBackend;
use crate::item::{self, Item, get_text, number, text, to_json};
use crate::table::{Condition, Write, Written};
use pssp_jobs::error::corrupt;

pub(crate) fn item_key(id: &str) -> Item {
    item::key("K", id)
}

pub(crate) fn key(item: &Item) -> Result<StoredKey, StoreError> {
    let key: StoredKey = item::from_json("key", get_text(item, "api_key")?.as_bytes())?;
    let used_at = item.get("used_at").and_then(|value| value.as_n().ok());
    let used_at = used_at.map(|ms| ms.parse().map_err(|e| corrupt("key", e))).transpose()?;
    Ok(StoredKey { used_at: used_at.map(Timestamp::from_millis), ..key })
}

/// An update of one attribute.
fn set(id: &str, name: &str, value: aws_sdk_dynamodb::types::AttributeValue, condition: Condition) -> Write {
    let expression = format!("SET {name} = :value");
    let mut condition = condition;
    condition.values.push((":value".to_owned(), value));
    Write::Update { key: item_key(id), expression, condition }
}

#[async_trait]
impl KeyStore for AwsBackend {
    async fn key(&self, id: &str) -> Result<Option<StoredKey>, StoreError> {
        self.table.get(item_key(id)).await?.as_ref().map(key).transpose()
    }

    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let (mut keys, mut from) = (Vec::new(), None);
        loop {
            let call = self.table.client.query().table_name(&self.table.name).consistent_read(true);
            let call = call.key_condition_expression("pk = :keys");
            let call = call.expression_attribute_values(":keys", text("K"));
            let answer = call.set_exclusive_start_key(from).send().await;
            let answer = answer.map_err(|error| self.table.error(error))?;
            for item in answer.items() {
                keys.push(key(item)?);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(keys);
            }
        }
    }

    async fn put_key(&self, key: &StoredKey) -> Result<(), StoreError> {
        let write = set(&key.id, "api_key", text(to_json(key)?), Condition::default());
        self.table.write(&[write]).await.map(drop)
    }

    async fn touch_key(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let write = set(id, "used_at", number(at.as_millis()), Condition::present());
        self.table.write(&[write]).await.map(drop)
    }

    async fn delete_key(&self, id: &str) -> Result<bool, StoreError> {
        let delete = Write::Delete { key: item_key(id), condition: Some(Condition::present()) };
        Ok(matches!(self.table.write(&[delete]).await?, Written::Done))
    }
}
