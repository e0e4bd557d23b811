//! Request bodies.

use serde::{Deserialize, Serialize};

/// One sequence to predict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobRequest {
    /// The sequence, also as a FASTA record.
    #[cfg_attr(feature = "openapi", schema(example = "TESTTESTTEST"))]
    pub sequence: String,
    /// Names the job; else the id of the FASTA header does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How to treat the sequence.
    #[serde(default)]
    pub options: Options,
}

/// What a caller may choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Options {
    /// Take what looks like nucleotides.
    pub force: bool,
}

/// One record of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchRecord {
    /// The sequence; a record without one is rejected, the others are not affected.
    #[cfg_attr(feature = "openapi", schema(example = "TESTTESTTEST"))]
    pub sequence: Option<String>,
    /// Names the job; else the id of the FASTA header does.
    pub name: Option<String>,
}

/// Records to predict: a list, or an object that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BatchRequest {
    /// The records alone.
    Records(Vec<BatchRecord>),
    /// The records with options for all of them.
    List(BatchList),
}

/// Records with options for all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchList {
    /// The records.
    pub records: Vec<BatchRecord>,
    /// How to treat the sequences.
    #[serde(default)]
    pub options: Options,
}

/// A form with one input. The sequence may also come in a field `sequence`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Form {
    /// The sequence; `sequence` is taken too.
    #[cfg_attr(feature = "openapi", schema(example = "TESTTESTTEST"))]
    pub seq: String,
    /// Names the job; else the id of the FASTA header does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub name: Option<String>,
    /// Take what looks like nucleotides.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Switch, required = false))]
    pub force: bool,
}
