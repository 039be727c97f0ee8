//! Something that is true of a host or not, and that a host can be asked.

use serde::{Deserialize, Serialize};

use crate::shell::{join, quote};

/// What a step waits for, or takes as done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The query, run as `postgres` over the local socket, gives `t`. It is a session of pgha's own, which looks for names in
    /// `pg_catalog` alone.
    Sql {
        port: u16,
        database: String,
        query: String,
    },
    /// Something listens on this TCP port.
    Port {
        host: String,
        port: u16,
    },
    PathExists {
        path: String,
    },
    /// The command exits 0.
    Command {
        argv: Vec<String>,
        user: String,
    },
}

impl Condition {
    /// A shell command that exits 0 if the condition holds. It uses the functions `as` (run as a user) and `own_psql`
    /// of the script around it, prints nothing that matters, and changes nothing.
    pub fn shell(&self) -> String {
        match self {
            Self::Sql {
                port,
                database,
                query,
            } => format!(
                "[ \"$(own_psql 60 {port} -d {} -c {})\" = t ]",
                quote(database),
                quote(query)
            ),
            // `perl-base` is part of every Debian; `/bin/sh` itself cannot open a connection.
            Self::Port { host, port } => format!(
                "perl -MIO::Socket::IP -e 'exit !IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Timeout => 2)' {} {port}",
                quote(host)
            ),
            Self::PathExists { path } => format!("[ -e {} ]", quote(path)),
            Self::Command { argv, user } => format!("as {} {}", quote(user), join(argv)),
        }
    }
}
