//! This release reads the data of earlier releases in a Redis and completes their jobs. It also reads records
//! with unknown fields, as a later release may write them: during a rolling update both releases run at once.

use std::sync::Arc;

use pssp_jobs::Backend;
use pssp_jobs::contract::upgrade;

use crate::dump::{connect, dump, load};
use crate::server::{Server, open_at};

/// Files from `examples/fixture.rs`, each written by its release. The last file is from the present code.
const RELEASES: &[(&str, &str)] = &[
    ("0.1.0", include_str!("../fixtures/0.1.0.jsonl")),
    ("0.1.0, with a reused result", include_str!("../fixtures/0.1.0-reuse.jsonl")),
    ("unreleased", include_str!("../fixtures/unreleased.jsonl")),
];

async fn check_fixture(left: &str) {
    let server = Server::start("no", &[]);
    let url = server.url("fixture");
    load(&mut connect(&url).await, left).await;
    let clock = Arc::new(upgrade::clock());
    let jobs = upgrade::jobs(Backend::of(open_at(&url, clock.clone()).await), clock.clone());
    upgrade::read(&jobs, &clock).await;
}

/// The same text with one more field in every JSON object that is a value or follows the fence of a status.
fn with_unknown_fields(left: &str) -> String {
    let mut touched = 0;
    let mut grown = |word: String| match word.find('{') {
        Some(at) if word.ends_with('}') && (at == 0 || word[..at].ends_with(' ')) => {
            touched += 1;
            format!("{}{{\"of_later\":{{\"a\":[1]}},{}", &word[..at], &word[at + 1..])
        }
        _ => word,
    };
    let mut lines = String::new();
    for line in left.lines() {
        let words: Vec<String> = serde_json::from_str(line).unwrap();
        let words: Vec<String> = words.into_iter().map(&mut grown).collect();
        lines.push_str(&serde_json::to_string(&words).unwrap());
        lines.push('\n');
    }
    assert_eq!(touched, 10 * 3 + 3, "head, status, request of ten jobs, the batch, the letter, the notice");
    lines
}

#[tokio::test]
async fn data_of_earlier_releases_is_read_and_completed() {
    for (release, left) in RELEASES {
        println!("{release}");
        check_fixture(left).await;
    }
}

#[tokio::test]
async fn fields_that_a_later_release_adds_are_skipped() {
    let (_, latest) = RELEASES.last().unwrap();
    check_fixture(&with_unknown_fields(latest)).await;
}

/// Fails when the stored form changes but no file has the new form: add a file and keep the old ones.
#[tokio::test]
async fn the_latest_file_has_the_present_form() {
    let server = Server::start("no", &[]);
    let url = server.url("fixture");
    let clock = Arc::new(upgrade::clock());
    upgrade::write(&upgrade::jobs(Backend::of(open_at(&url, clock.clone()).await), clock)).await;
    let today = dump(&mut connect(&url).await).await;
    let (_, latest) = RELEASES.last().unwrap();
    assert_eq!(form(&today), form(latest));
}

/// The kinds of keys and names of fields, without what differs between runs.
fn form(left: &str) -> Vec<String> {
    let mut forms: Vec<String> = left.lines().map(|line| words_of(line).join(" ")).collect();
    forms.sort_unstable();
    forms
}

/// The words of a line without ids and numbers, sorted because a hash has no order.
fn words_of(line: &str) -> Vec<&str> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut words: Vec<&str> =
        words.filter(|word| !word.contains(|c: char| c.is_ascii_digit()) && !is_hex(word)).collect();
    words.sort_unstable();
    words
}

fn is_hex(word: &str) -> bool {
    word.is_empty() || word.bytes().all(|byte| byte.is_ascii_hexdigit())
}
