//! The Runtime API and the processes behind it.

use std::time::Duration;

use pssp_aws_local::runtime::{Function, InvokeError, LARGEST_REQUEST, LARGEST_RESPONSE, Options};
use serde_json::{Value, json};

use crate::support::{function, options, until};

async fn invoke(function: &Function, event: Value) -> Result<Value, InvokeError> {
    let answer = function.invoke(event.to_string().into()).await?;
    Ok(serde_json::from_slice(&answer).unwrap())
}

/// The error type of a failed invocation.
fn kind(outcome: Result<Value, InvokeError>) -> String {
    match outcome.unwrap_err() {
        InvokeError::Function { kind, .. } => kind,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_invocation_is_answered_and_the_process_is_reused() {
    let function = function();
    assert_eq!(invoke(&function, json!({ "a": [1, 2] })).await, Ok(json!({ "a": [1, 2] })));
    let processes = function.processes();
    assert_eq!(invoke(&function, json!({ "b": "ü" })).await, Ok(json!({ "b": "ü" })));
    assert_eq!(function.processes(), processes);
}

#[tokio::test]
async fn a_function_has_lambdas_environment_and_not_that_of_this_process() {
    let env = vec![("MINE".to_owned(), "yes".to_owned())];
    let function = Function::new(Options { env, timeout: Duration::from_secs(20), ..options() });
    let about = invoke(&function, json!({ "do": "about" })).await.unwrap();
    assert_eq!(about["AWS_LAMBDA_FUNCTION_NAME"], "fixture");
    assert_eq!(about["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "1024");
    assert_eq!(about["AWS_REGION"], "eu-central-1");
    assert_eq!(about["arn"], "arn:aws:lambda:eu-central-1:000000000000:function:fixture");
    assert_eq!(about["MINE"], "yes");
    assert_eq!(about["HOME"], Value::Null);
    let left_ms = about["left_ms"].as_f64().unwrap();
    assert!((10_000.0..=20_000.0).contains(&left_ms), "{left_ms} ms are left of 20 s");
}

#[tokio::test]
async fn a_crash_a_time_out_and_an_error_are_distinguished_and_survived() {
    let function = Function::new(Options { timeout: Duration::from_secs(2), ..options() });
    let check = async |event: Value, expected: &str, keeps_process: bool| {
        invoke(&function, json!({})).await.unwrap();
        let before = function.processes();
        assert_eq!(kind(invoke(&function, event.clone()).await), expected, "{event}");
        invoke(&function, json!({})).await.unwrap();
        assert_eq!(function.processes() == before, keeps_process, "{event}");
        assert_eq!(function.processes().len(), 1);
    };
    check(json!({ "do": "error" }), "Mine", true).await;
    check(json!({ "do": "crash" }), "Runtime.ExitError", false).await;
    check(json!({ "do": "hang" }), "Sandbox.Timedout", false).await;
}

#[tokio::test]
async fn payloads_have_limits() {
    let function = function();
    let frame = json!({ "x": "" }).to_string().len();
    let largest = json!({ "x": "x".repeat(LARGEST_REQUEST - frame) });
    assert!(invoke(&function, largest).await.is_ok());
    let larger = json!({ "x": "x".repeat(LARGEST_REQUEST - frame + 1) });
    let refused = invoke(&function, larger).await;
    assert_eq!(refused, Err(InvokeError::RequestTooLarge(LARGEST_REQUEST + 1)));
    let large = json!({ "do": "large", "bytes": LARGEST_RESPONSE });
    assert_eq!(kind(invoke(&function, large).await), "Function.ResponseSizeTooLarge");
    let scheduled = function.invoke_async(vec![b' '; (1 << 20) + 1].into()).await;
    assert_eq!(scheduled, Err(InvokeError::RequestTooLarge((1 << 20) + 1)));
}

#[tokio::test]
async fn an_answer_to_another_invocation_is_refused() {
    assert_eq!(invoke(&function(), json!({ "do": "wrong id" })).await, Ok(json!({ "status": 400 })));
}

#[tokio::test]
async fn errors_at_the_start_are_reported() {
    let env = vec![("INIT".to_owned(), "fail".to_owned())];
    let failing = Function::new(Options { env, ..options() });
    let error = invoke(&failing, json!({})).await.unwrap_err();
    assert_eq!(error.to_string(), "Init: no backend");
    let missing = Function::new(Options::new("none", "no-such-program"));
    assert_eq!(kind(invoke(&missing, json!({})).await), "Runtime.InvalidEntrypoint");
    let ends = Function::new(Options::new("ends", "true"));
    assert_eq!(kind(invoke(&ends, json!({})).await), "Runtime.ExitError");
    assert!(failing.processes().is_empty());
}

#[tokio::test]
async fn processes_are_started_up_to_the_concurrency_limit() {
    let function = Function::new(Options { concurrency: 2, timeout: Duration::from_secs(3), ..options() });
    let hang = || invoke(&function, json!({ "do": "hang" }));
    let (first, second, third) = tokio::join!(hang(), hang(), hang());
    assert_eq!(kind(first), "Sandbox.Timedout");
    assert_eq!(kind(second), "Sandbox.Timedout");
    assert_eq!(third, Err(InvokeError::Throttled(2)));
}

#[tokio::test]
async fn a_killed_function_is_started_again() {
    let function = function();
    let hanging = tokio::spawn({
        let function = function.clone();
        async move { invoke(&function, json!({ "do": "hang" })).await }
    });
    until("a process", || !function.processes().is_empty()).await;
    assert_eq!(function.kill(), 1);
    assert_eq!(kind(hanging.await.unwrap()), "Runtime.ExitError");
    assert!(invoke(&function, json!({})).await.is_ok());
}

#[tokio::test]
async fn an_idle_process_is_frozen_and_ends_with_its_function() {
    let function = function();
    invoke(&function, json!({})).await.unwrap();
    let process = function.processes()[0];
    let state = move || {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        stat.rsplit(") ").next()?.chars().next()
    };
    until("stopped", || state() == Some('T')).await;
    drop(function);
    until("gone", || matches!(state(), None | Some('Z'))).await;
}
