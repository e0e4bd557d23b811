//! All keys of a Redis as commands that write them again: text in which each line is a JSON list of the words
//! of a command. It can be read, compared and kept.

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, cmd};

/// The commands, sorted by key.
pub(crate) async fn dump(connection: &mut MultiplexedConnection) -> String {
    let mut keys: Vec<String> = query(connection, &["KEYS", "*"]).await;
    keys.sort_unstable();
    let mut lines = String::new();
    for key in keys {
        let kind: String = query(connection, &["TYPE", &key]).await;
        let (read, write): (&[&str], &str) = match kind.as_str() {
            "hash" => (&["HGETALL", &key], "HSET"),
            "zset" => (&["ZRANGE", &key, "0", "-1", "WITHSCORES"], "ZADD"),
            "list" => (&["LRANGE", &key, "0", "-1"], "RPUSH"),
            "string" => (&["MGET", &key], "SET"),
            other => panic!("{key} is a {other}"),
        };
        let mut words: Vec<String> = query(connection, read).await;
        if write == "ZADD" {
            // The score is read after the member, and written before it.
            words.chunks_mut(2).for_each(|pair| pair.reverse());
        }
        words.splice(0..0, [write.to_owned(), key.clone()]);
        line(&mut lines, &words);
        let expires: i64 = query(connection, &["PEXPIRETIME", &key]).await;
        if expires > 0 {
            line(&mut lines, &["PEXPIREAT".to_owned(), key, expires.to_string()]);
        }
    }
    lines
}

/// Writes the output of [`dump`].
pub(crate) async fn load(connection: &mut MultiplexedConnection, lines: &str) {
    for line in lines.lines() {
        let words: Vec<String> = serde_json::from_str(line).unwrap();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let _: redis::Value = query(connection, &words).await;
    }
}

/// A separate connection to `url`.
pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

fn line(lines: &mut String, words: &[String]) {
    lines.push_str(&serde_json::to_string(words).unwrap());
    lines.push('\n');
}

async fn query<T: FromRedisValue>(connection: &mut MultiplexedConnection, words: &[&str]) -> T {
    cmd(words[0]).arg(&words[1..]).query_async(connection).await.unwrap()
}
