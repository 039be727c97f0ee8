//! Values of settings, compared as PostgreSQL reads them
//! (<https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-NAMES-VALUES>).

use std::collections::BTreeMap;

/// Settings that a standby must hold at least as high as its primary
/// (<https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-ADMIN>).
pub const HOT_STANDBY: [&str; 5] = [
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_wal_senders",
    "max_worker_processes",
];

/// How `pg_controldata` names what the primary had of a setting of [`HOT_STANDBY`] when it wrote the WAL that a standby
/// has replayed: a standby does not start with less.
pub fn in_control_file(name: &str) -> Option<&'static str> {
    Some(match name {
        "max_connections" => "max_connections setting",
        "max_locks_per_transaction" => "max_locks_per_xact setting",
        "max_prepared_transactions" => "max_prepared_xacts setting",
        "max_wal_senders" => "max_wal_senders setting",
        "max_worker_processes" => "max_worker_processes setting",
        _ => return None,
    })
}

/// Reads `name = value` lines as `postgresql.conf` has them; the last of two wins.
///
/// # Errors
/// The first line that is none.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut settings = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or(line)?;
        let value = value.trim();
        let value = match value.strip_prefix('\'') {
            Some(quoted) => quoted
                .strip_suffix('\'')
                .ok_or(line)?
                .replace("''", "'")
                .replace(r"\\", r"\"),
            None => value.to_owned(),
        };
        settings.insert(name.trim().to_ascii_lowercase(), value);
    }
    Ok(settings)
}

/// Whether `written`, as it stands in a file, is the running value `raw` of the setting `name`, in multiples of `unit`, of type
/// `vartype` (the columns of `pg_settings`).
pub fn same(name: &str, written: &str, raw: &str, unit: Option<&str>, vartype: &str) -> bool {
    if written == raw || derived(name, written, unit) {
        return true;
    }
    match vartype {
        "bool" => boolean(written.trim()).is_some_and(|value| Some(value) == boolean(raw)),
        "integer" | "real" => match (number(written.trim(), unit), number(raw, None)) {
            (Some(wanted), Some(raw)) if vartype == "integer" => (wanted.round() - raw).abs() < 0.5,
            (Some(wanted), Some(raw)) => (wanted - raw).abs() <= raw.abs() * 1e-6,
            _ => false,
        },
        "enum" => word(name, written) == word(name, raw),
        _ => text(name, written) == text(name, raw),
    }
}

/// Whether two texts, as they stand in files, give the same value.
pub fn alike(name: &str, one: &str, other: &str, unit: Option<&str>, vartype: &str) -> bool {
    one == other
        || match number(other, unit) {
            Some(raw) if matches!(vartype, "integer" | "real") => {
                number(one, unit).is_some_and(|one| (one - raw).abs() <= raw.abs() * 1e-6)
            }
            _ => same(name, one, other, unit, vartype),
        }
}

/// Whether a value stands for one that the server finds for itself when it starts, and shows in its place.
fn derived(name: &str, written: &str, unit: Option<&str>) -> bool {
    let stands_for_it = match name {
        "wal_buffers" | "autovacuum_worker_slots" => -1.0,
        "commit_timestamp_buffers" | "subtransaction_buffers" | "transaction_buffers" => 0.0,
        _ => return false,
    };
    number(written.trim(), unit).is_some_and(|number| (number - stands_for_it).abs() < 0.1)
}

/// One word of an enum as the server shows it: in lower case, words for yes and no alike, and old words as what they mean now
/// (`config_enum_entry` in guc_tables.c; those marked hidden there are read and never shown).
fn word(name: &str, value: &str) -> String {
    let value = value.trim().to_ascii_lowercase();
    match (name, value.as_str()) {
        ("wal_level", "archive" | "hot_standby") => return "replica".to_owned(),
        ("client_min_messages" | "log_min_messages" | "log_min_error_statement", "debug") => {
            return "debug2".to_owned();
        }
        ("wal_compression", "on" | "true" | "yes" | "1") => return "pglz".to_owned(),
        ("password_encryption", "on" | "true" | "yes" | "1") => return "md5".to_owned(),
        _ => {}
    }
    match boolean(&value) {
        // A beginning of a word is a word of its own here: `t`.
        Some(true) if matches!(value.as_str(), "true" | "yes" | "on" | "1") => "on".to_owned(),
        Some(false) if matches!(value.as_str(), "false" | "no" | "off" | "0") => "off".to_owned(),
        _ => value,
    }
}

/// Lists whose blanks around commas, and whose quotes around plain names, mean nothing (`GUC_LIST_INPUT` in guc_tables.c).
const LISTS: [&str; 16] = [
    "createrole_self_grant",
    "datestyle",
    "debug_io_direct",
    "listen_addresses",
    "local_preload_libraries",
    "log_connections",
    "log_destination",
    "restrict_nonsystem_relation_kind",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "synchronized_standby_slots",
    "synchronous_standby_names",
    "temp_tablespaces",
    "unix_socket_directories",
    "wal_consistency_checking",
];

/// Texts that PostgreSQL reads in any case, and shows in its own: `iso, mdy` as `ISO, MDY`.
const ANY_CASE: [&str; 4] = ["client_encoding", "datestyle", "log_timezone", "timezone"];

/// A text without what makes no difference to its setting.
fn text(name: &str, value: &str) -> String {
    let mut value = match LISTS.contains(&name) {
        true => {
            let items = value.split(',').map(str::trim);
            items.collect::<Vec<_>>().join(",")
        }
        false => value.to_owned(),
    };
    if ANY_CASE.contains(&name) {
        value.make_ascii_lowercase();
    }
    match (name, value.as_str()) {
        ("client_encoding", "utf-8" | "unicode") => "utf8".to_owned(),
        ("default_text_search_config", other) => other
            .strip_prefix("pg_catalog.")
            .unwrap_or(other)
            .to_owned(),
        _ => value,
    }
}

/// A number in multiples of `unit`, as `parse_int` and `parse_real` of guc.c read it (`0x64`, `0144`, `1e3`); `None` if it is none.
fn number(written: &str, unit: Option<&str>) -> Option<f64> {
    let (negative, digits) = match written.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, written.strip_prefix('+').unwrap_or(written)),
    };
    let (value, suffix) = whole(digits).or_else(|| fraction(digits))?;
    let value = if negative { -value } else { value };
    let suffix = suffix.trim();
    if suffix.is_empty() {
        return Some(value);
    }
    let (size, kind) = factor(suffix)?;
    let (unit_size, unit_kind) = factor(unit?)?;
    (kind == unit_kind).then(|| value * size / unit_size)
}

/// A number in hexadecimal or octal, and what follows it.
fn whole(text: &str) -> Option<(f64, &str)> {
    let (digits, radix) = match text.get(..2)? {
        "0x" | "0X" => (&text[2..], 16),
        two if two.starts_with('0') && two.as_bytes()[1].is_ascii_digit() => (&text[1..], 8),
        _ => return None,
    };
    let end = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    // It is a fraction after all: `00.5`.
    if digits[end..].starts_with(['.', '8', '9']) {
        return None;
    }
    let value = u32::from_str_radix(&digits[..end], radix).ok()?;
    Some((f64::from(value), &digits[end..]))
}

/// A decimal number, with fraction and exponent if need be, and what follows it.
fn fraction(text: &str) -> Option<(f64, &str)> {
    let plain = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let exponent = text[plain..].strip_prefix(['e', 'E']).map(|rest| {
        let sign = usize::from(rest.starts_with(['-', '+']));
        let digits = rest[sign..]
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest[sign..].len());
        (digits > 0).then_some(plain + 1 + sign + digits)
    });
    let end = exponent.flatten().unwrap_or(plain);
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// A value of `pg_settings` in multiples of `unit` as one would write it in a file.
pub fn with_unit(raw: &str, unit: Option<&str>) -> String {
    let unit = unit.unwrap_or_default();
    let start = unit.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    match raw.parse::<i64>() {
        Ok(value) if value > 0 => {
            format!(
                "{}{}",
                value * unit[..start].parse().unwrap_or(1),
                &unit[start..]
            )
        }
        _ => raw.to_owned(),
    }
}

/// A unit, also with a count before it (`8kB`), in bytes or milliseconds.
fn factor(unit: &str) -> Option<(f64, char)> {
    let start = unit.find(|c: char| !c.is_ascii_digit())?;
    let count: f64 = if start == 0 {
        1.0
    } else {
        unit[..start].parse().ok()?
    };
    let (size, kind) = match &unit[start..] {
        "B" => (1.0, 'b'),
        "kB" => (1024.0, 'b'),
        "MB" => (1024.0 * 1024.0, 'b'),
        "GB" => (1024.0 * 1024.0 * 1024.0, 'b'),
        "TB" => (1024.0 * 1024.0 * 1024.0 * 1024.0, 'b'),
        "us" => (0.001, 't'),
        "ms" => (1.0, 't'),
        "s" => (1000.0, 't'),
        "min" => (60_000.0, 't'),
        "h" => (3_600_000.0, 't'),
        "d" => (86_400_000.0, 't'),
        _ => return None,
    };
    Some((count * size, kind))
}

/// What PostgreSQL takes for a boolean, unambiguous prefixes included.
fn boolean(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let is_prefix = |of: &str, least: usize| text.len() >= least && of.starts_with(&text);
    if is_prefix("true", 1) || is_prefix("yes", 1) || text == "on" || text == "1" {
        Some(true)
    } else if is_prefix("false", 1) || is_prefix("no", 1) || is_prefix("off", 2) || text == "0" {
        Some(false)
    } else {
        None
    }
}

/// The larger of two whole numbers as they are written.
pub fn larger<'a>(left: &'a str, right: &'a str) -> &'a str {
    match (left.trim().parse::<i64>(), right.trim().parse::<i64>()) {
        (Ok(a), Ok(b)) if b > a => right,
        _ => left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_converted() {
        assert!(same("x", "128MB", "16384", Some("8kB"), "integer"));
        assert!(same("x", "16384", "16384", Some("8kB"), "integer"));
        assert!(same("x", "1min", "60000", Some("ms"), "integer"));
        assert!(same("x", "1GB", "64", Some("16MB"), "integer"));
        assert!(!same("x", "1GB", "1024", Some("ms"), "integer"));
        assert!(same("x", "0.9", "0.9", None, "real"));
        assert!(!same("x", "2", "3", None, "integer"));
        assert!(same("max_connections", "0x64", "100", None, "integer"));
        assert!(same(
            "unix_socket_permissions",
            "0777",
            "0777",
            None,
            "integer"
        ));
        assert!(same(
            "unix_socket_permissions",
            "511",
            "0777",
            None,
            "integer"
        ));
        assert!(same("cursor_tuple_fraction", "1e-1", "0.1", None, "real"));
        assert!(same("wal_buffers", "-1", "512", Some("8kB"), "integer"));
        assert!(!same(
            "autovacuum_work_mem",
            "-1",
            "512",
            Some("kB"),
            "integer"
        ));
        assert!(same("work_mem", "1.5 MB", "1536", Some("kB"), "integer"));
        assert!(alike("x", "1s", "1000", Some("ms"), "integer"));
        assert!(alike("x", "16MB", "16384kB", Some("kB"), "integer"));
        assert!(!alike("x", "1s", "2s", Some("ms"), "integer"));
        assert_eq!(with_unit("16384", Some("8kB")), "131072kB");
        assert_eq!(with_unit("-1", Some("ms")), "-1");
        assert_eq!(with_unit("8", None), "8");
    }

    #[test]
    fn words_are_read_as_postgresql_reads_them() {
        assert!(same("x", "TRUE", "on", None, "bool"));
        assert!(!same("x", "of", "on", None, "bool"));
        assert!(same("x", "Replica", "replica", None, "enum"));
        let text = |name, one, other| same(name, one, other, None, "string");
        assert!(text("shared_preload_libraries", "repmgr, a", "repmgr,a"));
        assert!(!text("archive_command", "echo a, b", "echo a,b"));
        assert!(!text("log_line_prefix", "%m ", "%m"));
        assert!(text("datestyle", "iso, mdy", "ISO, MDY"));
        assert!(text(
            "default_text_search_config",
            "english",
            "pg_catalog.english"
        ));
        let word = |name, one, other| same(name, one, other, None, "enum");
        assert!(word("archive_mode", "yes", "on"));
        assert!(word("huge_pages", "TRUE", "on"));
        assert!(!word("huge_pages", "try", "on"));
        assert!(word("wal_level", "hot_standby", "replica"));
        assert!(!word("wal_level", "minimal", "replica"));
        assert!(word("wal_compression", "on", "pglz"));
        assert!(word("log_min_messages", "debug", "debug2"));
        assert_eq!(larger("100", "200"), "200");
        assert_eq!(larger("300", "200"), "300");
    }
}
