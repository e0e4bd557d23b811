//! Warns about names that an earlier record of the input has.

use std::collections::HashMap;

use crate::sequence::{Warning, WarningCode};

/// The ids of the records so far.
#[derive(Debug, Default)]
pub struct Ids(HashMap<String, usize>);

impl Ids {
    /// Notes the id of record `number` (from 1) and warns if an earlier record had it.
    pub fn note(&mut self, id: &str, number: usize) -> Option<Warning> {
        if let Some(first) = self.0.get(id) {
            let message = format!("the name {id} is also that of record {first}");
            return Some(Warning::new(WarningCode::DuplicateId, message));
        }
        self.0.insert(id.to_owned(), number);
        None
    }
}
