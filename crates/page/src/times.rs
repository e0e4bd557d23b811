//! Times as people read them.

use std::time::Duration;

use pssp_jobs::Timestamp;

/// The element `time`, in UTC. The script of the page writes the time of the reader's clock instead.
pub(crate) fn element(at: Timestamp) -> String {
    format!("<time datetime=\"{at}\">{} UTC</time>", day_and_minute(at))
}

fn day_and_minute(at: Timestamp) -> String {
    let civil = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    civil.strftime("%-d %b %Y, %H:%M").to_string()
}

/// A day, as in a citation: `26 Nov 2026`.
pub(crate) fn day(at: Timestamp) -> String {
    let text = day_and_minute(at);
    text.split(',').next().unwrap_or_default().to_owned()
}

/// A length of time in its two largest units: `6 days 23 h`, `4 min 10 s`, `42 ms`.
#[must_use]
pub(crate) fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let plural = if days == 1 { "" } else { "s" };
    match (days, hours, minutes) {
        (0, 0, 0) if seconds == 0 => format!("{} ms", time.as_millis()),
        (0, 0, 0) if seconds < 10 => format!("{:.1} s", time.as_secs_f64()),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => joined(format!("{minutes} min"), seconds % 60, "s"),
        (0, ..) => joined(format!("{hours} h"), minutes, "min"),
        _ => joined(format!("{days} day{plural}"), hours, "h"),
    }
}

fn joined(first: String, rest: u64, unit: &str) -> String {
    if rest == 0 { first } else { format!("{first} {rest} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units() {
        for (ms, text) in [
            (0, "0 ms"),
            (42, "42 ms"),
            (1_420, "1.4 s"),
            (12_000, "12 s"),
            (60_000, "1 min"),
            (250_000, "4 min 10 s"),
            (3_660_000, "1 h 1 min"),
            (86_400_000, "1 day"),
            (604_700_000, "6 days 23 h"),
        ] {
            assert_eq!(length(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn moments_are_in_utc() {
        let at = Timestamp::from_millis(1_764_111_007_250);
        assert_eq!(element(at), "<time datetime=\"2025-11-25T22:50:07.250Z\">25 Nov 2025, 22:50 UTC</time>");
        assert_eq!(day(at), "25 Nov 2025");
    }
}
