//! What a running command prints, as far as it says how far it is.

use super::style::clean_line;
use crate::size;

/// What a terminal would show of a line in the end: without colour, and behind its last carriage return. The meter of a
/// base backup is put into words.
pub(super) fn last_part(line: &str) -> String {
    let plain = console::strip_ansi_codes(line);
    let last = plain.split('\r').rfind(|part| !part.trim().is_empty());
    let last = last.unwrap_or_default().trim();
    base_backup(last).unwrap_or_else(|| clean_line(last))
}

/// `12345/45678 kB (27%), 0/1 tablespace`, as `pg_basebackup --progress` prints it.
fn base_backup(line: &str) -> Option<String> {
    let (done, rest) = line.split_once('/')?;
    let (total, rest) = rest.split_once(" kB (")?;
    let (percent, rest) = rest.split_once("%)")?;
    rest.contains("tablespace").then_some(())?;
    let kilobytes = |text: &str| text.trim().parse::<u64>().ok()?.checked_mul(1024);
    let (done, total) = (kilobytes(done)?, kilobytes(total)?);
    let percent = percent.trim().parse::<usize>().ok()?.min(100);
    let full = percent / 5;
    Some(format!(
        "[{}{}] {percent:>3} %, {} of {}",
        "#".repeat(full),
        "-".repeat(20 - full),
        size::bytes(done),
        size::bytes(total)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_backup_shows_how_far_it_is() {
        assert_eq!(
            last_part("  12288/ 45056 kB (27%), 0/1 tablespace (...15/main/base/1/2608)"),
            "[#####---------------]  27 %, 12 MiB of 44 MiB"
        );
        assert_eq!(
            last_part("45056/45056 kB (100%), 1/1 tablespace"),
            "[####################] 100 %, 44 MiB of 44 MiB"
        );
    }

    #[test]
    fn anything_else_is_its_last_part() {
        assert_eq!(last_part("\u{1b}[1m0 %\r7 %\u{1b}[0m\r"), "7 %");
        assert_eq!(
            last_part("1/2 kB (x%) tablespace"),
            "1/2 kB (x%) tablespace"
        );
    }
}
