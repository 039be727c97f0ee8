//! The open shells of a run, one per host.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::join_all;

use super::events::{Event, Events};
use super::record::Record;
use crate::facts::Recorded;
use crate::inventory::Inventory;
use crate::problem::Problem;
use crate::transport::{Sessions, Shell};

/// Hosts and the shells on them.
pub struct Fleet {
    pub shells: BTreeMap<String, Shell>,
    /// Hosts that could not be reached, and why.
    pub unreachable: Vec<Problem>,
    /// Where what they answer is kept.
    pub record: Option<Record>,
    /// Keeps the control sockets alive as long as the shells.
    _sessions: Option<Sessions>,
}

impl Fleet {
    /// Opens a shell on every one of `hosts`, all at the same time. What they answer is kept in `record`.
    ///
    /// # Errors
    /// Only if this machine cannot hold connections at all, or keep a record; hosts that do not answer are in `unreachable`.
    pub async fn connect(
        inventory: &Inventory,
        hosts: &[String],
        record: Option<&Path>,
        events: &Events,
    ) -> Result<Self, Problem> {
        let record = record.map(Record::into_folder).transpose()?;
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
                Err(problem) => {
                    if let Some(record) = &record {
                        record.keep(host, &Recorded::Silent(problem.clone()))?;
                    }
                    unreachable.push(problem.on(host));
                }
            }
        }
        Ok(Self {
            shells,
            unreachable,
            record,
            _sessions: Some(sessions),
        })
    }

    /// Shells that are open already.
    pub fn of(shells: BTreeMap<String, Shell>) -> Self {
        Self {
            shells,
            unreachable: Vec::new(),
            record: None,
            _sessions: None,
        }
    }

    /// Closes every connection.
    pub async fn close(self) {
        join_all(self.shells.into_values().map(Shell::close)).await;
    }
}
