//! Builders for the descriptions of operations in the files of `routes/`. Only built with the feature `openapi`.

use pssp_api_types as types;
use pssp_predict::format::Format;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa::openapi::Content;
use utoipa::openapi::Ref;
use utoipa::openapi::RefOr;
use utoipa::openapi::Required;
use utoipa::openapi::Response;
use utoipa::openapi::SchemaFormat;
use utoipa::openapi::SecurityRequirement;
use utoipa::openapi::path::OperationBuilder;
use utoipa::openapi::path::ParameterBuilder;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::schema::Type;

use crate::auth::Access;
use crate::layers::is_probe;

/// An example of a FASTA body.
const FASTA: &str = ">demo\nTESTTESTTEST\n";

pub(crate) type Schemas = BTreeMap<String, RefOr<Schema>>;

/// The description of one verb on one path: parameters, bodies and responses.
pub struct Operation {
    path: String,
    pub(crate) builder: OperationBuilder,
    pub(crate) schemas: Schemas,
}

impl Operation {
    /// The common part of every operation with this `access`: the path parameter `id`, security, statuses 401 and
    /// 503.
    pub(crate) fn new(access: Access, path: &str) -> Self {
        let (is_open, is_text) = (access == Access::Open, !path.starts_with("/v1/"));
        let mut new =
            Self { path: path.to_owned(), builder: OperationBuilder::new(), schemas: Schemas::new() };
        if path.contains("{id}") {
            new = new.shared_parameter(if is_text { "classicId" } else { "id" });
        }
        if path.contains("{key}") {
            new = new.shared_parameter("keyId");
        }
        if is_open {
            new.builder = new.builder.securities(Some([]));
        } else {
            if access == Access::Keyed {
                new = new.problem(403, if is_text { "LacksScopeText" } else { "LacksScope" });
            }
            if access == Access::Admin {
                new.builder = new.builder.securities(Some([key("bearer"), key("apiKey")]));
            }
            new = new.problem(401, if is_text { "UnauthorizedText" } else { "Unauthorized" });
        }
        // Probes have no rate.
        if !is_probe(path) {
            new = new.problem(429, if is_text { "TooManyRequestsText" } else { "TooManyRequests" });
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

    /// Adds a parameter that several operations share.
    pub(crate) fn shared_parameter(mut self, name: &str) -> Self {
        self.builder = self.builder.parameter_ref(Ref::new(format!("#/components/parameters/{name}")));
        self
    }

    pub(crate) fn query(self, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.parameter(parameter(ParameterIn::Query, name, description, schema))
    }

    /// Adds a boolean query parameter. Its default is false.
    pub(crate) fn switch(mut self, name: &str, description: &str) -> Self {
        add::<types::schema::Switch>(&mut self.schemas);
        self.query(name, description, Ref::from_schema_name("Switch"))
    }

    /// Adds the query parameters of formats that colour structures, on the paths where such a format may be asked for:
    /// for one sequence, or for those of a batch.
    pub(crate) fn structure(self, of_batch: bool) -> Self {
        if self.format().is_some_and(|format| !format.uses_structure()) {
            return self;
        }
        let (chain, first) = ("[A-Za-z0-9_]{1,8}", "(-[0-9]{1,4}|[0-9]{1,5})");
        let list = |item: &str| text().pattern(Some(format!("^{item}(,{item})*$")));
        let number =
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(-9_999)).maximum(Some(99_999));
        let new = if of_batch {
            self.query(
                "chain",
                "for a structure: the chains of the records in their order; A,B,… by default",
                list(chain),
            )
            .query(
                "first_residue",
                "for a structure: the numbers of their first residues",
                list(first),
            )
        } else {
            self.query("chain", "for a structure: the chain", text().pattern(Some(format!("^{chain}$"))))
                .query("first_residue", "for a structure: the number of its first residue", number)
        };
        new.problem(400, "Unparsable")
    }

    pub(crate) fn header(self, name: &str, description: &str) -> Self {
        self.parameter(parameter(ParameterIn::Header, name, description, text()))
    }

    fn parameter(mut self, parameter: ParameterBuilder) -> Self {
        self.builder = self.builder.parameter(parameter);
        self
    }

    /// Sets the request body.
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

    /// Adds an error that several operations share.
    pub(crate) fn problem(mut self, status: u16, name: &str) -> Self {
        let reference: RefOr<Response> = Ref::from_response_name(name).into();
        self.builder = self.builder.response(status.to_string(), reference);
        self
    }

    /// Adds errors, each with status and name.
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

    /// Adds the media type `media` with the fields of `T`.
    pub(crate) fn of<T: ToSchema>(mut self, media: &str) -> Self {
        add::<T>(&mut self.schemas);
        self.content(media, Content::new(Some(Ref::from_schema_name(T::name()))))
    }

    /// Adds plain text: a sequence or FASTA.
    pub(crate) fn fasta(self) -> Self {
        let mut example = Content::new(Some(text()));
        example.example = Some(FASTA.into());
        self.content("text/x-fasta", example).content("text/plain", Content::new(Some(text())))
    }

    /// Adds a form, in both encodings.
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
    pub(crate) response: ResponseBuilder,
    schemas: Schemas,
}

impl Answer {
    /// A response without a body.
    pub(crate) fn new(description: &str) -> Self {
        Self { response: ResponseBuilder::new().description(description), schemas: Schemas::new() }
    }

    pub(crate) fn json<T: ToSchema>(description: &str) -> Self {
        let mut answer = Self::new(description);
        add::<T>(&mut answer.schemas);
        answer.content("application/json", Ref::from_schema_name(T::name()))
    }

    /// A response with a JSON map whose values are `T`.
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

    /// Adds the schema of `T`. Needed if only the schema of a map's key refers to it.
    pub(crate) fn with_schema<T: ToSchema>(mut self) -> Self {
        add::<T>(&mut self.schemas);
        self
    }

    /// Adds headers that several operations share.
    pub(crate) fn headers<const N: usize>(mut self, names: [&str; N]) -> Self {
        for name in names {
            let reference = Ref::new(format!("#/components/headers/{name}"));
            self.response = self.response.header_ref(name, reference);
        }
        self
    }
}

/// The schema of a list of `T`.
pub(crate) fn array<T: ToSchema>() -> RefOr<Schema> {
    Schema::from(utoipa::openapi::Array::new(Ref::from_schema_name(T::name()))).into()
}

pub(crate) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// The schema of a 32-bit number of at least `least`.
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

pub(crate) fn parameter(
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

pub(crate) fn key(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, Vec::<String>::new())
}

/// Adds the schema of `T` and the schemas that it refers to.
pub(crate) fn add<T: ToSchema>(schemas: &mut Schemas) {
    let mut found = Vec::new();
    T::schemas(&mut found);
    schemas.insert(T::name().into_owned(), T::schema());
    schemas.extend(found);
}
