//! The table as it must be created: names that the code, the tests and `infra/` share.

/// Partition key of the table, a string.
pub const PARTITION: &str = "pk";
/// Sort key of the table, a string.
pub const SORT: &str = "sk";
/// The attribute with the expiry, by which DynamoDB deletes an item: seconds since 1970.
pub const TTL: &str = "ttl";

/// The type of a key in DynamoDB.
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
    /// The attributes that it has beside the keys; if empty, the projection is `KEYS_ONLY`, else `INCLUDE`.
    pub carries: &'static [&'static str],
}

/// Jobs of an owner, newest last, with the attributes that lists show.
pub const BY_OWNER: Index =
    Index { name: "by_owner", partition: "owner", sort: ("id", KeyType::Text), carries: &["head", "status"] };

/// Jobs that are not terminal, by the time at which the sweep should check them.
pub const BY_DUE: Index =
    Index { name: "by_due", partition: "due_key", sort: ("due_at", KeyType::Number), carries: &[] };

/// Every index of the table.
pub const INDEXES: &[Index] = &[BY_OWNER, BY_DUE];

/// The number of partitions in [`BY_DUE`] over which the jobs of one state are spread: one partition takes a
/// thousand writes per second. After a change of this number, earlier jobs are not found in the index.
pub const SHARDS: u8 = 8;
