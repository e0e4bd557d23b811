//! Calls on the table: conditional writes that recognise their own earlier tries, transactions, reads, queries.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure as OnFailure,
    TransactWriteItem, Update,
};
use pssp_common::Backoff;
use pssp_jobs::StoreError;

use crate::error::{self, About};
use crate::item::{Item, size};
use pssp_jobs::error::unwritable;

/// How often a write is tried that conflicts with another write.
const MAX_TRIES: u32 = 10;

/// DynamoDB's limits on one transaction: number of items, and bytes.
const MAX_TRANSACTION: (usize, usize) = (100, 4 << 20);

/// The outcome of a conditional write.
#[derive(Debug)]
pub(crate) enum Written {
    /// The write took effect.
    Done,
    /// The condition of write number `.0` failed. Holds the present item, if there is one.
    Failed(usize, Option<Item>),
}

/// One of the writes of a step.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    Put { item: Item, condition: Option<Condition> },
    Update { key: Item, expression: String, condition: Condition },
    Delete { key: Item, condition: Option<Condition> },
}

/// An expression with its names and values, including those of an update.
#[derive(Debug, Clone, Default)]
pub(crate) struct Condition {
    pub(crate) expression: String,
    pub(crate) names: Vec<(String, String)>,
    pub(crate) values: Vec<(String, AttributeValue)>,
}

impl Condition {
    pub(crate) fn new(expression: &str) -> Self {
        Self { expression: expression.to_owned(), ..Self::default() }
    }

    /// No item with this key exists.
    pub(crate) fn absent() -> Self {
        Self::new("attribute_not_exists(pk)")
    }

    /// An item with this key exists.
    pub(crate) fn present() -> Self {
        Self::new("attribute_exists(pk)")
    }
}

/// The table, with what a call needs.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
    /// `table pssp-test in eu-west-1`
    pub(crate) place: String,
}

impl Table {
    pub(crate) fn about(&self) -> About<'_> {
        About {
            place: &self.place,
            missing: ": there is no such table in this region: check table and `region` of the aws URL, or create \
                      it with infra/",
        }
    }

    pub(crate) fn error<E, R>(&self, error: SdkError<E, R>) -> StoreError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        error::store_error(error, self.about())
    }

    /// One item, by a consistent read.
    pub(crate) async fn get(&self, key: Item) -> Result<Option<Item>, StoreError> {
        let call = self.client.get_item().table_name(&self.name).set_key(Some(key)).consistent_read(true);
        Ok(call.send().await.map_err(|error| self.error(error))?.item)
    }

    /// Some attributes of one item, by a consistent read.
    pub(crate) async fn get_some(
        &self,
        key: Item,
        names: &[&'static str],
    ) -> Result<Option<Item>, StoreError> {
        let call = self.client.get_item().table_name(&self.name).set_key(Some(key)).consistent_read(true);
        let stand_ins: Vec<String> = names.iter().map(|name| format!("#{name}")).collect();
        let mut call = call.projection_expression(stand_ins.join(", "));
        for (stand_in, name) in stand_ins.iter().zip(names) {
            call = call.expression_attribute_names(stand_in, *name);
        }
        Ok(call.send().await.map_err(|error| self.error(error))?.item)
    }

    /// Makes all writes or none. A single write is not a transaction, which costs twice as much.
    pub(crate) async fn write(&self, writes: &[Write]) -> Result<Written, StoreError> {
        check_limits(writes)?;
        // Random waits, so that writers that conflict do not conflict again.
        let mut backoff =
            Backoff::new(Duration::from_millis(10), Duration::from_millis(500)).with_full_jitter();
        loop {
            let outcome = match writes {
                [write] => self.write_one(write).await?,
                _ => self.transact(writes).await?,
            };
            match outcome {
                Ok(written) => return Ok(written),
                Err(conflict) if backoff.failures() == MAX_TRIES => return Err(conflict),
                Err(_) => tokio::time::sleep(backoff.next_wait()).await,
            }
        }
    }

    /// Writes without a condition.
    pub(crate) async fn put(&self, item: Item) -> Result<(), StoreError> {
        self.write(&[Write::Put { item, condition: None }]).await.map(drop)
    }

    /// The inner error is a conflict with a concurrent write: try again.
    async fn write_one(&self, write: &Write) -> Result<Result<Written, StoreError>, StoreError> {
        match write.clone() {
            Write::Put { item, condition } => {
                let call = self.client.put_item().table_name(&self.name).set_item(Some(item));
                let (expression, names, values) = parts(condition);
                let call = call.set_condition_expression(expression).set_expression_attribute_names(names);
                let call = call.set_expression_attribute_values(values);
                let sent = call.return_values_on_condition_check_failure(OnFailure::AllOld).send().await;
                self.outcome(sent, |error| error.as_service_error()?.conditional())
            }
            Write::Update { key, expression, condition } => {
                let call = self.client.update_item().table_name(&self.name).set_key(Some(key));
                let (condition, names, values) = parts(Some(condition));
                let call = call.update_expression(expression).set_condition_expression(condition);
                let call = call.set_expression_attribute_names(names).set_expression_attribute_values(values);
                let sent = call.return_values_on_condition_check_failure(OnFailure::AllOld).send().await;
                self.outcome(sent, |error| error.as_service_error()?.conditional())
            }
            Write::Delete { key, condition } => {
                let call = self.client.delete_item().table_name(&self.name).set_key(Some(key));
                let (expression, names, values) = parts(condition);
                let call = call.set_condition_expression(expression).set_expression_attribute_names(names);
                let call = call.set_expression_attribute_values(values);
                let sent = call.return_values_on_condition_check_failure(OnFailure::AllOld).send().await;
                self.outcome(sent, |error| error.as_service_error()?.conditional())
            }
        }
    }

    fn outcome<T, E, R>(
        &self,
        sent: Result<T, SdkError<E, R>>,
        conditional: impl Fn(&SdkError<E, R>) -> Option<Option<Item>>,
    ) -> Result<Result<Written, StoreError>, StoreError>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let Err(error) = sent else { return Ok(Ok(Written::Done)) };
        if let Some(item) = conditional(&error) {
            return Ok(Ok(Written::Failed(0, item.filter(|item| !item.is_empty()))));
        }
        let conflict = error.code() == Some("TransactionConflictException");
        let error = self.error(error);
        if conflict { Ok(Err(error)) } else { Err(error) }
    }

    async fn transact(&self, writes: &[Write]) -> Result<Result<Written, StoreError>, StoreError> {
        let items = writes.iter().map(|write| self.item_of(write.clone())).collect::<Result<_, _>>()?;
        // The SDK gives each call a token, by which DynamoDB recognises repeated tries.
        let call = self.client.transact_write_items().set_transact_items(Some(items));
        let Err(error) = call.send().await else { return Ok(Ok(Written::Done)) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let (reasons, message) = (cancelled.cancellation_reasons(), cancelled.message());
                verdict(reasons, message.unwrap_or_default(), self.about())
            }
            _ if error.code() == Some("TransactionConflictException") => Ok(Err(self.error(error))),
            _ => Err(self.error(error)),
        }
    }

    fn item_of(&self, write: Write) -> Result<TransactWriteItem, StoreError> {
        let item = TransactWriteItem::builder();
        let old = OnFailure::AllOld;
        Ok(match write {
            Write::Put { item: put, condition } => {
                let (condition, names, values) = parts(condition);
                let put = Put::builder().table_name(&self.name).set_item(Some(put));
                let put = put.set_condition_expression(condition).set_expression_attribute_names(names);
                let put =
                    put.set_expression_attribute_values(values).return_values_on_condition_check_failure(old);
                item.put(put.build().map_err(unwritable)?)
            }
            Write::Update { key, expression, condition } => {
                let (condition, names, values) = parts(Some(condition));
                let update = Update::builder().table_name(&self.name).set_key(Some(key));
                let update = update.update_expression(expression).set_condition_expression(condition);
                let update =
                    update.set_expression_attribute_names(names).set_expression_attribute_values(values);
                let update = update.return_values_on_condition_check_failure(old);
                item.update(update.build().map_err(unwritable)?)
            }
            Write::Delete { key, condition } => {
                let (condition, names, values) = parts(condition);
                let delete = Delete::builder().table_name(&self.name).set_key(Some(key));
                let delete = delete.set_condition_expression(condition).set_expression_attribute_names(names);
                let delete = delete.set_expression_attribute_values(values);
                item.delete(delete.return_values_on_condition_check_failure(old).build().map_err(unwritable)?)
            }
        }
        .build())
    }
}

type Parts = (
    Option<String>,
    Option<std::collections::HashMap<String, String>>,
    Option<std::collections::HashMap<String, AttributeValue>>,
);

fn parts(condition: Option<Condition>) -> Parts {
    let Some(Condition { expression, names, values }) = condition else { return (None, None, None) };
    let names = (!names.is_empty()).then(|| names.into_iter().collect());
    let values = (!values.is_empty()).then(|| values.into_iter().collect());
    (Some(expression).filter(|text| !text.is_empty()), names, values)
}

/// The item of a failed condition. The outer value is `None` if the error is another one.
trait Conditional {
    fn conditional(&self) -> Option<Option<Item>>;
}

macro_rules! conditional {
    ($($error:path),+) => {
        $(impl Conditional for $error {
            fn conditional(&self) -> Option<Option<Item>> {
                match self {
                    Self::ConditionalCheckFailedException(failed) => Some(failed.item().cloned()),
                    _ => None,
                }
            }
        })+
    };
}

conditional!(
    aws_sdk_dynamodb::operation::put_item::PutItemError,
    aws_sdk_dynamodb::operation::update_item::UpdateItemError,
    aws_sdk_dynamodb::operation::delete_item::DeleteItemError
);

/// Why a transaction was cancelled. A failed condition decides, whatever the other reasons are. Otherwise a
/// conflict with a concurrent write, or throttling, is tried again.
fn verdict(
    reasons: &[CancellationReason],
    message: &str,
    about: About<'_>,
) -> Result<Result<Written, StoreError>, StoreError> {
    let failed = reasons.iter().position(|reason| reason.code() == Some("ConditionalCheckFailed"));
    if let Some(index) = failed {
        let item = reasons[index].item().filter(|item| !item.is_empty()).cloned();
        return Ok(Ok(Written::Failed(index, item)));
    }
    let mut codes = reasons.iter().filter_map(|r| Some((r.code()?, r.message()))).filter(|r| r.0 != "None");
    let (code, said) = codes.next().unwrap_or(("TransactionCanceledException", None));
    let said = said.unwrap_or(message);
    let code = if code == "ValidationError" { "ValidationException" } else { code };
    let error = error::of_code(code, said, about);
    if error::is_temporary_code(code) { Ok(Err(error)) } else { Err(error) }
}

fn check_limits(writes: &[Write]) -> Result<(), StoreError> {
    let (most, largest) = MAX_TRANSACTION;
    let bytes: usize = writes
        .iter()
        .map(|write| match write {
            Write::Put { item, .. } => size(item),
            Write::Update { .. } | Write::Delete { .. } => 0,
        })
        .sum();
    if writes.len() > most || bytes > largest {
        return Err(StoreError::TooLarge(format!(
            "{} items of {bytes} bytes do not fit one transaction: DynamoDB takes {most} of {largest}",
            writes.len()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{bytes, key, with};

    const ABOUT: About<'_> = About { place: "table jobs", missing: "" };

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn why_a_transaction_was_cancelled() {
        let of = |codes: &[&str]| verdict(&reasons(codes), "cancelled", ABOUT);
        assert!(matches!(of(&["None", "ConditionalCheckFailed"]), Ok(Ok(Written::Failed(1, None)))));
        assert!(matches!(
            of(&["TransactionConflict", "ConditionalCheckFailed"]),
            Ok(Ok(Written::Failed(1, _)))
        ));
        for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
            assert!(matches!(of(&["None", code]), Ok(Err(StoreError::Unavailable(_)))), "{code}");
        }
        assert!(matches!(of(&["ValidationError"]), Err(StoreError::Refused(_))));
        assert!(matches!(of(&[]), Err(StoreError::Refused(_))));
    }

    #[test]
    fn transactions_over_the_limits_are_not_sent() {
        let put = |length: usize| Write::Put {
            item: with(key("a", "b"), [("x", bytes(vec![0; length]))]),
            condition: None,
        };
        assert!(check_limits(&vec![put(1); 100]).is_ok());
        assert!(matches!(check_limits(&vec![put(1); 101]), Err(StoreError::TooLarge(_))));
        assert!(matches!(check_limits(&vec![put(390_000); 11]), Err(StoreError::TooLarge(_))));
    }
}
