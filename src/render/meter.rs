//! What a running command prints, as far as it says how far it is.

use std::time::Duration;

use super::style::clean_line;
use crate::size;

/// What a terminal would show of a line in the end: without colour, and behind its last carriage return. The meter of a
/// base backup is put into words, with its rate and what is left of it after so much time.
pub(super) fn last_part(line: &str, elapsed: Duration) -> String {
    let plain = console::strip_ansi_codes(line);
    let last = plain.split('\r').rfind(|part| !part.trim().is_empty());
    let last = last.unwrap_or_default().trim();
    base_backup(last, elapsed).unwrap_or_else(|| clean_line(last))
}

/// `12345/45678 kB (27%), 0/1 tablespace`, as `pg_basebackup --progress` prints it.
fn base_backup(line: &str, elapsed: Duration) -> Option<String> {
    let (done, rest) = line.split_once('/')?;
    let (total, rest) = rest.split_once(" kB (")?;
    let (percent, rest) = rest.split_once("%)")?;
    rest.contains("tablespace").then_some(())?;
    let kilobytes = |text: &str| text.trim().parse::<u64>().ok()?.checked_mul(1024);
    let (done, total) = (kilobytes(done)?, kilobytes(total)?);
    let percent = percent.trim().parse::<usize>().ok()?.min(100);
    let full = percent / 5;
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let rate = done.saturating_mul(1000).checked_div(milliseconds);
    let pace = rate.filter(|rate| *rate > 0).map(|rate| {
        let left = total.saturating_sub(done).saturating_mul(1000) / rate;
        format!(", {}/s, {} left", size::bytes(rate), size::duration(left))
    });
    Some(format!(
        "[{}{}] {percent:>3} %, {} of {}{}",
        "#".repeat(full),
        "-".repeat(20 - full),
        size::bytes(done),
        size::bytes(total),
        pace.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_backup_shows_how_far_it_is() {
        assert_eq!(
            last_part(
                "  12288/ 45056 kB (27%), 0/1 tablespace (...15/main/base/1/2608)",
                Duration::from_secs(3)
            ),
            "[#####---------------]  27 %, 12 MiB of 44 MiB, 4 MiB/s, 8.00 s left"
        );
        assert_eq!(
            last_part("45056/45056 kB (100%), 1/1 tablespace", Duration::ZERO),
            "[####################] 100 %, 44 MiB of 44 MiB",
            "no time has passed"
        );
        assert_eq!(
            last_part("0/45056 kB (0%), 0/1 tablespace", Duration::from_secs(1)),
            "[--------------------]   0 %, 0 B of 44 MiB",
            "nothing has arrived yet"
        );
    }

    #[test]
    fn anything_else_is_its_last_part() {
        assert_eq!(
            last_part("\u{1b}[1m0 %\r7 %\u{1b}[0m\r", Duration::ZERO),
            "7 %"
        );
        assert_eq!(
            last_part("1/2 kB (x%) tablespace", Duration::ZERO),
            "1/2 kB (x%) tablespace"
        );
    }
}
