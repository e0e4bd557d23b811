//! Creates the table and the queue for tests. In production `infra/` creates them.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType as Role, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use pssp_jobs::StoreError;

use crate::client::{Clients, Options};
use crate::schema::{INDEXES, Index, KeyType, PARTITION, SORT, TTL};
use crate::table::Table;
use crate::target::Target;
use pssp_jobs::error::unwritable;

/// Creates the table of `url`, and a queue with the name at the end of its `queue` parameter. Waits until the
/// table is active.
///
/// # Errors
/// Errors of the service.
pub async fn create(url: &str, options: &Options) -> Result<(), StoreError> {
    let target = Target::parse(url)?;
    let clients = Clients::load(&target, options).await?;
    let queue = clients.sqs.create_queue().queue_name(target.queue_name()).send();
    queue.await.map_err(|error| StoreError::Refused(format!("create queue: {error:?}").into()))?;
    create_table(&Table { client: clients.dynamodb, place: target.to_string(), name: target.table }).await
}

/// Sends a raw body, as a foreign sender does.
///
/// # Errors
/// Errors of the service.
pub async fn send(url: &str, options: &Options, body: &str) -> Result<(), StoreError> {
    let target = Target::parse(url)?;
    let clients = Clients::load(&target, options).await?;
    let call = clients.sqs.send_message().queue_url(&target.queue).message_body(body);
    call.send().await.map(drop).map_err(|error| StoreError::Refused(format!("send: {error:?}").into()))
}

/// Deletes the table and the queue.
///
/// # Errors
/// Errors of the service.
pub async fn remove(url: &str, options: &Options) -> Result<(), StoreError> {
    let target = Target::parse(url)?;
    let clients = Clients::load(&target, options).await?;
    let table = clients.dynamodb.delete_table().table_name(&target.table).send().await;
    let queue = clients.sqs.delete_queue().queue_url(&target.queue).send().await;
    table.map_err(|error| StoreError::Refused(format!("delete table: {error:?}").into()))?;
    queue.map(drop).map_err(|error| StoreError::Refused(format!("delete queue: {error:?}").into()))
}

async fn create_table(table: &Table) -> Result<(), StoreError> {
    let (client, name) = (&table.client, &table.name);
    let mut call = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    call = call.key_schema(role(PARTITION, Role::Hash)?).key_schema(role(SORT, Role::Range)?);
    for (attribute, kind) in [(PARTITION, KeyType::Text), (SORT, KeyType::Text)] {
        call = call.attribute_definitions(definition(attribute, kind)?);
    }
    for index in INDEXES {
        let (sort, kind) = index.sort;
        call = call.attribute_definitions(definition(index.partition, KeyType::Text)?);
        call = call.attribute_definitions(definition(sort, kind)?);
        call = call.global_secondary_indexes(described(index)?);
    }
    call.send().await.map_err(|error| table.error(error))?;
    for _ in 0..300 {
        let found = client.describe_table().table_name(name).send().await.map_err(|e| table.error(e))?;
        if found.table().and_then(|t| t.table_status()).is_some_and(|status| status.as_str() == "ACTIVE") {
            let ttl = TimeToLiveSpecification::builder().attribute_name(TTL).enabled(true);
            let call = client.update_time_to_live().table_name(name);
            let call = call.time_to_live_specification(ttl.build().map_err(unwritable)?);
            return call.send().await.map(drop).map_err(|error| table.error(error));
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    Err(StoreError::Unavailable(format!("{}: the table does not become active", table.place).into()))
}

fn role(name: &str, role: Role) -> Result<KeySchemaElement, StoreError> {
    KeySchemaElement::builder().attribute_name(name).key_type(role).build().map_err(unwritable)
}

fn definition(name: &str, kind: KeyType) -> Result<AttributeDefinition, StoreError> {
    let kind = match kind {
        KeyType::Text => ScalarAttributeType::S,
        KeyType::Number => ScalarAttributeType::N,
    };
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().map_err(unwritable)
}

fn described(index: &Index) -> Result<GlobalSecondaryIndex, StoreError> {
    let projection = match index.carries {
        [] => Projection::builder().projection_type(ProjectionType::KeysOnly),
        carried => Projection::builder()
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(carried.iter().map(|&name| name.to_owned()).collect())),
    };
    let built = GlobalSecondaryIndex::builder().index_name(index.name).projection(projection.build());
    let built = built.key_schema(role(index.partition, Role::Hash)?);
    built.key_schema(role(index.sort.0, Role::Range)?).build().map_err(unwritable)
}
