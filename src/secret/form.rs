//! The shapes in which a secret stands in a file or a statement.

use serde::{Deserialize, Serialize};

use crate::postgres::scram;

/// How a secret is written where it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As it is.
    Plain,
    /// With `:` and `\` escaped, as a field of `.pgpass`
    /// (<https://www.postgresql.org/docs/current/libpq-pgpass.html>).
    PgPass,
    /// As the SCRAM-SHA-256 verifier that PostgreSQL stores and pgbouncer passes through. A secret may be one already: of a
    /// password that only its users know.
    Scram,
}

impl Form {
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::PgPass => "pgpass",
            Self::Scram => "scram",
        }
    }

    /// The form of that name; anything else is [`Form::Plain`].
    pub fn from_name(name: &str) -> Self {
        match name {
            "pgpass" => Self::PgPass,
            "scram" => Self::Scram,
            _ => Self::Plain,
        }
    }

    pub fn apply(self, secret: &str) -> String {
        match self {
            Self::Plain => secret.to_owned(),
            Self::PgPass => secret.replace('\\', r"\\").replace(':', r"\:"),
            Self::Scram if scram::is_verifier(secret) => secret.to_owned(),
            Self::Scram => scram::verifier(secret),
        }
    }
}
