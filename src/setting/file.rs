//! Configuration files of pgbouncer and repmgr, as those programs read them.

use std::collections::BTreeMap;

use super::Program;

/// The settings of a file, the last of two of one name. Of pgbouncer's only the section `[pgbouncer]`, which begins anew where
/// it comes again: it forgets what an earlier one said (tried with 1.15 to 1.24).
pub fn read(program: Program, text: &str) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut is_inside = program == Program::Repmgr;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';', '%']) {
            continue;
        }
        if program == Program::Pgbouncer && line.starts_with('[') {
            is_inside = line.to_ascii_lowercase().starts_with("[pgbouncer]");
            if is_inside {
                settings.clear();
            }
            continue;
        }
        if let Some((name, value)) = line.split_once('=').filter(|_| is_inside) {
            settings.insert(name.trim().to_owned(), text_of(program, value.trim()));
        }
    }
    settings
}

/// A value without repmgr's quotes.
fn text_of(program: Program, value: &str) -> String {
    let quoted = value
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
        .filter(|_| program == Program::Repmgr);
    quoted.map_or_else(|| value.to_owned(), |inner| inner.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_its_program_reads_it() {
        let ini = "%include /x\n[databases]\na = host=b\n[pgbouncer]\n; c\npool_mode = session\nmax_client_conn=1\n[PgBouncer]\npool_mode = transaction\n";
        let expected = [("pool_mode", "transaction")];
        let owned = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        assert_eq!(read(Program::Pgbouncer, ini), owned(&expected));
        let conf = "# c\nnode_name='it''s'\npriority=4\npriority = 5\n";
        let expected = [("node_name", "it's"), ("priority", "5")];
        assert_eq!(read(Program::Repmgr, conf), owned(&expected));
    }
}
