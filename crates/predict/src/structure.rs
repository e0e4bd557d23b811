//! Where the residues of a sequence are in a structure: chain and numbering, for the formats that colour structures.

use std::fmt;
use std::str::FromStr;

/// The longest id of a chain, in characters.
const MAX_CHAIN: usize = 8;

/// The smallest number that a first residue may have.
const MIN_RESIDUE: i32 = -9_999;

/// The largest number that a first residue may have.
const MAX_RESIDUE: i32 = 99_999;

/// The id of a chain in a structure (`auth_asym_id` of mmCIF): letters, digits and `_`.
///
/// Files may contain other ids, but programs that select by chain give other characters a meaning.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChainId(String);

impl ChainId {
    /// The id of chain `index` (from 0) in structures that were predicted from several sequences: A to Z, then AA, AB, …
    #[must_use]
    pub fn in_order(mut index: usize) -> Self {
        let mut letters = Vec::new();
        loop {
            letters.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[index % 26]));
            match (index / 26).checked_sub(1) {
                Some(next) => index = next,
                None => break,
            }
        }
        Self(letters.into_iter().rev().collect())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ChainId {
    type Err = StructureError;

    fn from_str(text: &str) -> Result<Self, StructureError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.is_empty() || text.len() > MAX_CHAIN || !text.chars().all(fits) {
            return Err(StructureError::Chain(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Where one sequence is in a structure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Structure<'a> {
    /// The chain. `None`: any chain.
    pub chain: Option<&'a ChainId>,
    /// The number of the first residue of the sequence. `None`: not told.
    pub first_residue: Option<i32>,
}

/// Where each sequence of a batch is in structures, in the order of the batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Structures {
    chains: Vec<ChainId>,
    first_residues: Vec<i32>,
}

/// A wrong description of where sequences are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StructureError {
    /// No id of a chain.
    #[error("{0:?} is no id of a chain; one has 1 to {MAX_CHAIN} letters, digits or _, as in A or B2")]
    Chain(String),
    /// No number of a residue.
    #[error("{0:?} is no number of a residue; give a whole number from {MIN_RESIDUE} to {MAX_RESIDUE}")]
    Residue(String),
    /// More or fewer values than sequences.
    #[error("{} for {}; give one for each, in their order", counted(*given, what), counted(*sequences, "sequence"))]
    Count {
        /// What was given, as one of it is called.
        what: &'static str,
        /// How many of it.
        given: usize,
        /// The number of sequences.
        sequences: usize,
    },
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl Structures {
    /// Reads lists that are separated by commas: the ids of the chains, and the numbers of their first residues.
    ///
    /// ```
    /// use pssp_predict::structure::Structures;
    ///
    /// let structures = Structures::parse(Some("A,B"), Some("27,1"))?;
    /// assert_eq!(structures.of(0).chain.unwrap().as_str(), "A");
    /// assert_eq!(structures.of(0).first_residue, Some(27));
    /// # Ok::<(), pssp_predict::structure::StructureError>(())
    /// ```
    ///
    /// # Errors
    /// If a value is wrong.
    pub fn parse(chains: Option<&str>, first_residues: Option<&str>) -> Result<Self, StructureError> {
        let items = |list: Option<&'_ str>| -> Vec<String> {
            list.map(|list| list.split(',').map(|item| item.trim().to_owned()).collect()).unwrap_or_default()
        };
        let residue = |text: &String| {
            let number = text.parse().ok().filter(|number| (MIN_RESIDUE..=MAX_RESIDUE).contains(number));
            number.ok_or_else(|| StructureError::Residue(text.clone()))
        };
        Ok(Self {
            chains: items(chains).iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
            first_residues: items(first_residues).iter().map(residue).collect::<Result<_, _>>()?,
        })
    }

    /// Whether nothing was told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.first_residues.is_empty()
    }

    /// Where sequence `index` (from 0) is.
    #[must_use]
    pub fn of(&self, index: usize) -> Structure<'_> {
        Structure { chain: self.chains.get(index), first_residue: self.first_residues.get(index).copied() }
    }

    /// Checks that a list that was given has a value for each of `sequences`.
    ///
    /// # Errors
    /// If it has more or fewer.
    pub fn check(&self, sequences: usize) -> Result<(), StructureError> {
        for (what, given) in [("chain", self.chains.len()), ("first residue", self.first_residues.len())] {
            if given != 0 && given != sequences {
                return Err(StructureError::Count { what, given, sequences });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_named_in_order() {
        let named: Vec<String> =
            [0, 25, 26, 51, 52, 701, 702].map(|i| ChainId::in_order(i).to_string()).into();
        assert_eq!(named, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }

    #[test]
    fn wrong_values_are_named() {
        let message = |chains, first| Structures::parse(chains, first).unwrap_err().to_string();
        assert!(message(Some("A,B-2"), None).starts_with("\"B-2\" is no id of a chain"));
        assert!(message(Some("A,"), None).starts_with("\"\" is no id of a chain"));
        assert!(message(None, Some("1,x")).starts_with("\"x\" is no number of a residue"));
        assert!(message(None, Some("100000")).ends_with("from -9999 to 99999"));
    }

    #[test]
    fn lists_have_a_value_for_each_sequence() {
        let structures = Structures::parse(Some("A,B"), None).unwrap();
        assert_eq!(structures.check(2), Ok(()));
        assert_eq!(
            structures.check(1).unwrap_err().to_string(),
            "2 chains for 1 sequence; give one for each, in their order"
        );
        assert_eq!(Structures::default().check(7), Ok(()));
        assert_eq!(structures.of(2), Structure::default());
    }
}
