//! How pgha's own sessions are. What a site, a database or a role sets must not end them, translate what they say, keep them
//! waiting for a standby that is yet to follow, or look for functions elsewhere.
//!
//! Every way in has it from this table: the psql of scripts ([`shell`], before they begin), that of programs on hosts
//! (`$session` in `host.conf`), and whatever logs in as a role of pgha's, such as repmgr and repmgrd (the roles' own settings).

use std::fmt::Write as _;

use crate::shell::quote;

/// Name, value, and the first major version that knows it. All others refuse it, as an option also at login.
const SETTINGS: [(&str, &str, u16); 9] = [
    ("statement_timeout", "0", 0),
    ("lock_timeout", "0", 0),
    ("idle_in_transaction_session_timeout", "0", 0),
    ("idle_session_timeout", "0", 14),
    ("transaction_timeout", "0", 17),
    ("lc_messages", "C", 0),
    ("client_min_messages", "error", 0),
    ("synchronous_commit", "local", 0),
    ("search_path", "pg_catalog", 0),
];

/// The settings that servers of this major version know, with their values.
pub fn settings(version: u16) -> impl Iterator<Item = (&'static str, &'static str)> {
    let known = SETTINGS
        .iter()
        .filter(move |(_, _, since)| *since <= version);
    known.map(|(name, value, _)| (*name, *value))
}

/// The same as `PGOPTIONS` has it. Only a superuser may log in with it, because of `lc_messages`.
pub fn options(version: u16) -> String {
    let options = settings(version).map(|(name, value)| format!("-c {name}={value}"));
    options.collect::<Vec<_>>().join(" ")
}

/// The shell function `own_psql SECONDS PORT ARGUMENT…`: psql as postgres over the local socket, in such a session; for
/// scripts that begin with [`PRELUDE`](crate::shell::PRELUDE). It ends after so many seconds; 0: it does not.
pub fn shell() -> String {
    let mut body = String::new();
    for (name, value, since) in SETTINGS {
        let condition = match since {
            0 => String::new(),
            since => format!("[ \"$1\" -lt {since} ] || "),
        };
        writeln!(body, "{condition}printf '%s ' '-c {name}={value}'").expect("text is written");
    }
    let inner = format!(
        "session() {{\n{body}}}\n{}",
        include_str!("../shell/psql.sh")
    );
    format!(
        "own_psql() {{\nas postgres sh -c {} sh \"$@\"\n}}\n",
        quote(&inner)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_release_has_what_it_knows() {
        let names = |version| {
            settings(version)
                .map(|(name, _)| name)
                .collect::<BTreeSet<_>>()
        };
        let late = |version| {
            ["idle_session_timeout", "transaction_timeout"]
                .map(|name| names(version).contains(name))
        };
        assert_eq!(late(13), [false, false]);
        assert_eq!(late(15), [true, false]);
        assert_eq!(late(17), [true, true]);
        assert!(options(13).starts_with("-c statement_timeout=0 -c lock_timeout=0 "));
    }
}
