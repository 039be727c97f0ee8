//! The open shells of a run, one per host.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::events::{Event, Events};
use crate::inventory::Inventory;
use crate::problem::Problem;
use crate::transport::{Sessions, Shell};

/// Hosts and the shells on them.
pub struct Fleet {
    pub shells: BTreeMap<String, Shell>,
    /// Hosts that could not be reached, and why.
    pub unreachable: Vec<Problem>,
    /// Keeps the control sockets alive as long as the shells.
    _sessions: Option<Sessions>,
}

impl Fleet {
    /// Opens a shell on every one of `hosts`, all at the same time.
    ///
    /// # Errors
    /// Only if this machine cannot hold connections at all; hosts that do not answer are in `unreachable`.
    pub async fn connect(
        inventory: &Inventory,
        hosts: &[String],
        events: &Events,
    ) -> Result<Self, Problem> {
        let connections = || {
            hosts
                .iter()
                .map(|host| (host.as_str(), &inventory.hosts[host].connection))
        };
        let sessions = Sessions::new(connections())?;
        events.tell(&Event::Connecting {
            hosts: hosts.to_vec(),
        });
        let opened = join_all(connections().map(|(host, connection)| {
            let sessions = &sessions;
            async move {
                let opened = Shell::open(host, connection, sessions).await;
                events.tell(&Event::Connected {
                    host: host.to_owned(),
                });
                (host, opened)
            }
        }))
        .await;
        let mut shells = BTreeMap::new();
        let mut unreachable = Vec::new();
        for (host, shell) in opened {
            match shell {
                Ok(shell) => {
                    shells.insert(host.to_owned(), shell);
                }
                Err(problem) => unreachable.push(problem.on(host)),
            }
        }
        Ok(Self {
            shells,
            unreachable,
            _sessions: Some(sessions),
        })
    }

    /// Shells that are open already.
    pub fn of(shells: BTreeMap<String, Shell>) -> Self {
        Self {
            shells,
            unreachable: Vec::new(),
            _sessions: None,
        }
    }

    /// Closes every connection.
    pub async fn close(self) {
        join_all(self.shells.into_values().map(Shell::close)).await;
    }
}
