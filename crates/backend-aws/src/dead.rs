//! Dead letters: one partition of the table, ordered by id.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::Select;
use pssp_jobs::{DeadLetter, DeadLetters, JobId, Page, StoreError, Timestamp};

use crate::AwsBackend;
use crate::item::{self, Item, expiry, fitting, get_text, is_expired, number, text, to_json, with};
use crate::table::{Condition, Write, Written};

/// Most letters on one page.
const MAX_PAGE: usize = 1000;

/// Longest body of a foreign message that is kept, in bytes. A body may be larger than an item.
const MAX_BODY: usize = 128 << 10;

/// Most pages of 1 MB that are counted.
const MAX_COUNTED_PAGES: usize = 8;

pub(crate) fn key(id: JobId) -> Item {
    item::key("D", id.to_string())
}

pub(crate) fn item(letter: &DeadLetter, expires_at: Timestamp) -> Result<Item, StoreError> {
    let mut item = with(key(letter.id), [("letter", text(to_json(&cut(letter))?))]);
    if let Some(job) = letter.job {
        item = with(item, [("job", text(job.to_string()))]);
    }
    fitting("the dead letter", with(item, expiry(expires_at)))
}

/// The letter with its body cut to the limit.
fn cut(letter: &DeadLetter) -> DeadLetter {
    let mut letter = letter.clone();
    if let Some(body) = &mut letter.body
        && body.len() > MAX_BODY
    {
        letter.reason += &format!(" (the first {MAX_BODY} of {} bytes are kept)", body.len());
        body.truncate(body.floor_char_boundary(MAX_BODY));
    }
    letter
}

#[async_trait]
impl DeadLetters for AwsBackend {
    async fn bury(&self, letter: &DeadLetter, expires_at: Timestamp) -> Result<(), StoreError> {
        self.table.put(item(letter, expires_at)?).await
    }

    async fn dead_letters(
        &self,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Page<DeadLetter, JobId>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let mut call = self.table.client.query().table_name(&self.table.name).consistent_read(true);
        call = call.expression_attribute_values(":dead", text("D"));
        let mut condition = "pk = :dead".to_owned();
        if let Some(before) = before {
            condition += " AND sk < :before";
            call = call.expression_attribute_values(":before", text(before.to_string()));
        }
        let call = call.key_condition_expression(condition).scan_index_forward(false);
        let answer = call.limit(i32::try_from(limit).unwrap_or(i32::MAX)).send().await;
        let answer = answer.map_err(|error| self.table.error(error))?;
        let next = match answer.last_evaluated_key() {
            Some(last) => {
                Some(get_text(last, "sk")?.parse().map_err(|e| pssp_jobs::error::corrupt("dead letter", e))?)
            }
            None => None,
        };
        let now = self.clock.now();
        let kept = answer.items().iter().filter(|item| !is_expired(item, now));
        let letters = kept.map(|item| item::from_json("dead letter", get_text(item, "letter")?.as_bytes()));
        Ok(Page { items: letters.collect::<Result<_, _>>()?, next })
    }

    async fn discard(&self, id: JobId) -> Result<bool, StoreError> {
        let condition = Condition::new("attribute_exists(pk) AND attribute_not_exists(job)");
        let delete = Write::Delete { key: key(id), condition: Some(condition) };
        Ok(matches!(self.table.write(&[delete]).await?, Written::Done))
    }
}

impl AwsBackend {
    pub(crate) async fn count_dead(&self) -> Result<u64, StoreError> {
        let (mut count, mut from) = (0, None);
        for _ in 0..MAX_COUNTED_PAGES {
            let call = self.table.client.query().table_name(&self.table.name).select(Select::Count);
            let call = call.key_condition_expression("pk = :dead").filter_expression("expires_at > :now");
            let call = call.expression_attribute_values(":dead", text("D"));
            let call = call.expression_attribute_values(":now", number(self.clock.now().as_millis()));
            let answer =
                call.set_exclusive_start_key(from).send().await.map_err(|error| self.table.error(error))?;
            count += u64::try_from(answer.count()).unwrap_or_default();
            from = answer.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(count)
    }
}
