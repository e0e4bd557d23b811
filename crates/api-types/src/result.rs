//! The JSON form of a prediction. `pssp_predict::format` writes it; clients read it as these types.

use std::collections::BTreeMap;

use pssp_predict::sequence::{Edit, Warning};
use serde::{Deserialize, Serialize};

use crate::Letter;

/// The result of one job, or of one record of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Result))]
pub struct JobResult {
    /// The job's id; in a batch the record's own id where it has one.
    pub id: String,
    /// The job's name.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub name: Option<String>,
    /// Residues.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub length: usize,
    /// The cleaned sequence.
    pub sequence: String,
    /// The predicted properties by key.
    #[cfg_attr(feature = "openapi", schema(schema_with = tracks))]
    pub properties: BTreeMap<String, TrackResult>,
    /// Relative solvent accessibility of each residue, 0 to 1.
    pub rsa: Vec<f64>,
    /// What cleaning changed.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::Edit>))]
    pub edits: Vec<Edit>,
    /// What is odd about the input.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::Warning>))]
    pub warnings: Vec<Warning>,
    /// What made the prediction.
    pub method: ResultMethod,
}

/// One predicted property along the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Track))]
pub struct TrackResult {
    /// Its name for people.
    pub title: String,
    /// Its letters.
    pub alphabet: Vec<Letter>,
    /// One letter for each residue.
    pub labels: String,
    /// One digit, 0 to 9, for each residue.
    pub confidence: String,
    /// By letter, a value from 0 to 1 for each residue.
    pub probabilities: BTreeMap<String, Vec<f64>>,
}

/// The method that made a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResultMethod {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of its weights.
    pub sha256: String,
    /// How to cite it.
    pub citation: String,
    /// How SS3 follows from SS8.
    pub ss3_reduction: String,
}

/// A track for each property, by the property's key.
#[cfg(feature = "openapi")]
fn tracks() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    use utoipa::ToSchema as _;
    use utoipa::openapi::schema::{ObjectBuilder, Ref, Type};

    let object =
        ObjectBuilder::new().schema_type(Type::Object).description(Some("The predicted properties by key."));
    let track = || Ref::from_schema_name(TrackResult::name());
    let with = |object: ObjectBuilder, key: &str| object.property(key, track()).required(key);
    pssp_predict::PROPERTIES
        .iter()
        .fold(object, |object, property| with(object, property.key()))
        .build()
        .into()
}
