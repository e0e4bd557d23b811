//! Makes `openapi.json` from the list of routes, the description in each route's file, and the types of
//! `pssp-api-types`. Only built with the feature `openapi`. The program serves the file in the repository.

use pssp_api_types as types;
use utoipa::ToSchema;
use utoipa::openapi::HttpMethod;
use utoipa::openapi::InfoBuilder;
use utoipa::openapi::LicenseBuilder;
use utoipa::openapi::OpenApiBuilder;
use utoipa::openapi::PathsBuilder;
use utoipa::openapi::Ref;
use utoipa::openapi::SecurityRequirement;
use utoipa::openapi::Server;
use utoipa::openapi::Tag;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::path::ParameterBuilder;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::ApiKey;
use utoipa::openapi::security::ApiKeyValue;
use utoipa::openapi::security::Http;
use utoipa::openapi::security::HttpAuthScheme;
use utoipa::openapi::security::SecurityScheme;

use crate::operation::{Answer, Schemas, add, key, parameter, text, uuid};
use crate::route::Verb;
use crate::routes::ROUTES;

const DESCRIPTION: &str = "Per-residue properties of proteins, predicted from the sequence.\n\nTwo APIs on one service: the classic routes at the root, and those under /v1. Errors under \
    /v1 are RFC 9457 problems with an id for questions (`request_id`, also the header X-Request-Id), and say whether \
    the same request may succeed later (`retryable`); those of every other route are text. Where the service has \
    keys, send one as `Authorization: Bearer` or `X-Api-Key`; the routes that need none say so.";

/// The description of the HTTP interface, as `openapi.json` holds it.
#[must_use]
pub fn openapi() -> String {
    let mut paths = PathsBuilder::new();
    let mut schemas = Schemas::new();
    add::<types::Problem>(&mut schemas);
    for route in ROUTES {
        for path in route.paths() {
            let operation = route.describe(&path);
            schemas.extend(operation.schemas);
            let item = utoipa::openapi::PathItem::new(method(route.verb), operation.builder);
            paths = paths.path(path, item);
        }
    }
    let components = ComponentsBuilder::new().schemas_from_iter(schemas);
    let info = InfoBuilder::new()
        .title("pssp")
        .version(crate::VERSION)
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()));
    let document = OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([Server::new("/")]))
        .security(Some([key("bearer"), key("apiKey"), SecurityRequirement::default()]))
        .tags(Some(["classic", "jobs", "results", "batches", "service"].map(Tag::new)))
        .paths(paths)
        .components(Some(shared(components).build()))
        .build();
    let mut text = document.to_pretty_json().unwrap_or_default(); // cannot fail, because all keys are text
    text.push('\n');
    text
}

fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Put => HttpMethod::Put,
        Verb::Delete => HttpMethod::Delete,
    }
}

/// Adds the parameters, headers, errors and keys that several operations share.
fn shared(components: ComponentsBuilder) -> ComponentsBuilder {
    let with_parameter = |all: ComponentsBuilder, (name, parameter): (&str, ParameterBuilder)| {
        all.parameter(name, Parameter::from(parameter))
    };
    let with_header = |all: ComponentsBuilder, (name, description, kind): (&str, &str, Type)| {
        let schema = ObjectBuilder::new().schema_type(kind);
        all.header(name, HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build())
    };
    let components = parameters().into_iter().fold(components, with_parameter);
    let components = HEADERS.into_iter().fold(components, with_header);
    let problem = |answer: Answer| {
        answer.content("application/problem+json", Ref::from_schema_name(types::Problem::name()))
    };
    let components = PROBLEMS.into_iter().fold(components, |all, (name, description, headers)| {
        let answer =
            headers.iter().fold(problem(Answer::new(description)), |answer, name| answer.headers([name]));
        all.response(name, answer.response.build())
    });
    components
        .response(
            "UnauthorizedText",
            Answer::text("no valid key").headers(["WWW-Authenticate"]).response.build(),
        )
        .response("LacksScopeText", Answer::text("the key does not allow it").response.build())
        .response(
            "TooManyRequestsText",
            Answer::text("too much for one caller")
                .headers(["Retry-After", "RateLimit", "RateLimit-Policy"])
                .response
                .build(),
        )
        .response(
            "UnavailableText",
            Answer::text("too much to do, the store is away, or it took too long")
                .headers(["Retry-After"])
                .response
                .build(),
        )
        .security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Api-Key"))))
}

fn parameters() -> [(&'static str, ParameterBuilder); 6] {
    let header =
        |name, description, schema: ObjectBuilder| parameter(ParameterIn::Header, name, description, schema);
    [
        ("id", parameter(ParameterIn::Path, "id", "A job's or batch's id.", uuid())),
        ("keyId", parameter(ParameterIn::Path, "key", "The id of a key.", text())),
        (
            "classicId",
            parameter(ParameterIn::Path, "id", "A job's id; what is no id names no job.", text()),
        ),
        (
            "idempotencyKey",
            header(
                "Idempotency-Key",
                "The same key with the same request gives the first one's job; with another request 422. \
                 Kept at least 24 h.",
                text().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$")),
            ),
        ),
        (
            "cacheControl",
            header(
                "Cache-Control",
                "`no-cache`: compute anew, even where a stored result of the same sequence and method would answer",
                text(),
            )
            .example(Some("no-cache".into())),
        ),
        (
            "prefer",
            header(
                "Prefer",
                "`wait=N`: hold the answer until the job is done, at most N seconds (20 at most, less behind a \
                 gateway that waits less)",
                text(),
            )
            .example(Some("wait=20".into())),
        ),
    ]
}

const HEADERS: [(&str, &str, Type); 12] = [
    ("Location", "where it is", Type::String),
    ("ETag", "names this state of the job, or this form of its result", Type::String),
    ("Retry-After", "when to ask again, in seconds; absent when nothing more will happen", Type::Integer),
    ("Preference-Applied", "the wait granted", Type::String),
    ("Idempotent-Replayed", "`true` where an earlier request with the same key made it", Type::String),
    ("Link", "the next page", Type::String),
    ("Content-Disposition", "a name to save it under", Type::String),
    (
        "X-Pssp-Method",
        "the method that made the result: name, version, `sha256:` and the digest of its weights",
        Type::String,
    ),
    ("RateLimit", "what is left of the rate: `r` more now, full again after `t` seconds", Type::String),
    ("RateLimit-Policy", "the rate: `q` in `w` seconds", Type::String),
    ("Pssp-Skipped", "records without a result in this answer", Type::Integer),
    ("WWW-Authenticate", "how to show a key", Type::String),
];

/// Name, description and headers.
const PROBLEMS: [(&str, &str, &[&str]); 15] = [
    ("Unparsable", "the request cannot be read", &[]),
    ("NoAdmin", "this service has no admin key", &[]),
    ("Unauthorized", "no valid key", &["WWW-Authenticate"]),
    ("LacksScope", "the key does not allow it", &[]),
    ("NotFound", "no such job or batch of yours", &[]),
    ("NotAcceptable", "no format fits", &[]),
    ("SlowBody", "the body did not arrive", &[]),
    ("NoResult", "not ready (with Retry-After), or failed or cancelled (without)", &["Retry-After"]),
    ("Conflict", "the job is finished or has failed", &[]),
    ("Expired", "it was here, and was deleted or has expired", &[]),
    (
        "TooLarge",
        "over a limit, which is named; behind a gateway with a limit of its own (such as AWS Lambda) also an answer \
         that is too large for it: accept gzip, or ask for less",
        &[],
    ),
    ("UnsupportedMediaType", "unknown form of body", &[]),
    (
        "InvalidInput",
        "not a protein sequence (`errors` points at the fault), or an idempotency key used with another request",
        &[],
    ),
    ("TooManyRequests", "too much for one caller", &["Retry-After", "RateLimit", "RateLimit-Policy"]),
    ("Unavailable", "too much to do, the store is away, or it took too long", &["Retry-After"]),
];
