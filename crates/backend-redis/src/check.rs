//! Checks at the start whether a Redis server can keep jobs.

use std::collections::HashMap;

use pssp_jobs::StoreError;
use redis::Value;

use crate::link::Link;

/// The oldest version that has all commands in use (`PXAT`, `ZRANGE … BYLEX REV`, `ZADD LT`).
const OLDEST: (u32, u32) = (6, 2);

/// Refuses a server that would lose jobs because of its settings. Warns about one that might.
pub(crate) async fn check(link: &Link) -> Result<(), StoreError> {
    let info = info(link).await?;
    let field = |name: &str| info.get(name).map(String::as_str).unwrap_or_default();
    verdict(&field).map_err(|why| StoreError::Refused(format!("{}: {why}", link.target).into()))?;
    for warning in warnings(&field, &config(link, "appendfsync").await.unwrap_or_default()) {
        tracing::warn!(server = %link.target, "{warning}");
    }
    Ok(())
}

fn verdict<'a>(field: &impl Fn(&'a str) -> &'a str) -> Result<(), String> {
    let version = field("redis_version");
    if parse_version(version).is_some_and(|found| found < OLDEST) {
        let (major, minor) = OLDEST;
        return Err(format!("redis {version} is too old: use {major}.{minor} or newer"));
    }
    if field("redis_mode") == "cluster" {
        return Err(
            "a redis in cluster mode is not supported: use a single server (with replicas)".to_owned()
        );
    }
    match field("maxmemory_policy") {
        "noeviction" | "" => Ok(()),
        policy => Err(format!(
            "maxmemory-policy is {policy}, which throws jobs away when memory is short: set \
             `maxmemory-policy noeviction` in redis.conf (at once: `redis-cli CONFIG SET maxmemory-policy noeviction`)"
        )),
    }
}

fn warnings<'a>(field: &impl Fn(&'a str) -> &'a str, appendfsync: &str) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if field("maxmemory_policy").is_empty() {
        warnings
            .push("cannot see maxmemory-policy: make sure that it is noeviction, or jobs may be thrown away");
    }
    if field("aof_enabled") == "0" {
        warnings.push(
            "redis keeps no append-only file: accepted jobs are lost when it restarts; set `appendonly yes`",
        );
    } else if matches!(appendfsync, "everysec" | "no") {
        warnings.push("redis does not flush before it answers: the last second or two of accepted jobs may be lost when it or its machine dies; set `appendfsync always` for none");
    }
    warnings
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

/// The fields of `INFO`. Managed servers permit this command where they do not permit `CONFIG`.
pub(crate) async fn info(link: &Link) -> Result<HashMap<String, String>, StoreError> {
    let answer = link.query(&redis::cmd("INFO")).await;
    let text = match answer.map_err(|error| link.error(&error))? {
        Value::BulkString(text) => String::from_utf8_lossy(&text).into_owned(),
        Value::VerbatimString { text, .. } => text,
        _ => String::new(),
    };
    let pairs = text.lines().filter_map(|line| line.trim().split_once(':'));
    Ok(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
}

/// A setting, if the user has permission to read it.
async fn config(link: &Link, name: &str) -> Option<String> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg(name);
    let (_, value): (String, String) = redis::from_redis_value(link.query(&command).await.ok()?).ok()?;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(fields: &[(&'static str, &'static str)]) -> Result<(), String> {
        verdict(&|name| fields.iter().find(|(k, _)| *k == name).map_or("", |(_, v)| v))
    }

    #[test]
    fn what_is_refused() {
        assert!(judged(&[("redis_version", "7.0.15"), ("maxmemory_policy", "noeviction")]).is_ok());
        let evicting = judged(&[("maxmemory_policy", "allkeys-lru")]).unwrap_err();
        assert!(evicting.contains("maxmemory-policy noeviction"), "{evicting}");
        assert!(judged(&[("redis_version", "6.0.16")]).unwrap_err().contains("too old"));
        assert!(judged(&[("redis_version", "255.255.255")]).is_ok());
        assert!(judged(&[("redis_mode", "cluster")]).is_err());
    }
}
