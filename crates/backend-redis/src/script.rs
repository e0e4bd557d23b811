//! The scripts: one for each atomic step. The keys are described in `lua/lib.lua`.

use std::sync::LazyLock;

/// A script with its hash, by which the server finds it.
pub(crate) struct Script {
    source: String,
    hash: String,
}

impl Script {
    fn new(body: &str) -> Self {
        let source = format!("{}{body}", include_str!("lua/lib.lua"));
        let hash = redis::Script::new(&source).get_hash().to_owned();
        Self { source, hash }
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }
}

macro_rules! scripts {
    ($($name:ident $file:literal;)+) => {
        $(
            #[doc = concat!("`lua/", $file, "`")]
            pub(crate) static $name: LazyLock<Script> =
                LazyLock::new(|| Script::new(include_str!(concat!("lua/", $file))));
        )+
    };
}

scripts! {
    CREATE "create.lua";
    APPLY "apply.lua";
    DELETE "delete.lua";
    SEND "send.lua";
    RECEIVE "receive.lua";
    ACK "ack.lua";
    RETRY "retry.lua";
    EXTEND "extend.lua";
    PURGE "purge.lua";
    MEND "mend.lua";
    CREATE_BATCH "create_batch.lua";
    BURY "bury.lua";
    DISCARD "discard.lua";
    ARRIVE "arrive.lua";
    ARRIVE_JOBS "arrive_jobs.lua";
    PING "ping.lua";
}
