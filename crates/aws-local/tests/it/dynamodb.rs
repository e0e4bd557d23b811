//! The table in the stand-in `dynoxide`, which `make test` installs or `PSSP_DYNOXIDE` names.

use std::path::{Path, PathBuf};

use http_body_util::Full;
use pssp_aws_local::dynamodb::DynamoDb;
use serde_json::{Value, json};

use crate::support::send;

fn program() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/bin/dynoxide");
    std::env::var_os("PSSP_DYNOXIDE").map_or(installed, PathBuf::from)
}

async fn describe(dynamodb: &DynamoDb, table: &str) -> Value {
    let signature = "AWS4-HMAC-SHA256 Credential=a/20260101/eu-central-1/dynamodb/aws4_request, \
                     SignedHeaders=host, Signature=0";
    let request = hyper::Request::post(dynamodb.endpoint())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.DescribeTable")
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", signature)
        .body(Full::from(json!({ "TableName": table }).to_string()));
    serde_json::from_slice(send(request.unwrap()).await.unwrap().body()).unwrap()
}

#[tokio::test]
async fn the_table_has_its_keys_and_indexes_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("table.db");
    for _ in 0..2 {
        let dynamodb = DynamoDb::start(&program(), Some(&database)).await.unwrap();
        dynamodb.create_table("jobs").await.unwrap();
        let table = describe(&dynamodb, "jobs").await["Table"].take();
        let keys: Vec<_> =
            table["KeySchema"].as_array().unwrap().iter().map(|k| &k["AttributeName"]).collect();
        assert_eq!(keys, ["pk", "sk"]);
        let indexes = table["GlobalSecondaryIndexes"].as_array().unwrap();
        let mut names: Vec<_> = indexes.iter().filter_map(|index| index["IndexName"].as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["by_due", "by_owner"]);
    }
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let error = DynamoDb::start(Path::new("no-such-dynoxide"), None).await.unwrap_err();
    assert!(error.to_string().contains("no-such-dynoxide"), "{error}");
}
