//! The service itself: health, version, limits, methods, description, metrics.

use pssp_client::ApiRequest;

use crate::check::{Check, reads};
use crate::probe::Probe;
use crate::text::text;
use crate::verdict::{Verdict, ensure, equal};

/// Routes that every pssp service has.
const ROUTES: &[&str] = &[
    "/",
    "/run",
    "/jobs",
    "/jobs/{id}",
    "/download/{id}",
    "/delete",
    "/v1/jobs",
    "/v1/jobs/{id}",
    "/v1/jobs/{id}/cancel",
    "/v1/jobs/{id}/events",
    "/v1/jobs/{id}/result",
    "/v1/batches",
    "/v1/batches/{id}",
    "/v1/batches/{id}/results",
    "/v1/validate",
    "/v1/batches/validate",
    "/v1/methods",
    "/v1/limits",
    "/v1/status",
    "/metrics",
];

/// Limits that must be above zero.
const LIMITS: &[&str] = &[
    "max_residues",
    "max_batch_records",
    "max_body_bytes",
    "max_batch_bytes",
    "max_wait_s",
    "result_ttl_s",
    "max_attempts",
];

pub(crate) const CHECKS: &[Check] = &[
    reads("GET /healthz answers", |p| Ok(p.get("/healthz")?.expect(&[200]).map(drop)?)),
    reads("GET /readyz says that the store answers", |p| Ok(p.get("/readyz")?.expect(&[200]).map(drop)?)),
    reads("GET /v1/status tells state, version and queue", status),
    reads("the version is the expected one", version),
    reads("GET /v1/methods names the weights by sha256", methods),
    reads("GET /v1/limits tells the limits in force", limits),
    reads("GET /openapi.json describes every route", openapi),
    reads("GET /metrics is Prometheus text", metrics),
    reads("answers carry nosniff and the caller's request id", headers),
];

fn status(p: &Probe) -> Verdict {
    let status = p.get("/v1/status")?.expect(&[200])?.media("application/json")?.json()?;
    equal("status", &text(&status, "status"), &"ok")?;
    ensure(!text(&status, "version").is_empty(), || "it tells no version".to_owned())?;
    for count in ["submitted", "running", "dead"] {
        ensure(status["queue"][count].is_u64(), || format!("queue.{count} is no number"))?;
    }
    Ok(ensure(status["notices"].is_array(), || "notices is no list".to_owned())?)
}

/// The service, its API description and the expectation (if there is one) have the same version.
fn version(p: &Probe) -> Verdict {
    let status = p.get("/v1/status")?.expect(&[200])?.json()?;
    let version = text(&status, "version");
    if let Some(expected) = &p.expected_version {
        equal("version", &version, &expected.as_str())?;
    }
    let described = p.get("/openapi.json")?.expect(&[200])?.json()?;
    Ok(equal("version in openapi.json", &text(&described["info"], "version"), &version)?)
}

fn methods(p: &Probe) -> Verdict {
    let response = p.get("/v1/methods")?.expect(&[200])?.json()?;
    let methods = response["methods"].as_array().cloned().unwrap_or_default();
    ensure(!methods.is_empty(), || "there is no method".to_owned())?;
    for method in &methods {
        let sha256 = text(method, "sha256");
        let is_digest = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
        ensure(is_digest, || format!("sha256 is {sha256:?}"))?;
        let named = ["name", "version", "citation"].iter().all(|field| !text(method, field).is_empty());
        ensure(named, || format!("name, version or citation is missing: {method}"))?;
    }
    let properties = response["properties"].as_array().map_or(0, Vec::len);
    Ok(equal("number of properties", &properties, &6)?)
}

fn limits(p: &Probe) -> Verdict {
    let limits = p.get("/v1/limits")?.expect(&[200])?.json()?;
    for name in LIMITS {
        ensure(limits[name].as_u64().is_some_and(|n| n > 0), || format!("{name} is {}", limits[name]))?;
    }
    let day = 24 * 3600;
    let kept = limits["idempotency_key_ttl_s"].as_u64().unwrap_or(0);
    Ok(ensure(kept >= day, || format!("idempotency keys are kept {kept} s only, not a day"))?)
}

fn openapi(p: &Probe) -> Verdict {
    let described = p.get("/openapi.json")?.expect(&[200])?.media("application/json")?.json()?;
    ensure(text(&described, "openapi").starts_with("3."), || "it is not OpenAPI 3".to_owned())?;
    let missing: Vec<&str> =
        ROUTES.iter().copied().filter(|route| !described["paths"][route].is_object()).collect();
    Ok(ensure(missing.is_empty(), || format!("not described: {}", missing.join(" ")))?)
}

fn metrics(p: &Probe) -> Verdict {
    let answer = p.get("/metrics")?.expect(&[200])?.media("text/plain")?;
    Ok(answer.contains("# TYPE pssp_http_requests_total counter")?)
}

fn headers(p: &Probe) -> Verdict {
    for path in ["/", "/v1/status", "/v1/no-such-route"] {
        let id = "pssp-verify.1";
        let answer = p.send(&ApiRequest::get(path).header("x-request-id", id))?;
        equal(&format!("X-Request-Id of {path}"), &answer.needed("x-request-id")?, &id)?;
        equal("X-Content-Type-Options", &answer.needed("x-content-type-options")?, &"nosniff")?;
    }
    Ok(())
}
