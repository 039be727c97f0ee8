//! What became of asking a host's PostgreSQL: it answers, it is there and does not tell, or there is none.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Server;
use crate::problem::Problem;

/// A host's PostgreSQL as it was seen. “There but not telling” is never “not there”, and so there is no `is_none`: who needs
/// an answer takes [`Self::answers`], who needs that nothing runs asks [`Self::is_down`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Instance {
    /// It is there, takes writes perhaps, and gave no answer that can be believed.
    Untold {
        untold: Untold,
    },
    Answers(Box<Server>),
    /// Nothing runs.
    #[default]
    Down,
    /// A plan has started it, and what it holds is known only then: a server that is stopped tells no catalog. No host is
    /// ever seen like this.
    #[serde(skip)]
    Unseen,
}

/// Why a server that is there does not tell what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Untold {
    pub why: Why,
    /// What was said instead, as it came; nothing is decided by it.
    #[serde(default)]
    pub said: String,
}

/// Read from exit codes, the process and its pid file, never from words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    Starting,
    Stopping,
    /// A standby that takes no connections.
    Closed,
    /// Its process was stopped by a signal.
    Frozen,
    /// It gives no answer in time.
    Hung,
    /// It takes connections, and no session came of it: none is free, or the login is refused.
    Refusing,
    /// What it said is no answer.
    Garbled,
}

impl Instance {
    /// The server, if it answers.
    pub fn answers(&self) -> Option<&Server> {
        match self {
            Self::Answers(server) => Some(server),
            Self::Untold { .. } | Self::Down | Self::Unseen => None,
        }
    }

    /// The server, if it answers.
    pub fn answers_mut(&mut self) -> Option<&mut Server> {
        match self {
            Self::Answers(server) => Some(server),
            Self::Untold { .. } | Self::Down | Self::Unseen => None,
        }
    }

    /// Why it does not tell, if it is there.
    pub fn untold(&self) -> Option<&Untold> {
        match self {
            Self::Untold { untold } => Some(untold),
            Self::Answers(_) | Self::Down | Self::Unseen => None,
        }
    }

    pub fn is_unseen(&self) -> bool {
        *self == Self::Unseen
    }

    pub fn is_down(&self) -> bool {
        *self == Self::Down
    }

    /// Nothing runs any more; gives what the server held, if it had told.
    pub fn stop(&mut self) -> Option<Server> {
        match std::mem::take(self) {
            Self::Answers(server) => Some(*server),
            Self::Untold { .. } | Self::Down | Self::Unseen => None,
        }
    }
}

impl Untold {
    /// The refusal of what needs an answer.
    pub fn refuses(&self, what: impl Into<String>) -> Problem {
        let problem = Problem::refused(what).hint(self.why.hint());
        match self.said.as_str() {
            "" => problem,
            said => problem.because(said),
        }
    }
}

impl From<Server> for Instance {
    fn from(server: Server) -> Self {
        Self::Answers(Box::new(server))
    }
}

impl From<Untold> for Instance {
    fn from(untold: Untold) -> Self {
        Self::Untold { untold }
    }
}

impl Why {
    /// One word, for a column.
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Closed => "closed",
            Self::Frozen => "frozen",
            Self::Hung => "hung",
            Self::Refusing => "refusing",
            Self::Garbled => "garbled",
        }
    }

    /// What may be done about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Starting => "run the same again once it is up; its log says what it waits for",
            Self::Stopping => "run the same again once it is stopped",
            Self::Closed => "`hot_standby` must be on, or nobody can ask it",
            Self::Frozen => "`kill -CONT` lets it go on",
            Self::Hung => "see what it waits for: its disk, perhaps",
            Self::Refusing => {
                "free a connection, `superuser_reserved_connections` are in use; or put `local all postgres peer` first in pg_hba.conf"
            }
            Self::Garbled => "`--record DIR` keeps what it said",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "it is starting up",
            Self::Stopping => "it is shutting down",
            Self::Closed => "it is a standby that takes no connections",
            Self::Frozen => "its process was stopped by a signal",
            Self::Hung => "it gives no answer in time",
            Self::Refusing => "it takes connections, and gives `postgres` no session",
            Self::Garbled => "what it says is no answer",
        })
    }
}
