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

/// Whether `written`, as it stands in a file, is the running value `raw`, in multiples of `unit`, of type `vartype` (the
/// columns of `pg_settings`).
pub fn same(written: &str, raw: &str, unit: Option<&str>, vartype: &str) -> bool {
    let written = written.trim();
    match vartype {
        "bool" => boolean(written).is_some_and(|value| Some(value) == boolean(raw)),
        "integer" | "real" => match (number(written, unit), raw.parse::<f64>()) {
            (Some(wanted), Ok(raw)) if vartype == "integer" => (wanted.round() - raw).abs() < 0.5,
            (Some(wanted), Ok(raw)) => (wanted - raw).abs() <= raw.abs() * 1e-6,
            _ => false,
        },
        "enum" => written.eq_ignore_ascii_case(raw),
        _ => list(written) == list(raw),
    }
}

/// Whether two texts, as they stand in files, give the same value.
pub fn alike(one: &str, other: &str, unit: Option<&str>, vartype: &str) -> bool {
    one == other
        || match number(other, unit) {
            Some(raw) if matches!(vartype, "integer" | "real") => {
                same(one, &raw.to_string(), unit, vartype)
            }
            _ => same(one, other, unit, vartype),
        }
}

/// A number in multiples of `unit`; `None` if it is none.
fn number(written: &str, unit: Option<&str>) -> Option<f64> {
    let end = written
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
        .unwrap_or(written.len());
    let value: f64 = written[..end].parse().ok()?;
    let suffix = written[end..].trim();
    if suffix.is_empty() {
        return Some(value);
    }
    let (size, kind) = factor(suffix)?;
    let (unit_size, unit_kind) = factor(unit?)?;
    (kind == unit_kind).then(|| value * size / unit_size)
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

/// A list without the blanks around its commas.
fn list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).collect()
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
        assert!(same("128MB", "16384", Some("8kB"), "integer"));
        assert!(same("16384", "16384", Some("8kB"), "integer"));
        assert!(same("1min", "60000", Some("ms"), "integer"));
        assert!(same("1GB", "64", Some("16MB"), "integer"));
        assert!(!same("1GB", "1024", Some("ms"), "integer"));
        assert!(same("0.9", "0.9", None, "real"));
        assert!(!same("2", "3", None, "integer"));
        assert!(alike("1s", "1000", Some("ms"), "integer"));
        assert!(alike("16MB", "16384kB", Some("kB"), "integer"));
        assert!(!alike("1s", "2s", Some("ms"), "integer"));
        assert_eq!(with_unit("16384", Some("8kB")), "131072kB");
        assert_eq!(with_unit("-1", Some("ms")), "-1");
        assert_eq!(with_unit("8", None), "8");
    }

    #[test]
    fn words_are_read_as_postgresql_reads_them() {
        assert!(same("TRUE", "on", None, "bool"));
        assert!(!same("of", "on", None, "bool"));
        assert!(same("Replica", "replica", None, "enum"));
        assert!(same(
            "repmgr, auto_explain",
            "repmgr,auto_explain",
            None,
            "string"
        ));
        assert_eq!(larger("100", "200"), "200");
        assert_eq!(larger("300", "200"), "300");
    }
}
