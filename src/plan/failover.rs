//! A dead primary's replacement, as it was asked for, and who it is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::facts::{Facts, Server};
use crate::inventory::Inventory;
use crate::postgres::lsn::Lsn;
use crate::problem::Problem;

/// Who is to be the primary, and what was done about the old one where pgha cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failover {
    /// None: the best.
    #[serde(default)]
    pub candidate: Option<String>,
    /// How somebody made sure that an old primary whose host does not answer takes no writes.
    #[serde(default)]
    pub fenced_by: Option<String>,
    /// Members out of reach of which somebody made sure that none takes writes.
    #[serde(default)]
    pub without: Vec<String>,
    /// The primary that may be stopped though it takes connections, and perhaps writes.
    #[serde(default)]
    pub stop: Option<String>,
}

/// How far a standby has got: its timeline, and the end of what it has received or replayed. After a start it has received
/// nothing yet, or the start of a segment, so that only the larger of the two is meant (PAF 225, 228).
pub fn reached(server: &Server) -> (u32, Lsn) {
    let lsn = server.received.max(server.position);
    (server.timeline.unwrap_or(0), lsn.unwrap_or_default())
}

/// The standby that takes a dead primary's place: the highest timeline, then the furthest, then by priority, then the first
/// in the inventory.
///
/// # Errors
/// Nobody can; or the one that was asked for should not.
pub fn successor(
    inventory: &Inventory,
    world: &BTreeMap<String, Facts>,
    asked: Option<&String>,
) -> Result<String, Problem> {
    let names = inventory.group("postgres");
    let priority = |name: &str| inventory.hosts[name].variables.repmgr_priority;
    let standbys = names.iter().filter_map(|name| {
        let server = world.get(name)?.server.answers()?;
        server.in_recovery.then_some((name, server))
    });
    let mut able = Vec::new();
    let mut unable = Vec::new();
    for (name, server) in standbys {
        match unfit(priority(name), server) {
            None => able.push((name, server)),
            Some(unfit) => unable.push((name, unfit)),
        }
    }
    if let Some((name, unfit)) = unable.iter().find(|(name, _)| Some(*name) == asked) {
        return Err(
            Problem::refused(format!("`{name}` cannot become the primary: {}", unfit.why))
                .hint(unfit.remedy),
        );
    }
    let best = able.iter().max_by_key(|(name, server)| {
        let place = names.iter().position(|other| other == *name);
        (reached(server), priority(name), std::cmp::Reverse(place))
    });
    let Some((best, furthest)) = best else {
        let why: Vec<String> = unable
            .iter()
            .map(|(name, unfit)| format!("`{name}`: {}", unfit.why))
            .collect();
        let remedies: BTreeSet<&str> = unable.iter().map(|(_, unfit)| unfit.remedy).collect();
        return Err(
            Problem::refused("no standby that answers can become the primary")
                .because(if why.is_empty() {
                    "none runs".to_owned()
                } else {
                    why.join("; ")
                })
                .hint(if remedies.is_empty() {
                    "start PostgreSQL on the members that have data, and run `pgha failover INVENTORY` again".to_owned()
                } else {
                    let remedies: Vec<&str> = remedies.into_iter().collect();
                    format!("{}; then `pgha failover INVENTORY`", remedies.join("; or "))
                }),
        );
    };
    let Some(asked) = asked else {
        return Ok((*best).clone());
    };
    match able.iter().find(|(name, _)| *name == asked) {
        Some((name, server)) if reached(server) == reached(furthest) => Ok((*name).clone()),
        Some((name, server)) => Err(Problem::refused(format!(
            "`{name}` does not have all that `{best}` has"
        ))
        .because(format!("{} there, {} here", place(furthest), place(server)))
        .hint(format!(
            "promote `{best}`, and hand over later with `pgha switchover`"
        ))),
        None => Err(
            Problem::refused(format!("`{asked}` is no standby that runs"))
                .hint(format!("`{best}` is the one that has the most")),
        ),
    }
}

/// `0/5000060 on timeline 2`
pub fn place(server: &Server) -> String {
    let (timeline, lsn) = reached(server);
    format!("{lsn} on timeline {timeline}")
}

/// Why a standby is never promoted, and what changes that.
struct Unfit {
    why: &'static str,
    remedy: &'static str,
}

fn unfit(priority: u32, server: &Server) -> Option<Unfit> {
    let delay = server.settings.get("recovery_min_apply_delay");
    if priority == 0 {
        Some(Unfit {
            why: "its `repmgr_priority` is 0",
            remedy: "give it another `repmgr_priority` in the inventory",
        })
    } else if server.replay_paused {
        Some(Unfit {
            why: "its replay is paused",
            remedy: "let it go on with its replay (`select pg_wal_replay_resume()`)",
        })
    } else if delay.is_some_and(|delay| delay.raw != "0") {
        Some(Unfit {
            why: "it replays with a delay",
            remedy: "take its delay away (`recovery_min_apply_delay = 0`, and a reload)",
        })
    } else {
        None
    }
}
