//! Schemas of types that other crates define and this API shows, and of maps whose keys are known.

use pssp_jobs::notice::{Level, MAX_TEXT};
use utoipa::openapi::schema::{AnyOfBuilder, Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::ClassicResult;

/// Text that is one of `values`.
pub fn one_of<'a>(values: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values))
}

/// Text for people or programs, as `description` says.
fn text(description: &str) -> Object {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).build()
}

/// [`pssp_jobs::stored_key::Scope`].
#[derive(Debug)]
pub struct Scope;

impl ToSchema for Scope {}

impl PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        use pssp_jobs::stored_key::Scope;
        one_of(Scope::ALL.map(Scope::as_str)).build().into()
    }
}

/// [`pssp_jobs::State`].
#[derive(Debug)]
pub struct State;

impl ToSchema for State {}

impl PartialSchema for State {
    fn schema() -> RefOr<Schema> {
        one_of(pssp_jobs::State::ALL.map(pssp_jobs::State::as_str)).build().into()
    }
}

/// A boolean of a query or form, which has several spellings there.
#[derive(Debug)]
pub struct Switch;

impl ToSchema for Switch {}

impl PartialSchema for Switch {
    fn schema() -> RefOr<Schema> {
        let digit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(1));
        let words = one_of(["true", "false", "1", "0", "yes", "no", "on", "off", ""]);
        let switch = AnyOfBuilder::new()
            .description(Some("A switch; its name alone means that it is on."))
            .item(ObjectBuilder::new().schema_type(Type::Boolean))
            .item(digit)
            .item(words);
        Schema::AnyOf(switch.build()).into()
    }
}

/// Whose fault a failure is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum FailureClass {
    /// The input: sending the same again gives the same.
    Input,
    /// The method crashed or ran over a limit on this input.
    Method,
    /// The service: sending it again later may succeed.
    System,
}

/// Something odd about the input that does not stop the prediction.
#[derive(Debug, ToSchema)]
pub struct Warning {
    /// Its kind, for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// What cleaning did to the input, once for each kind (and replaced letter).
#[derive(Debug, ToSchema)]
pub struct Edit {
    /// The kind of edit, for programs.
    pub kind: String,
    /// How many characters it was done to.
    #[schema(minimum = 1)]
    pub count: usize,
    /// The letter that was replaced by X.
    #[schema(value_type = String, required = false)]
    pub from: Option<char>,
    /// Where letters were replaced, in the cleaned sequence from 1.
    #[schema(value_type = Vec<usize>, required = false)]
    pub positions: Option<Vec<usize>>,
    /// The same as a sentence for people.
    pub message: String,
}

/// A method that predicts.
#[derive(Debug, ToSchema)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of its weights.
    pub sha256: String,
    /// How to cite it.
    pub citation: String,
}

/// [`pssp_jobs::Notice`].
#[derive(Debug)]
pub struct Notice;

impl ToSchema for Notice {}

impl PartialSchema for Notice {
    fn schema() -> RefOr<Schema> {
        let time = |description| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
                .description(Some(description))
        };
        let pause = ObjectBuilder::new()
            .schema_type(Type::Boolean)
            .description(Some("No new jobs between from and until."))
            .default(Some(false.into()));
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(format!("What to say; not blank, at most {MAX_TEXT} bytes.")))
            .pattern(Some(r"\S"))
            .max_length(Some(MAX_TEXT));
        let level = one_of(Level::ALL.map(Level::as_str))
            .description(Some("How much it matters."))
            .default(Some(Level::default().as_str().into()));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("An outage notice."))
            .property("text", text)
            .required("text")
            .property("level", level)
            .property("from", time("When it begins; at once if left out. It is shown before that, too."))
            .property("until", time("When it is over and no longer shown; when cleared if left out."))
            .property("pause_intake", pause)
            .build()
            .into()
    }
}

impl ToSchema for ClassicResult {}

impl PartialSchema for ClassicResult {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("The lines of the classic text."))
            .property("HED", text("The header, which has the job's id."))
            .property("INP", text("The cleaned sequence."))
            .required("HED")
            .required("INP");
        let with = |object: ObjectBuilder, property: &pssp_predict::Property| {
            let labels = text(&format!("{}, one letter for each residue.", property.title()));
            object.property(property.code(), labels).required(property.code())
        };
        pssp_predict::PROPERTIES.iter().fold(object, with).build().into()
    }
}
