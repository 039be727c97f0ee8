//! What elects a primary and keeps the record of who is a node: `cluster_manager`. All else (replication, handovers, copies,
//! rewinds, guards, poolers) is the same with each. What differs is here, in the steps of the playbooks that look at
//! `cluster_manager`, and in how a host asks another (`login_replication` and `login_rewind` in `templates/host.conf.j2`).
//!
//! A further one needs: a variant; how its slots are called; whom members log in as; whether it elects; what its record is.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The value of `cluster_manager`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// repmgr registers nodes in its own tables, and repmgrd elects and promotes.
    #[default]
    Repmgr,
    /// Plain streaming replication: people promote (`pgha failover`), and the slots are the record of who is a member.
    None,
}

/// What repmgr calls its slots, and pgha where there is no repmgr.
const PREFIXES: [&str; 2] = ["repmgr_slot_", "pgha_member_"];

impl Manager {
    pub fn is_repmgr(self) -> bool {
        self == Self::Repmgr
    }

    /// Whether a standby is ever promoted without a person.
    pub fn elects(self) -> bool {
        self == Self::Repmgr
    }

    /// The slot of a member on the one that it follows. PostgreSQL takes lower-case letters, digits and `_`, 63 of them.
    pub fn slot(self, member: &str, node_id: u32) -> String {
        match self {
            Self::Repmgr => format!("{}{node_id}", PREFIXES[0]),
            Self::None => {
                let plain = |c: char| match c.to_ascii_lowercase() {
                    c @ ('a'..='z' | '0'..='9') => c,
                    _ => '_',
                };
                let name: String = member.chars().map(plain).collect();
                format!("{}{name}", PREFIXES[1])
            }
        }
    }

    /// Whether a slot is pgha's to drop where nobody uses it: a member's, of this or of another manager.
    pub fn is_of_a_member(slot: &str) -> bool {
        PREFIXES.iter().any(|prefix| slot.starts_with(prefix))
    }

    /// The member in the name of a slot, where the slots are the record.
    pub fn member_of(self, slot: &str) -> Option<&str> {
        match self {
            Self::Repmgr => None,
            Self::None => slot.strip_prefix(PREFIXES[1]),
        }
    }
}

/// The slot that keeps what a copy for a member needs while the member's own is in use.
pub fn slot_of_copy(slot: &str) -> String {
    format!("{slot}_copy")
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repmgr => "repmgr",
            Self::None => "none",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_has_a_name_that_postgresql_takes() {
        assert_eq!(Manager::Repmgr.slot("node1", 7), "repmgr_slot_7");
        let slot = Manager::None.slot("Node-1.example.com", 7);
        assert_eq!(slot, "pgha_member_node_1_example_com");
        assert!(Manager::is_of_a_member(&slot));
        assert!(!Manager::is_of_a_member("replica1"));
    }

    #[test]
    fn slots_are_a_record_only_where_there_is_no_other() {
        assert_eq!(Manager::None.member_of("pgha_member_db1"), Some("db1"));
        assert_eq!(Manager::None.member_of("repmgr_slot_1"), None);
        assert_eq!(Manager::Repmgr.member_of("pgha_member_db1"), None);
    }
}
