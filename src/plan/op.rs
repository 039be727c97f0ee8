//! The instruction set of the executor: nothing can run that is not one of these, and a plan shows them all.

use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::secret::Text;

/// One operation with everything it needs: final bytes, argv, statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Writes beside the target, makes it durable, then renames over it.
    WriteFile {
        path: String,
        content: Text,
        /// Octal, four digits.
        mode: String,
        owner: String,
        group: String,
        /// What must accept the new file before it is moved into place.
        validate: Option<Check>,
    },
    MakeDirectory {
        path: String,
        mode: String,
        owner: String,
        group: String,
    },
    SetAttributes {
        path: String,
        mode: String,
        owner: String,
        group: String,
    },
    /// Removes one file. Never a directory.
    RemoveFile {
        path: String,
    },
    /// Renames; refuses to overwrite.
    Rename {
        from: String,
        to: String,
    },
    /// Runs a command as `user`, without a shell between.
    Run {
        argv: Vec<String>,
        user: String,
        /// Fed to the command's standard input.
        stdin: Option<Text>,
        /// Environment on top of the login's.
        environment: Vec<(String, String)>,
    },
    /// Runs one statement over the local socket as `postgres`.
    Sql {
        port: u16,
        database: String,
        statement: Text,
    },
    Service {
        unit: String,
        action: ServiceAction,
    },
    /// Starts a PostgreSQL server's unit and waits until it answers on its local socket; fails as soon as the unit has.
    /// `systemctl start` itself returns 2 s after the server is up (`pg_ctlcluster` looks every 0.5 s; measured: 2.27 s
    /// against 0.18 s).
    StartPostgresql {
        unit: String,
        port: u16,
        timeout_seconds: u32,
    },
    /// Stops a PostgreSQL server's unit, and then its process, which is another where somebody started it past systemd.
    StopPostgresql {
        unit: String,
        data_directory: String,
        timeout_seconds: u32,
    },
    /// `systemctl daemon-reload`.
    ReloadUnits,
    /// One command on pgbouncer's admin console, over its local socket.
    Pooler {
        port: u16,
        command: String,
    },
    /// Waits until a condition holds; fails after so many seconds.
    Wait {
        until: Condition,
        timeout_seconds: u32,
    },
}

/// Who must accept a new file before it is in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// This command exits 0; `%s` stands for the file's path.
    Command(Vec<String>),
    /// A server of this version comes as far as shared memory with these settings, on the control file in `data` and with what else
    /// the folder `config` says.
    Postgresql {
        version: u16,
        data: String,
        config: String,
    },
    /// A server of this version reads this `pg_hba.conf`.
    Hba {
        version: u16,
        data: String,
        config: String,
    },
    /// pgbouncer starts with it, on a socket of its own.
    Pgbouncer,
    /// The repmgr for this version of PostgreSQL reads it without a warning.
    Repmgr { version: u16 },
}

impl Check {
    /// The program whose trial it is, with full path; `None`: a command of any kind, which is run beside the target.
    pub fn program(&self) -> Option<String> {
        let of = |version: &u16, name: &str| format!("/usr/lib/postgresql/{version}/bin/{name}");
        match self {
            Self::Command(_) => None,
            Self::Postgresql { version, .. } | Self::Hba { version, .. } => {
                Some(of(version, "postgres"))
            }
            Self::Pgbouncer => Some("/usr/sbin/pgbouncer".to_owned()),
            Self::Repmgr { version } => Some(of(version, "repmgr")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceAction {
    Start,
    Stop,
    Restart,
    Reload,
    Enable,
    Disable,
}

impl ServiceAction {
    /// As `systemctl` names it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::Enable => "enable",
            Self::Disable => "disable",
        }
    }
}

impl Op {
    /// The text in it that may name secrets.
    pub fn text(&self) -> Option<&Text> {
        match self {
            Self::WriteFile { content, .. } => Some(content),
            Self::Run { stdin, .. } => stdin.as_ref(),
            Self::Sql { statement, .. } => Some(statement),
            Self::MakeDirectory { .. }
            | Self::SetAttributes { .. }
            | Self::RemoveFile { .. }
            | Self::Rename { .. }
            | Self::Service { .. }
            | Self::StartPostgresql { .. }
            | Self::StopPostgresql { .. }
            | Self::ReloadUnits
            | Self::Pooler { .. }
            | Self::Wait { .. } => None,
        }
    }
}

/// The word of a command that stands for what an earlier step, perhaps on another host, will have told under `name`, `NAME of
/// HOST`: the one thing that a run knows and its plan does not.
pub fn noted(name: &str) -> String {
    format!("{{noted {name}}}")
}

/// The name in such a word.
pub fn noted_name(word: &str) -> Option<&str> {
    word.strip_prefix("{noted ")?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noted_word_is_that_word_alone() {
        assert_eq!(noted("end_of_wal"), "{noted end_of_wal}");
        assert_eq!(noted_name(&noted("end_of_wal")), Some("end_of_wal"));
        for word in [
            "end_of_wal",
            "{noted}",
            "{noted a",
            "noted a}",
            "x{noted a}",
            "{noted a}x",
        ] {
            assert_eq!(noted_name(word), None, "{word}");
        }
    }
}
