//! The table as it must be created: names that code, tests and `infra/` share.

/// Partition key of the table, a string.
pub const PARTITION: &str = "pk";
/// Sort key of the table, a string.
pub const SORT: &str = "sk";
/// The attribute by which DynamoDB removes what has expired: seconds since 1970.
pub const TTL: &str = "ttl";

/// What DynamoDB calls the type of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// `S`
    Text,
    /// `N`
    Number,
}

/// A global secondary index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// Partition key, a string.
    pub partition: &'static str,
    /// Sort key.
    pub sort: (&'static str, KeyType),
    /// What it carries beside keys; nothing means `KEYS_ONLY`, else `INCLUDE`.
    pub carries: &'static [&'static str],
}

/// Jobs of an owner, newest last. Carries what lists show.
pub const BY_OWNER: Index =
    Index { name: "by_owner", partition: "owner", sort: ("id", KeyType::Text), carries: &["head", "status"] };

/// Jobs that are not terminal, by the time at which the sweep should look at them.
pub const BY_DUE: Index =
    Index { name: "by_due", partition: "due_key", sort: ("due_at", KeyType::Number), carries: &[] };

/// Every index of the table.
pub const INDEXES: &[Index] = &[BY_OWNER, BY_DUE];

/// Over how many partitions the jobs of one state are spread in [`BY_DUE`]: one takes a thousand writes a
/// second. To change it is to lose sight of what was written before.
pub const SHARDS: u8 = 8;
