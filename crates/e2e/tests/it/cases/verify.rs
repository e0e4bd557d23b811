//! The acceptance cases, which `pssp verify` runs too, one test for each group.

use std::time::Duration;

use pssp_client::HttpClient;
use pssp_e2e::Platform;
use pssp_verify::{GROUPS, Probe, Why};

/// How long a job may take until it counts as stuck.
const JOB_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the cases of one group, and deletes their jobs.
fn run(group: &str, platform: &dyn Platform) {
    let client = HttpClient::new(platform.client().url(), None, 0).unwrap();
    let probe = Probe::new(client, JOB_TIMEOUT, Some(env!("CARGO_PKG_VERSION").to_owned()));
    let group = GROUPS.iter().find(|known| known.name == group).unwrap();
    let verdicts = group.checks.iter().map(|check| (check.name, (check.run)(&probe)));
    let mut failed: Vec<String> = verdicts
        .filter_map(|(name, verdict)| match verdict {
            Err(Why::Failed(why)) => Some(format!("\n  {name}: {why}")),
            Err(Why::Skipped(_)) | Ok(()) => None,
        })
        .collect();
    if let Err(why) = probe.clean_up() {
        failed.push(format!("\n  clean-up: {why:?}"));
    }
    assert!(failed.is_empty(), "cases of {} failed:{}", group.name, failed.concat());
}

/// Defines one function for each group, and the list of the groups.
macro_rules! groups {
    ($($group:ident),+) => {
        const NAMES: &[&str] = &[$(stringify!($group)),+];
        $(pub(crate) fn $group(platform: &mut dyn Platform) {
            run(stringify!($group), platform);
        })+
    };
}

groups! { service, keys, classic, jobs, events, results, idempotency, batch, input, problems }

#[test]
fn every_group_is_part_of_the_suite() {
    let groups: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
    assert_eq!(groups, NAMES);
}
