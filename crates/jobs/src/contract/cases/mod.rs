//! The cases, one file for each promise.

mod cancelled;
mod cost;
mod durable;
mod effect_once;
mod keys;
mod moving;
mod nothing_stuck;
mod poison;
mod queue;
mod randomised;
mod records;
mod reuse;
mod shutdown;
mod turns;

pub use cancelled::*;
pub use cost::*;
pub use durable::*;
pub use effect_once::*;
pub use keys::*;
pub use moving::*;
pub use nothing_stuck::*;
pub use poison::*;
pub use queue::*;
pub use randomised::*;
pub use records::*;
pub use reuse::*;
pub use shutdown::*;
pub use turns::*;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::contract::CASES;

    /// The source of every file above.
    const SOURCES: &[&str] = &[
        include_str!("cancelled.rs"),
        include_str!("cost.rs"),
        include_str!("durable.rs"),
        include_str!("effect_once.rs"),
        include_str!("keys.rs"),
        include_str!("moving.rs"),
        include_str!("nothing_stuck.rs"),
        include_str!("poison.rs"),
        include_str!("queue.rs"),
        include_str!("randomised.rs"),
        include_str!("records.rs"),
        include_str!("reuse.rs"),
        include_str!("shutdown.rs"),
        include_str!("turns.rs"),
    ];

    #[test]
    fn every_case_is_listed() {
        let written = SOURCES
            .iter()
            .flat_map(|source| source.lines())
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split_once('<').map(|(name, _)| name));
        let listed: BTreeSet<&str> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(written.collect::<BTreeSet<_>>(), listed, "the list is in each_contract_case!");
        assert_eq!(listed.len(), CASES.len(), "a case is listed twice");
    }
}
