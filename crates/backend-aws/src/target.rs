//! The table and the queue, parsed from an `aws:` URL.

use std::fmt;

use pssp_jobs::StoreError;

/// `aws://<table>?queue=<queue url>&region=…&endpoint=…&dynamodb_endpoint=…&sqs_endpoint=…`. Contains no
/// secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name of the table.
    pub table: String,
    /// URL of the queue.
    pub queue: String,
    /// The region, if the URL has one, as a parameter or in the URL of the queue.
    pub region: Option<String>,
    /// The endpoint of DynamoDB, if it is not that of the region.
    pub dynamodb_endpoint: Option<String>,
    /// The endpoint of SQS, if it is not that of the region.
    pub sqs_endpoint: Option<String>,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the name of the wrong parameter.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let rest =
            url.strip_prefix("aws://").ok_or_else(|| refused("expected aws://<table>?queue=<queue URL>"))?;
        let (table, query) = rest.split_once('?').unwrap_or((rest, ""));
        let table = table.trim_end_matches('/');
        if !is_table(table) {
            return Err(refused(
                "a table's name has 3 to 255 letters, digits, `_`, `-` and `.`, and stands after aws://",
            ));
        }
        let mut given = Given::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            given.take(pair)?;
        }
        let queue = given.queue.ok_or_else(|| refused("`queue` is missing: give the queue's URL"))?;
        let of_queue = region_of(&queue);
        if let (Some(given), Some(queue)) = (&given.region, of_queue)
            && given != queue
        {
            return Err(refused(&format!(
                "`region` is {given} and the queue is in {queue}: table and queue must be in one region"
            )));
        }
        Ok(Self {
            table: table.to_owned(),
            region: given.region.or_else(|| of_queue.map(str::to_owned)),
            queue,
            dynamodb_endpoint: given.dynamodb_endpoint.or_else(|| given.endpoint.clone()),
            sqs_endpoint: given.sqs_endpoint.or(given.endpoint),
        })
    }

    /// The name of the queue: the end of its URL.
    #[must_use]
    pub fn queue_name(&self) -> &str {
        self.queue.rsplit('/').next().unwrap_or_default()
    }
}

/// The parameters so far. Each may be given once.
#[derive(Default)]
struct Given {
    queue: Option<String>,
    region: Option<String>,
    endpoint: Option<String>,
    dynamodb_endpoint: Option<String>,
    sqs_endpoint: Option<String>,
}

impl Given {
    fn take(&mut self, pair: &str) -> Result<(), StoreError> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value).ok_or_else(|| refused(&format!("`{name}` is badly percent-encoded")))?;
        let place = match name {
            "queue" => &mut self.queue,
            "region" => &mut self.region,
            "endpoint" => &mut self.endpoint,
            "dynamodb_endpoint" => &mut self.dynamodb_endpoint,
            "sqs_endpoint" => &mut self.sqs_endpoint,
            _ => return Err(refused(&format!("`{}` is no parameter: {KNOWN}", printable(name)))),
        };
        let is_fit = if name == "region" { is_region(&value) } else { is_http(&value) };
        if !is_fit {
            let wanted = if name == "region" { "such as eu-central-1" } else { "an http:// or https:// URL" };
            return Err(refused(&format!("`{name}` must be {wanted}")));
        }
        if place.replace(value).is_some() {
            return Err(refused(&format!("`{name}` is given twice")));
        }
        Ok(())
    }
}

const KNOWN: &str = "use queue, region, endpoint, dynamodb_endpoint, sqs_endpoint";

fn is_table(name: &str) -> bool {
    (3..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

fn is_region(name: &str) -> bool {
    let fit = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (1..=32).contains(&name.len()) && fit
}

fn is_http(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
}

/// The region in `https://sqs.<region>.amazonaws.com/…`; the URL of a stand-in has none.
fn region_of(queue: &str) -> Option<&str> {
    let host = queue.split_once("://")?.1.split('/').next()?;
    let rest = host.strip_prefix("sqs-fips.").or_else(|| host.strip_prefix("sqs."))?;
    let (region, domain) = rest.split_once('.')?;
    let ours = matches!(domain, "amazonaws.com" | "amazonaws.com.cn" | "api.aws");
    (ours && is_region(region)).then_some(region)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let hex = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        rest = rest.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

/// The text in a form that can be printed, cut to a limit.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

fn refused(why: &str) -> StoreError {
    StoreError::Refused(format!("the aws URL is not usable: {why}").into())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "aws://{}", self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/pssp-test";

    #[test]
    fn urls_are_parsed() {
        let plain = Target::parse(&format!("aws://pssp-test?queue={QUEUE}")).unwrap();
        assert_eq!((plain.table.as_str(), plain.region.as_deref()), ("pssp-test", Some("eu-west-1")));
        assert_eq!((plain.queue.as_str(), plain.queue_name()), (QUEUE, "pssp-test"));
        let local = "aws://jobs?queue=http%3A%2F%2F127.0.0.1%3A9324%2F0%2Fjobs&region=us-east-1\
                     &endpoint=http://127.0.0.1:4566&sqs_endpoint=http://127.0.0.1:9324";
        let local = Target::parse(local).unwrap();
        assert_eq!(local.queue, "http://127.0.0.1:9324/0/jobs");
        assert_eq!(local.dynamodb_endpoint.as_deref(), Some("http://127.0.0.1:4566"));
        assert_eq!(local.sqs_endpoint.as_deref(), Some("http://127.0.0.1:9324"));
        let bare = Target::parse("aws://jobs?queue=http://localhost:1/0/q").unwrap();
        assert_eq!((bare.region, bare.dynamodb_endpoint), (None, None));
    }

    #[test]
    fn refusals_name_the_parameter() {
        for (url, said) in [
            ("aws://jobs", "`queue` is missing"),
            ("aws:jobs?queue=http://h/q", "expected aws://<table>"),
            ("aws://?queue=http://h/q", "a table's name"),
            ("aws://a b c?queue=http://h/q", "a table's name"),
            ("aws://jobs?queue=pssp-test", "`queue` must be an http://"),
            ("aws://jobs?queue=http://h/q&regoin=eu-west-1", "`regoin` is no parameter"),
            ("aws://jobs?queue=http://h/q&region=Ireland", "`region` must be such as"),
            ("aws://jobs?queue=http://h/q&region=", "`region` must be such as"),
            ("aws://jobs?queue=http://h/q&endpoint=localhost:1", "`endpoint` must be an http://"),
            ("aws://jobs?queue=http://h/q&queue=http://h/r", "`queue` is given twice"),
            ("aws://jobs?queue=http%3", "`queue` is badly percent-encoded"),
        ] {
            let text = Target::parse(url).unwrap_err().to_string();
            assert!(text.contains(said), "{url}: {text}");
        }
        let text =
            Target::parse(&format!("aws://jobs?region=us-east-1&queue={QUEUE}")).unwrap_err().to_string();
        assert!(text.contains("`region` is us-east-1 and the queue is in eu-west-1"), "{text}");
    }
}
