//! The settings of pgbouncer and of repmgr: their names and kinds, by version. PostgreSQL tells its own (`pg_settings`).
//!
//! What is refused here is refused before any host is asked. What only the program itself can tell, it tells in a trial.

mod file;
mod kind;
mod own;

use std::sync::LazyLock;

pub use file::read;
pub use kind::Kind;
pub use own::{Map, fixed};

use crate::problem::{Problem, did_you_mean};

/// A program whose settings are known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Pgbouncer,
    Repmgr,
}

/// A version, as far as it matters to names: `1.18`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16);

/// One setting that a program knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub name: &'static str,
    pub kind: Kind,
    /// The first version that has it, of those that pgha knows.
    pub since: Version,
}

impl Version {
    /// Reads the beginning of a package's version: `1.18.0-1+deb12u1`; `None` where it begins otherwise.
    pub fn of_package(text: &str) -> Option<Self> {
        let text = text.split_once(':').map_or(text, |(_, rest)| rest);
        let mut parts = text.split(|c: char| !c.is_ascii_digit());
        Some(Self(
            parts.next()?.parse().ok()?,
            parts.next()?.parse().ok()?,
        ))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Program {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pgbouncer => "pgbouncer",
            Self::Repmgr => "repmgr",
        }
    }

    /// The last version whose settings are known: of a later one only the program itself can tell.
    pub fn newest(self) -> Version {
        match self {
            Self::Pgbouncer => Version(1, 25),
            Self::Repmgr => Version(5, 5),
        }
    }

    /// Every setting that it knows.
    pub fn settings(self) -> &'static [Known] {
        static PGBOUNCER: LazyLock<Vec<Known>> =
            LazyLock::new(|| table(include_str!("pgbouncer.txt")));
        static REPMGR: LazyLock<Vec<Known>> = LazyLock::new(|| table(include_str!("repmgr.txt")));
        match self {
            Self::Pgbouncer => &PGBOUNCER,
            Self::Repmgr => &REPMGR,
        }
    }

    pub fn setting(self, name: &str) -> Option<&'static Known> {
        self.settings().iter().find(|known| known.name == name)
    }

    /// Whether two values of a setting, as they are written or shown, are the same. Of a name that is not known, the text.
    pub fn same(self, name: &str, one: &str, other: &str) -> bool {
        one == other
            || self
                .setting(name)
                .is_some_and(|known| known.kind.same(one, other))
    }

    /// Refuses a name that the program does not have, in `version` where that is known, and a value that it cannot read.
    ///
    /// # Errors
    /// What is wrong, and what to write; without a place.
    pub fn check(self, name: &str, value: &str, version: Option<Version>) -> Result<(), Problem> {
        let is_newer = version.is_some_and(|version| version > self.newest());
        let Some(known) = self.setting(name) else {
            if is_newer {
                return Ok(());
            }
            // With a version it is about a host, and not about what was written.
            let of = version.map_or_else(String::new, |version| format!(" {version}"));
            let what = format!(
                "{}{of} has no setting `{}`",
                self.name(),
                name.escape_debug()
            );
            let problem = match version {
                Some(_) => Problem::refused(what),
                None => Problem::input(what),
            };
            let names = self.settings().iter().map(|known| known.name);
            return Err(match did_you_mean(name, names) {
                Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                None => problem.hint(format!(
                    "no version up to {} has it; look for it in {}'s documentation",
                    self.newest(),
                    self.name()
                )),
            });
        };
        if let Some(version) = version
            && version < known.since
        {
            return Err(Problem::refused(format!(
                "{} {version} has no setting `{name}`",
                self.name()
            ))
            .hint(format!("it came with {}; remove it", known.since)));
        }
        match known.kind.fault(value) {
            None => Ok(()),
            Some(expected) => Err(Problem::input(format!(
                "`{}` is no value of {}'s `{name}`",
                value.escape_debug(),
                self.name()
            ))
            .hint(format!("it takes {expected}"))),
        }
    }
}

/// Reads lines of `NAME KIND SINCE`.
fn table(text: &'static str) -> Vec<Known> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split(' ');
            let mut word = || words.next().expect("a line has three words");
            let (name, kind, since) = (word(), word(), word());
            Known {
                name,
                kind: Kind::parse(kind).expect("the table names kinds"),
                since: Version::of_package(since).expect("the table names versions"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_can_be_read() {
        assert!(Program::Pgbouncer.settings().len() > 90);
        assert!(Program::Repmgr.settings().len() > 80);
        assert_eq!(
            Version::of_package("1:1.18.0-1+deb12u1"),
            Some(Version(1, 18))
        );
        assert_eq!(Version::of_package("planned"), None);
    }

    #[test]
    fn names_values_and_versions_are_told_apart() {
        let pgbouncer = |name, value, version| Program::Pgbouncer.check(name, value, version);
        for (name, value) in [
            ("log_connections", "0"),
            ("pool_mode", "Transaction"),
            ("server_login_retry", "0.2"),
            ("unix_socket_mode", "0770"),
            ("max_client_conn", "5000"),
            ("server_reset_query", ""),
        ] {
            assert_eq!(pgbouncer(name, value, None), Ok(()), "{name} {value}");
        }
        for (name, value) in [
            ("log_connections", "off"),
            ("max_clients", "5"),
            ("pool_mode", "transactional"),
            ("server_login_retry", "5s"),
            ("query_timeout", "-1"),
            ("default_pool_size", "-4"),
            ("max_client_conn", "99999999999"),
            ("max_client_conn", "0"),
            ("unix_socket_mode", "0999"),
            ("peer_id", "20000"),
        ] {
            assert!(pgbouncer(name, value, None).is_err(), "{name} {value}");
        }
        let prepared = |version| pgbouncer("max_prepared_statements", "100", version);
        assert!(prepared(Some(Version(1, 18))).is_err());
        assert_eq!(prepared(Some(Version(1, 24))), Ok(()));
        assert_eq!(
            pgbouncer("of_tomorrow", "1", Some(Version(1, 99))),
            Ok(()),
            "only the program can tell"
        );
        let repmgr = |name, value| Program::Repmgr.check(name, value, None);
        assert_eq!(repmgr("failover", "manual"), Ok(()));
        assert_eq!(repmgr("monitoring_history", "Yes"), Ok(()));
        assert_eq!(repmgr("degraded_monitoring_timeout", "-1"), Ok(()));
        for (name, value) in [
            ("failover", "auto"),
            ("reconnect_interval", "5s"),
            ("promote_check_timeout", "0"),
            ("monitoring_history", "maybe"),
            ("priorty", "1"),
        ] {
            assert!(repmgr(name, value).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn the_same_in_other_words() {
        let same = |name, one, other| Program::Pgbouncer.same(name, one, other);
        assert!(same("query_timeout", "5.0", "5"));
        assert!(same("pool_mode", "TRANSACTION", "transaction"));
        assert!(same("unix_socket_mode", "0777", "777"));
        assert!(same("max_client_conn", "0x64", "100"));
        assert!(!same("max_client_conn", "100", "1000"));
        assert!(!same("logfile", "/a", "/A"));
        assert!(Program::Repmgr.same("monitoring_history", "no", "False"));
    }
}
