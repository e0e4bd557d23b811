//! `/v1/methods`, `/v1/limits`, `/v1/status`: the methods, limits and state of the service.

use std::num::NonZeroU32;

use axum::Json;
use axum::extract::State;
use pssp_api_types::{Limits, Methods, PropertyInfo, ServiceState, ServiceStatus};
use pssp_predict::PROPERTIES;
use pssp_predict::format::{FORMATS, SS3_REDUCTION};
use pssp_predict::name;

use crate::app::Ctx;
use crate::depth::depth;

pub(super) async fn methods(State(ctx): State<Ctx>) -> Json<Methods> {
    Json(Methods {
        methods: ctx.app.methods.to_vec(),
        properties: PROPERTIES.iter().map(PropertyInfo::from).collect(),
        ss3_reduction: SS3_REDUCTION.to_owned(),
    })
}

pub(super) async fn limits(State(ctx): State<Ctx>) -> Json<Limits> {
    let (config, policy) = (ctx.config(), ctx.jobs().policy());
    Json(Limits {
        max_residues: config.max_residues,
        max_batch_records: config.max_batch_records,
        max_body_bytes: config.max_body_bytes,
        max_batch_bytes: config.max_batch_bytes,
        max_name_bytes: name::MAX_BYTES,
        max_requests_per_s: config.rate.map(NonZeroU32::get),
        max_jobs_per_s: config.job_rate.map(NonZeroU32::get),
        max_jobs_of_owner: policy.max_owned,
        max_wait_s: config.max_wait.as_secs(),
        result_ttl_s: policy.ttl.as_secs(),
        idempotency_key_ttl_s: policy.key_ttl.as_secs(),
        max_attempts: policy.max_failures,
        reuse_results: ctx.reused_method().is_some(),
        formats: FORMATS.iter().map(|format| format.extension().to_owned()).collect(),
    })
}

/// Answers even if the store does not, because the status is most interesting then.
pub(super) async fn status(State(ctx): State<Ctx>) -> Json<ServiceStatus> {
    let depth = depth(&ctx).await;
    Json(ServiceStatus {
        status: match depth {
            _ if ctx.is_draining() => ServiceState::Draining,
            Some(_) => ServiceState::Ok,
            None => ServiceState::Degraded,
        },
        version: ctx.app.version.clone(),
        backend: ctx.jobs().backend_name().to_owned(),
        now: ctx.jobs().now(),
        notices: ctx.intake.notices.notice(ctx.jobs()).await.into_iter().collect(),
        uptime_s: ctx.started.elapsed().as_secs(),
        queue: depth.map(Into::into),
    })
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::{Limits, Methods, ServiceStatus};

    use crate::operation::{Answer, Operation};

    pub(in crate::routes) fn methods(o: Operation) -> Operation {
        o.id("readMethods", "service", "What predicts, and its alphabets")
            .answer(200, Answer::json::<Methods>("methods and properties"))
    }

    pub(in crate::routes) fn limits(o: Operation) -> Operation {
        o.id("readLimits", "service", "The limits in force").answer(200, Answer::json::<Limits>("limits"))
    }

    pub(in crate::routes) fn status(o: Operation) -> Operation {
        o.id("readStatus", "service", "How the service is")
            .details(
                "With the outage notice that an operator posted, if any. While it pauses intake, a POST that would \
                 make jobs answers 503 with `Retry-After`; everything else goes on.",
            )
            .answer(200, Answer::json::<ServiceStatus>("status"))
    }
}
