//! The items of a table as text: a line of JSON for each, with a type for each value, as in DynamoDB's own protocol.
//! Binary values are in hex.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue as Attribute;
use serde_json::{Map, Value, json};

/// A client for a stand-in.
pub(crate) fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new("eu-central-1"))
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

/// All items, in the order of their keys.
pub(crate) async fn dump(client: &Client, table: &str) -> String {
    let found = client.scan().table_name(table).consistent_read(true).send().await.unwrap();
    assert!(found.last_evaluated_key().is_none(), "one page has all");
    let mut lines: Vec<String> = found.items().iter().map(|item| fields(item).to_string()).collect();
    lines.sort_unstable();
    lines.iter().map(|line| line.clone() + "\n").collect()
}

/// Writes the items of `text` into a table.
pub(crate) async fn load(client: &Client, table: &str, text: &str) {
    for line in text.lines() {
        let item: Map<String, Value> = serde_json::from_str(line).unwrap();
        let item = item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
        client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }
}

fn fields(item: &HashMap<String, Attribute>) -> Value {
    item.iter().map(|(name, value)| (name.clone(), typed(value))).collect::<Map<_, _>>().into()
}

fn typed(value: &Attribute) -> Value {
    match value {
        Attribute::S(text) => json!({ "S": text }),
        Attribute::N(number) => json!({ "N": number }),
        Attribute::B(bytes) => json!({ "B": base16ct::lower::encode_string(bytes.as_ref()) }),
        Attribute::Bool(flag) => json!({ "BOOL": flag }),
        Attribute::L(items) => json!({ "L": items.iter().map(typed).collect::<Vec<_>>() }),
        Attribute::M(item) => json!({ "M": fields(item) }),
        other => panic!("a type that the table has not: {other:?}"),
    }
}

fn attribute(value: &Value) -> Attribute {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let text = || value.as_str().unwrap().to_owned();
    match kind.as_str() {
        "S" => Attribute::S(text()),
        "N" => Attribute::N(text()),
        "B" => Attribute::B(Blob::new(base16ct::lower::decode_vec(text()).unwrap())),
        "BOOL" => Attribute::Bool(value.as_bool().unwrap()),
        "L" => Attribute::L(value.as_array().unwrap().iter().map(attribute).collect()),
        "M" => Attribute::M(
            value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect(),
        ),
        other => panic!("a type that the table has not: {other}"),
    }
}
