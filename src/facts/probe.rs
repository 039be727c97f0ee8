//! One read-only script that answers everything a plan asks of a host.

use std::collections::{BTreeMap, BTreeSet};

use super::Release;
use super::readiness::{self, Questions};
use super::wal;
use crate::condition::Condition;
use crate::postgres::ident::quote_literal;
use crate::shell::{join, with};

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    Package(String),
    /// Attributes and hash of a path.
    Path(String),
    /// The same, and the content, for a diff. Never asked of a file that holds secrets.
    Content(String),
    User(String),
    Unit(String),
    /// Whether something holds. Asking must change nothing.
    Condition(Condition),
    /// Free bytes where a path is, or would be.
    Free(String),
    /// The mounted filesystems, and what is free on each.
    Filesystems,
    /// The cluster: data directory and server.
    Cluster {
        version: u16,
        data_directory: String,
        port: u16,
        /// Where repmgr keeps its tables.
        repmgr_database: String,
    },
    /// The extensions of one database.
    Extensions(String),
    /// pgbouncer's admin console on this port.
    Pooler(u16),
    /// Whether the host could play its part in a handover.
    Handover(Questions),
    /// What is left of a cluster.
    Remains,
    /// The write-ahead log of the cluster; with its end, or only how it began.
    Wal {
        end: bool,
    },
}

pub type Probes = BTreeSet<Probe>;

/// A part of the probe script: what it prints is read by the parser of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    System,
    Packages,
    Paths,
    Users,
    Units,
    Conditions,
    Free,
    Data,
    Server,
    Pooler,
    Readiness,
    Wal,
    Remains,
}

impl Section {
    const ALL: [Self; 13] = [
        Self::System,
        Self::Packages,
        Self::Paths,
        Self::Users,
        Self::Units,
        Self::Conditions,
        Self::Free,
        Self::Data,
        Self::Server,
        Self::Pooler,
        Self::Readiness,
        Self::Wal,
        Self::Remains,
    ];

    /// Its name in a recording.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Packages => "packages",
            Self::Paths => "paths",
            Self::Users => "users",
            Self::Units => "units",
            Self::Conditions => "conditions",
            Self::Free => "free",
            Self::Data => "data",
            Self::Server => "server",
            Self::Pooler => "pooler",
            Self::Readiness => "readiness",
            Self::Wal => "wal",
            Self::Remains => "remains",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.name() == name)
    }
}

/// The sections of the script, in order, for a host whose release is not known before it answers: each release's own
/// probes stand in a `case`, so one exchange is enough.
pub fn script(by_release: &BTreeMap<Release, Probes>) -> Vec<(Section, String)> {
    Section::ALL
        .into_iter()
        .map(|section| {
            let body = match section {
                Section::System => SYSTEM.to_owned(),
                _ => by_case(section, by_release),
            };
            (section, body)
        })
        .collect()
}

fn by_case(section: Section, by_release: &BTreeMap<Release, Probes>) -> String {
    // Releases with the same body share a branch, so that the script stays small.
    let mut branches: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (release, probes) in by_release {
        let body = body(section, probes);
        if !body.is_empty() {
            branches.entry(body).or_default().push(release.name());
        }
    }
    if branches.is_empty() {
        return ":".to_owned();
    }
    let mut out = "case $pgha_release in\n".to_owned();
    for (body, releases) in branches {
        out.push_str(&format!("{})\n{body}\n;;\n", releases.join("|")));
    }
    out.push_str("esac");
    out
}

const SYSTEM: &str = include_str!("system.sh");

const REMAINS: &str = include_str!("remains.sh");

fn body(section: Section, probes: &Probes) -> String {
    let pick = |choose: fn(&Probe) -> Option<&String>| -> Vec<&String> {
        probes.iter().filter_map(choose).collect()
    };
    match section {
        Section::System => String::new(),
        Section::Packages => {
            let packages = pick(|probe| match probe {
                Probe::Package(name) => Some(name),
                _ => None,
            });
            if packages.is_empty() {
                return String::new();
            }
            format!(
                "dpkg-query -W -f '${{Package}} ${{db:Status-Status}} ${{Version}}\\n' {} 2>/dev/null; :",
                join(packages)
            )
        }
        Section::Paths => paths(probes),
        Section::Users => {
            let users = pick(|probe| match probe {
                Probe::User(name) => Some(name),
                _ => None,
            });
            if users.is_empty() {
                return String::new();
            }
            format!(
                "for user in {}; do id -u \"$user\" >/dev/null 2>&1 && echo \"$user\"; done; :",
                join(users)
            )
        }
        Section::Units => {
            let units = pick(|probe| match probe {
                Probe::Unit(name) => Some(name),
                _ => None,
            });
            if units.is_empty() {
                return String::new();
            }
            with(units, include_str!("units.sh"))
        }
        Section::Conditions => conditions(probes)
            .enumerate()
            .map(|(index, condition)| {
                format!("{} >/dev/null 2>&1 && echo {index}\n:\n", condition.shell())
            })
            .collect(),
        Section::Free => {
            let paths = pick(|probe| match probe {
                Probe::Free(path) => Some(path),
                _ => None,
            });
            let mut out = String::new();
            if !paths.is_empty() {
                out.push_str(&with(paths, include_str!("free.sh")));
            }
            if probes.contains(&Probe::Filesystems) {
                out.push_str(include_str!("filesystems.sh"));
            }
            out
        }
        Section::Data => cluster(probes).map_or_else(String::new, |(version, directory, _, _)| {
            let control = format!("/usr/lib/postgresql/{version}/bin/pg_controldata");
            with([directory, &control], include_str!("data.sh"))
        }),
        Section::Server => {
            let Some((version, directory, port, repmgr)) = cluster(probes) else {
                return String::new();
            };
            let databases: Vec<&str> = probes
                .iter()
                .filter_map(|probe| match probe {
                    Probe::Extensions(database) => Some(database.as_str()),
                    _ => None,
                })
                .collect();
            let pg_isready = format!("/usr/lib/postgresql/{version}/bin/pg_isready");
            let words = [directory, &port.to_string(), &pg_isready];
            server(port, repmgr, &databases) + &with(words, include_str!("instance.sh"))
        }
        Section::Pooler => probes
            .iter()
            .find_map(|probe| match probe {
                Probe::Pooler(port) => Some(with([port.to_string()], include_str!("pooler.sh"))),
                _ => None,
            })
            .unwrap_or_default(),
        Section::Readiness => probes
            .iter()
            .find_map(|probe| match probe {
                Probe::Handover(questions) => Some(readiness::script(questions)),
                _ => None,
            })
            .unwrap_or_default(),
        Section::Remains if probes.contains(&Probe::Remains) => REMAINS.to_owned(),
        Section::Remains => String::new(),
        Section::Wal => {
            let ends = probes.iter().filter_map(|probe| match probe {
                Probe::Wal { end } => Some(*end),
                _ => None,
            });
            match (cluster(probes), ends.max()) {
                (Some((version, directory, port, _)), Some(end)) => {
                    wal::script(version, directory, port, end)
                }
                _ => String::new(),
            }
        }
    }
}

/// The conditions among the probes, in the order in which their answers are numbered.
pub fn conditions(probes: &Probes) -> impl Iterator<Item = &Condition> {
    probes.iter().filter_map(|probe| match probe {
        Probe::Condition(condition) => Some(condition),
        _ => None,
    })
}

fn paths(probes: &Probes) -> String {
    let with_content: BTreeSet<&String> = probes
        .iter()
        .filter_map(|probe| match probe {
            Probe::Content(path) => Some(path),
            _ => None,
        })
        .collect();
    let all: BTreeSet<&String> = probes
        .iter()
        .filter_map(|probe| match probe {
            Probe::Path(path) | Probe::Content(path) => Some(path),
            _ => None,
        })
        .collect();
    if all.is_empty() {
        return String::new();
    }
    let mut out = with(all, include_str!("paths.sh"));
    if !with_content.is_empty() {
        out.push_str(&with(with_content, include_str!("contents.sh")));
    }
    out
}

fn cluster(probes: &Probes) -> Option<(u16, &str, u16, &str)> {
    probes.iter().find_map(|probe| match probe {
        Probe::Cluster {
            version,
            data_directory,
            port,
            repmgr_database,
        } => Some((
            *version,
            data_directory.as_str(),
            *port,
            repmgr_database.as_str(),
        )),
        _ => None,
    })
}

/// What `ask` is: one `psql` session, the cluster's own catalogs from `postgres`, then repmgr's tables and the extensions from
/// the databases that exist.
fn server(port: u16, repmgr: &str, databases: &[&str]) -> String {
    let mut sql = SERVER_SQL.to_owned();
    let mut visit = |database: &str, query: &str| {
        let literal = quote_literal(database);
        sql.push_str(&format!(
            "select exists (select from pg_database where datname = {literal} and datallowconn) as there \\gset\n\\if :there\n\\connect {}\n{query}\n\\endif\n",
            psql_connect(database, port),
        ));
    };
    visit(repmgr, REPMGR_SQL);
    for database in databases {
        visit(database, EXTENSIONS_SQL);
    }
    format!(
        "ask() {{
[ -S /var/run/postgresql/.s.PGSQL.{port} ] || return 2
own_psql 30 {port} -d postgres -f - <<'PGHA_SQL'
{sql}PGHA_SQL
}}
"
    )
}

/// `\connect`'s argument for a database of any name: a quoted connection string.
fn psql_connect(database: &str, port: u16) -> String {
    let conninfo = crate::postgres::conninfo::Conninfo::default()
        .with("dbname", database)
        .with("port", port.to_string())
        .to_string();
    format!("'{}'", conninfo.replace('\\', r"\\").replace('\'', "''"))
}

const SERVER_SQL: &str = include_str!("server.sql");

const REPMGR_SQL: &str = include_str!("repmgr.sql");

const EXTENSIONS_SQL: &str = include_str!("extensions.sql");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_with_the_same_question_share_a_branch() {
        let probes = |package: &str| Probes::from([Probe::Package(package.into())]);
        let script = script(&BTreeMap::from([
            (Release::Debian11, probes("a")),
            (Release::Debian12, probes("b")),
            (Release::Debian13, probes("a")),
        ]));
        let packages = &script[1].1;
        assert!(packages.contains("debian-11|debian-13)"), "{packages}");
        assert!(packages.contains("debian-12)"), "{packages}");
        assert_eq!(script[2].1, ":");
    }

    #[test]
    fn a_database_of_any_name_is_one_argument() {
        assert_eq!(
            psql_connect("a'b c", 5432),
            r"'dbname=''a\\''b c'' port=5432'"
        );
    }
}
