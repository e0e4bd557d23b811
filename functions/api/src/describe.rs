//! Makes `openapi.json`: from the list of routes, what each route's file says of it, and the types of
//! `pssp-api-types`. Built with the feature `openapi` only; the program serves the file that is checked in.

use std::collections::BTreeMap;

use pssp_api_types as types;
use pssp_predict::format::Format;
use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Content, HttpMethod, InfoBuilder, LicenseBuilder, OpenApiBuilder, PathsBuilder, Ref, RefOr, Required,
    Response, SchemaFormat, SecurityRequirement, Server, Tag,
};

use crate::routes::{Access, ROUTES, Route, Verb};

const DESCRIPTION: &str = "Per-residue properties of proteins, predicted from the sequence.\n\nTwo APIs on one service: the classic routes at the root, and those under /v1. Errors under \
    /v1 are RFC 9457 problems with an id for questions (`request_id`, also the header X-Request-Id), and say whether \
    the same request may succeed later (`retryable`); those of every other route are text. Where the service has \
    keys, send one as `Authorization: Bearer` or `X-Api-Key`; the routes that need none say so.";

/// An example of a FASTA body.
const FASTA: &str = ">demo\nTESTTESTTEST\n";

type Schemas = BTreeMap<String, RefOr<Schema>>;

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
    let mut text = document.to_pretty_json().unwrap_or_default(); // maps with text as keys: cannot fail
    text.push('\n');
    text
}

fn key(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, Vec::<String>::new())
}

fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Put => HttpMethod::Put,
        Verb::Delete => HttpMethod::Delete,
    }
}

/// Adds the schema of `T` and those that it refers to.
fn add<T: ToSchema>(schemas: &mut Schemas) {
    let mut found = Vec::new();
    T::schemas(&mut found);
    schemas.insert(T::name().into_owned(), T::schema());
    schemas.extend(found);
}

/// What one verb on one path takes and answers.
pub struct Operation {
    path: String,
    builder: OperationBuilder,
    schemas: Schemas,
}

impl Operation {
    /// What every operation of `route` has in common: the id of its path, security, 401 and 503.
    pub(crate) fn new(route: &Route, path: &str) -> Self {
        let (is_open, is_text) = (route.access == Access::Open, !path.starts_with("/v1/"));
        let mut new =
            Self { path: path.to_owned(), builder: OperationBuilder::new(), schemas: Schemas::new() };
        if path.contains("{id}") {
            new = new.shared_parameter(if is_text { "classicId" } else { "id" });
        }
        if is_open {
            new.builder = new.builder.securities(Some([]));
        } else {
            if route.access == Access::Admin {
                new.builder = new.builder.securities(Some([key("bearer"), key("apiKey")]));
            }
            new = new.problem(401, if is_text { "UnauthorizedText" } else { "Unauthorized" });
        }
        new.problem(503, if is_text { "UnavailableText" } else { "Unavailable" })
    }

    pub(crate) fn id(mut self, id: &str, tag: &str, summary: &str) -> Self {
        self.builder = self.builder.operation_id(Some(id)).tag(tag).summary(Some(summary));
        self
    }

    pub(crate) fn details(mut self, text: &str) -> Self {
        self.builder = self.builder.description(Some(text));
        self
    }

    /// The file extension at the end of the path.
    pub(crate) fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The result format at the end of the path.
    pub(crate) fn format(&self) -> Option<Format> {
        Format::from_extension(self.extension())
    }

    /// One of the parameters that several operations have.
    pub(crate) fn shared_parameter(mut self, name: &str) -> Self {
        self.builder = self.builder.parameter_ref(Ref::new(format!("#/components/parameters/{name}")));
        self
    }

    pub(crate) fn query(self, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.parameter(parameter(ParameterIn::Query, name, description, schema))
    }

    /// A switch in the query, off unless it is given.
    pub(crate) fn switch(mut self, name: &str, description: &str) -> Self {
        add::<types::schema::Switch>(&mut self.schemas);
        self.query(name, description, Ref::from_schema_name("Switch"))
    }

    pub(crate) fn header(self, name: &str, description: &str) -> Self {
        self.parameter(parameter(ParameterIn::Header, name, description, text()))
    }

    fn parameter(mut self, parameter: ParameterBuilder) -> Self {
        self.builder = self.builder.parameter(parameter);
        self
    }

    /// A body in one of several media types.
    pub(crate) fn body(mut self, body: Body) -> Self {
        self.schemas.extend(body.schemas);
        self.builder = self.builder.request_body(Some(body.body));
        self
    }

    pub(crate) fn answer(mut self, status: u16, answer: Answer) -> Self {
        self.schemas.extend(answer.schemas);
        self.builder = self.builder.response(status.to_string(), answer.response.build());
        self
    }

    /// One of the errors that several operations have.
    pub(crate) fn problem(mut self, status: u16, name: &str) -> Self {
        let reference: RefOr<Response> = Ref::from_response_name(name).into();
        self.builder = self.builder.response(status.to_string(), reference);
        self
    }

    /// Every error of `problems`: status and name.
    pub(crate) fn problems<const N: usize>(self, problems: [(u16, &str); N]) -> Self {
        problems.into_iter().fold(self, |operation, (status, name)| operation.problem(status, name))
    }
}

/// A request body.
pub(crate) struct Body {
    body: RequestBody,
    schemas: Schemas,
}

impl Body {
    pub(crate) fn new(description: &str, required: bool) -> Self {
        let mut body = RequestBody::new();
        body.description = (!description.is_empty()).then(|| description.to_owned());
        body.required = Some(if required { Required::True } else { Required::False });
        Self { body, schemas: Schemas::new() }
    }

    /// As `media`, with the fields of `T`.
    pub(crate) fn of<T: ToSchema>(mut self, media: &str) -> Self {
        add::<T>(&mut self.schemas);
        self.content(media, Content::new(Some(Ref::from_schema_name(T::name()))))
    }

    /// As plain text: a sequence or FASTA.
    pub(crate) fn fasta(self) -> Self {
        let mut example = Content::new(Some(text()));
        example.example = Some(FASTA.into());
        self.content("text/x-fasta", example).content("text/plain", Content::new(Some(text())))
    }

    /// As a form, in both encodings.
    pub(crate) fn form<T: ToSchema>(self) -> Self {
        self.of::<T>("application/x-www-form-urlencoded").of::<T>("multipart/form-data")
    }

    pub(crate) fn bytes(self, media: &str) -> Self {
        self.content(media, Content::new(Some(bytes(media))))
    }

    fn content(mut self, media: &str, content: Content) -> Self {
        self.body.content.insert(media.to_owned(), content.into());
        self
    }
}

/// A response.
pub(crate) struct Answer {
    response: ResponseBuilder,
    schemas: Schemas,
}

impl Answer {
    /// Without a body.
    pub(crate) fn new(description: &str) -> Self {
        Self { response: ResponseBuilder::new().description(description), schemas: Schemas::new() }
    }

    pub(crate) fn json<T: ToSchema>(description: &str) -> Self {
        let mut answer = Self::new(description);
        add::<T>(&mut answer.schemas);
        answer.content("application/json", Ref::from_schema_name(T::name()))
    }

    /// A map with values of `T` as JSON.
    pub(crate) fn map<T: ToSchema>(description: &str) -> Self {
        let mut answer = Self::new(description);
        add::<T>(&mut answer.schemas);
        let map = ObjectBuilder::new().additional_properties(Some(Ref::from_schema_name(T::name())));
        answer.content("application/json", map)
    }

    pub(crate) fn text(description: &str) -> Self {
        Self::new(description).content("text/plain", text())
    }

    pub(crate) fn bytes(description: &str, media: &str) -> Self {
        Self::new(description).content(media, bytes(media))
    }

    pub(crate) fn content(mut self, media: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.response = self.response.content(media, Content::new(Some(schema)));
        self
    }

    /// Makes the schema of `T` known, where only the schema of a map's key refers to it.
    pub(crate) fn knows<T: ToSchema>(mut self) -> Self {
        add::<T>(&mut self.schemas);
        self
    }

    /// Headers that several operations have.
    pub(crate) fn headers<const N: usize>(mut self, names: [&str; N]) -> Self {
        for name in names {
            let reference = Ref::new(format!("#/components/headers/{name}"));
            self.response = self.response.header_ref(name, reference);
        }
        self
    }
}

/// A list of `T`.
pub(crate) fn array<T: ToSchema>() -> RefOr<Schema> {
    Schema::from(utoipa::openapi::Array::new(Ref::from_schema_name(T::name()))).into()
}

pub(crate) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A number from `least` on that fits 32 bits.
pub(crate) fn number(least: u32) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(u32::MAX))
}

pub(crate) fn uuid() -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom("uuid".to_owned())))
}

fn bytes(media: &str) -> ObjectBuilder {
    text().content_media_type(media)
}

/// The media type of a format without its parameters.
pub(crate) fn media(format: Format) -> &'static str {
    let media = format.media_type();
    media.split(';').next().unwrap_or(media).trim_end()
}

fn parameter(
    place: ParameterIn,
    name: &str,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> ParameterBuilder {
    let required = if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(schema))
}

/// Parameters, headers, errors and keys that several operations have.
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

fn parameters() -> [(&'static str, ParameterBuilder); 5] {
    let header =
        |name, description, schema: ObjectBuilder| parameter(ParameterIn::Header, name, description, schema);
    [
        ("id", parameter(ParameterIn::Path, "id", "A job's or batch's id.", uuid())),
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

const HEADERS: [(&str, &str, Type); 10] = [
    ("Location", "where it is", Type::String),
    ("ETag", "names this state of the job", Type::String),
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
    ("Pssp-Skipped", "records without a result in this answer", Type::Integer),
    ("WWW-Authenticate", "how to show a key", Type::String),
];

/// Name, description and headers.
const PROBLEMS: [(&str, &str, &[&str]); 13] = [
    ("Unparsable", "the request cannot be read", &[]),
    ("NoAdmin", "this service has no admin key", &[]),
    ("Unauthorized", "no valid key", &["WWW-Authenticate"]),
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
    ("Unavailable", "too much to do, the store is away, or it took too long", &["Retry-After"]),
];
