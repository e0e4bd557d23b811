//! Rules for the AWS template that linters do not check.

use std::collections::BTreeSet;
use std::time::Duration;

use pssp_backend_aws::schema::{INDEXES, Index, KeyType, PARTITION, SORT, TTL};
use pssp_deploy_checks::{Template, text};
use pssp_host::Settings;
use pssp_host::settings::SETTINGS;
use serde_json::Value;

use crate::ENVIRONMENTS;
use crate::aws_stages::stack;

/// The template with every combination of parameters that changes the set of resources.
fn variants() -> Vec<Template> {
    let mut all = Vec::new();
    for stage in ENVIRONMENTS {
        for package in ["Image", "Zip"] {
            for entry in ["HttpApi", "FunctionUrl"] {
                for architecture in ["arm64", "x86_64"] {
                    let others = [
                        ("Package", package),
                        ("Entry", entry),
                        ("Architecture", architecture),
                        ("Registry", "registry"),
                        ("CodeBucket", "bucket"),
                        ("JobEvents", "on"),
                    ];
                    all.push(stack(stage, &others));
                }
            }
        }
    }
    all
}

fn properties(template: &Template, name: &str) -> Value {
    template.resource(name).unwrap_or_else(|| panic!("no {name}"))["Properties"].clone()
}

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn failed_messages_are_reported_one_by_one_and_hidden_long_enough() {
    let allowed = stack("test", &[]).written()["Parameters"]["WorkerTimeout"]["AllowedValues"].clone();
    for timeout in allowed.as_array().expect("values") {
        let template = stack("test", &[("WorkerTimeout", timeout.as_str().expect("a text"))]);
        let queue = properties(&template, "Queue");
        let worker = number(&properties(&template, "Worker")["Timeout"]);
        assert_eq!(number(&queue["VisibilityTimeout"]), 6 * worker, "AWS recommends six times the timeout");
        let events = properties(&template, "WorkerEvents");
        assert_eq!(events["FunctionResponseTypes"], serde_json::json!(["ReportBatchItemFailures"]));
        assert!(number(&events["BatchSize"]) <= 10);
        assert!(number(&events["ScalingConfig"]["MaximumConcurrency"]) >= 2);
        assert_eq!(events["EventSourceArn"], "${Queue.Arn}");
        assert_eq!(queue["RedrivePolicy"]["deadLetterTargetArn"], "${DeadLetterQueue.Arn}");
        let life = |queue: &Value| number(&queue["MessageRetentionPeriod"]);
        assert!(
            life(&queue) < life(&properties(&template, "DeadLetterQueue")),
            "a message keeps its age in the dead letter queue"
        );
    }
}

#[test]
fn receives_during_a_lease_do_not_make_a_dead_letter() {
    let settings = Settings::default();
    let queue = properties(&stack("test", &[]), "Queue");
    let receives = number(&queue["RedrivePolicy"]["maxReceiveCount"]);
    // Before each attempt, and after each lost worker, a message may be received several times while another worker
    // holds the lease.
    assert!(receives >= 10 * u64::from(settings.policy.max_failures + settings.policy.max_lost_workers));
    assert!(receives <= 1000, "SQS allows at most 1000");
}

#[test]
fn the_table_is_the_one_that_the_backend_uses() {
    let table = properties(&stack("test", &[]), "Table");
    let types: BTreeSet<(&str, &str)> = list(&table["AttributeDefinitions"])
        .map(|one| (string(one, "AttributeName"), string(one, "AttributeType")))
        .collect();
    assert_eq!(keys(&table), [PARTITION, SORT]);
    assert_eq!(table["TimeToLiveSpecification"]["AttributeName"], TTL);
    let indexes: Vec<&Value> = list(&table["GlobalSecondaryIndexes"]).collect();
    assert_eq!(indexes.len(), INDEXES.len());
    for index in INDEXES {
        let found = indexes.iter().find(|one| one["IndexName"] == index.name).expect("the index");
        assert_eq!(keys(found), [index.partition, index.sort.0]);
        let kind = if index.sort.1 == KeyType::Number { "N" } else { "S" };
        assert!(types.contains(&(index.sort.0, kind)) && types.contains(&(index.partition, "S")));
        assert_projection(index, &found["Projection"]);
    }
    assert!(types.contains(&(PARTITION, "S")) && types.contains(&(SORT, "S")));
}

fn assert_projection(index: &Index, projection: &Value) {
    let carried: BTreeSet<&str> = list(&projection["NonKeyAttributes"]).filter_map(Value::as_str).collect();
    assert_eq!(carried, index.carries.iter().copied().collect(), "{}", index.name);
    let kind = if index.carries.is_empty() { "KEYS_ONLY" } else { "INCLUDE" };
    assert_eq!(projection["ProjectionType"], kind);
}

fn keys(of: &Value) -> Vec<&str> {
    list(&of["KeySchema"]).map(|one| string(one, "AttributeName")).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn string<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[test]
fn functions_get_valid_settings() {
    for template in variants() {
        for name in ["Api", "Worker"] {
            let function = properties(&template, name);
            let variables = function["Environment"]["Variables"].as_object().expect("variables").clone();
            for variable in variables.keys() {
                assert!(SETTINGS.iter().any(|setting| setting.name == variable), "{name}: {variable}");
            }
            let get = |name: &str| variables.get(name).and_then(Value::as_str).map(str::to_owned);
            let settings = Settings::resolve(get).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(settings.backend.as_str(), "aws://${Table}?queue=${Queue}");
        }
    }
}

#[test]
fn the_api_times_out_before_lambda_and_the_gateway_do() {
    for template in variants() {
        let api = properties(&template, "Api");
        let function = Duration::from_secs(number(&api["Timeout"]));
        let variables = &api["Environment"]["Variables"];
        let settings =
            Settings::resolve(|name| variables[name].as_str().map(str::to_owned)).expect("settings");
        assert!(settings.api.request_timeout < function);
        // The largest body as base64 must fit an event of 6 MB, with room for headers.
        assert!(settings.api.max_batch_body * 4 / 3 < 6_000_000 - 100_000);
        if let Some(integration) = template.resource("HttpIntegration") {
            let gateway = Duration::from_millis(number(&integration["Properties"]["TimeoutInMillis"]));
            assert!(function < gateway && gateway <= Duration::from_secs(30));
        }
    }
}

#[test]
fn a_function_is_an_image_or_a_zip_of_that_version() {
    let images = text("docker/images.mk");
    for template in variants() {
        for (name, image, program) in [("Api", "api", "pssp-api"), ("Worker", "wrk", "pssp-worker")] {
            let function = properties(&template, name);
            let architecture = function["Architectures"][0].as_str().expect("an architecture");
            if function["PackageType"] == "Image" {
                let suffix = if architecture == "arm64" { "arm64" } else { "amd64" };
                assert_eq!(function["Code"]["ImageUri"], format!("registry/pssp-{image}:1.2.3-{suffix}"));
                assert!(images.contains("IMAGES := api wrk"), "made by docker/images.mk");
                assert!(function["Handler"].is_null() && function["Runtime"].is_null());
            } else {
                let key = format!("pssp/1.2.3/{program}-{architecture}.zip");
                assert_eq!(function["Code"]["S3Key"], key);
                assert_eq!(
                    (string(&function, "Handler"), string(&function, "Runtime")),
                    ("bootstrap", "provided.al2023")
                );
            }
        }
    }
}

#[test]
fn there_is_either_a_gateway_or_a_function_url() {
    for template in variants() {
        let http = template.condition("IsHttpApi");
        assert_eq!(template.resource("HttpStage").is_some(), http);
        assert_eq!(template.resource("FunctionUrl").is_some(), !http);
        // Since October 2025 a function URL needs both permissions; without the second one it answers 403.
        let granted: BTreeSet<String> = template
            .resources()
            .into_values()
            .filter(|r| r["Type"] == "AWS::Lambda::Permission" && r["Properties"]["FunctionName"] == "${Api}")
            .map(|r| string(&r["Properties"], "Action").to_owned())
            .collect();
        let both = ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"];
        let expected = if http { &both[..1] } else { &both[..] };
        assert!(granted.iter().map(String::as_str).eq(expected.iter().copied()), "{granted:?}");
    }
}

#[test]
fn a_function_url_is_not_made_without_keys() {
    let registry = ("Registry", "registry");
    let refusals = |given: &[(&str, &str)]| stack("prod", given).refusals();
    assert_eq!(refusals(&[registry, ("Entry", "HttpApi")]), [""; 0]);
    assert_eq!(refusals(&[registry, ("Entry", "FunctionUrl"), ("ApiKeys", "alice:secret-key")]), [""; 0]);
    let open = refusals(&[registry, ("Entry", "FunctionUrl")]);
    assert!(open.len() == 1 && open[0].contains("needs ApiKeys"), "{open:?}");
    // The other rules are read, too.
    assert_eq!(refusals(&[("Package", "Image")]), ["Package=Image needs Registry"]);
    assert_eq!(refusals(&[("Package", "Zip")]), ["Package=Zip needs CodeBucket"]);
}

/// Every statement of every role and policy, with the name of its resource.
fn statements(template: &Template) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (name, resource) in template.resources() {
        let inline = list(&resource["Properties"]["Policies"]).map(|policy| &policy["PolicyDocument"]);
        let own = Some(&resource["Properties"]["PolicyDocument"]).filter(|document| document.is_object());
        for document in inline.chain(own) {
            all.extend(list(&document["Statement"]).map(|one| (name.clone(), one.clone())));
        }
    }
    all
}

#[test]
fn roles_have_named_actions_on_resources_of_the_stack() {
    let template = stack("prod", &[]);
    let all = statements(&template);
    assert!(all.len() > 8);
    for (name, statement) in all {
        for action in list(&statement["Action"]) {
            assert!(action.as_str().is_some_and(|one| !one.contains('*')), "{name}: {action}");
        }
        let resources = &statement["Resource"];
        for resource in list(resources).chain(resources.is_string().then_some(resources)) {
            let text = resource.as_str().expect("a resource");
            assert!(text.starts_with("${") && !text.contains('*'), "{name}: {text}");
        }
    }
    let roles: Vec<Value> =
        template.resources().into_values().filter(|r| r["Type"] == "AWS::IAM::Role").collect();
    assert_eq!(roles.len(), 2);
    for role in roles {
        assert_eq!(role["Properties"]["ManagedPolicyArns"], serde_json::json!(["${JobAccess}"]));
    }
}

#[test]
fn logs_expire_and_the_sweep_is_scheduled() {
    for template in variants() {
        for (function, logs) in [("Api", "ApiLogs"), ("Worker", "WorkerLogs")] {
            assert_eq!(properties(&template, function)["LoggingConfig"]["LogGroup"], format!("${{{logs}}}"));
            assert!(number(&properties(&template, logs)["RetentionInDays"]) > 0);
        }
        let sweep = properties(&template, "Sweep");
        assert_eq!(sweep["ScheduleExpression"], "rate(1 minute)");
        assert_eq!(sweep["Targets"][0]["Arn"], "${Worker.Arn}");
        assert_eq!(properties(&template, "SweepPermission")["SourceArn"], "${Sweep.Arn}");
    }
    let pattern = &properties(&stack("test", &[("JobEvents", "on")]), "SubmitRule")["EventPattern"];
    assert_eq!(pattern["detail-type"], serde_json::json!(["pssp.job.submit"]));
    assert!(
        stack("test", &[]).resource("SubmitRule").is_none(),
        "events submit jobs only if the operator enables it"
    );
}

#[test]
fn alarms_are_sent_to_the_topic() {
    for http in ["abc", "none"] {
        let given = [("Stage", "prod"), ("AlarmEmail", "me@example.org"), ("HttpApiId", http)];
        let alarms = Template::of("infra/alarms.yaml", &given).resources();
        let metrics: BTreeSet<&str> = alarms
            .values()
            .filter(|r| r["Type"] == "AWS::CloudWatch::Alarm")
            .inspect(|r| assert_eq!(r["Properties"]["AlarmActions"], serde_json::json!(["${Topic}"])))
            .map(|r| string(&r["Properties"], "MetricName"))
            .collect();
        let always =
            ["ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage", "Errors", "Throttles"];
        assert!(always.iter().all(|metric| metrics.contains(metric)), "{metrics:?}");
        assert_eq!(metrics.contains("5xx"), http != "none");
        assert_eq!(metrics.contains("Url5xxCount"), http == "none");
    }
    let quiet = Template::of("infra/alarms.yaml", &[("Stage", "prod")]);
    assert!(quiet.resource("Topic").is_none() && quiet.resource("DeadLetters").is_some());
}
