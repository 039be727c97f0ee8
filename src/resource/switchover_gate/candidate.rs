//! What the member that is to be the primary must be like.

use super::{Gate, number, raw};
use crate::facts::{Lag, Server};
use crate::postgres::synchronous::Synchronous;
use crate::problem::Problem;
use crate::size;
use crate::words::list;

pub fn refusals(gate: Gate<'_>) -> Vec<Problem> {
    let Some(server) = gate.server() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    found.extend(identity(gate, server));
    found.extend(sender(gate));
    found.extend(lag(gate));
    found.extend(replay(gate, server));
    found.extend(priority(gate));
    found.extend(slot(gate));
    found.extend(headroom(gate, server));
    found.extend(synchronous(gate).err());
    found
}

pub fn warnings(gate: Gate<'_>) -> Vec<String> {
    synchronous(gate).ok().flatten().into_iter().collect()
}

fn identity(gate: Gate<'_>, server: &Server) -> Option<Problem> {
    let own = server.system_identifier.as_deref()?;
    let primary = gate.primary()?.system_identifier.as_deref()?;
    (own != primary).then(|| {
        Problem::refused(format!(
            "it runs another cluster than the primary `{}`",
            gate.outgoing.name
        ))
        .because(format!("system identifier {own} here, {primary} there"))
        .hint("it is no copy of the primary and must be cloned anew")
    })
}

/// The primary's word, beside the standby's own.
fn sender(gate: Gate<'_>) -> Option<Problem> {
    let primary = gate.primary()?;
    let cause = match primary.senders.get(gate.view.host) {
        None => format!(
            "`pg_stat_replication` there has nobody with the application name `{}`",
            gate.view.host
        ),
        Some(sender) if sender.state != "streaming" => {
            format!("`pg_stat_replication` there says `{}`", sender.state)
        }
        Some(_) => return None,
    };
    Some(
        Problem::refused(format!(
            "the primary `{}` does not see it stream",
            gate.outgoing.name
        ))
        .because(cause)
        .hint("wait until `pgha status` says `streaming`; `pgha apply` sets how it follows"),
    )
}

fn lag(gate: Gate<'_>) -> Option<Problem> {
    let facts = gate.facts_of(gate.outgoing)?;
    let activity = facts.readiness.as_ref()?.activity.as_ref()?;
    let Lag {
        sent,
        flushed,
        replayed,
    } = match activity.lags.get(gate.view.host) {
        Some(lag) => *lag,
        None if sender(gate).is_none() => Lag::default(),
        // That it does not stream is told already.
        None => return None,
    };
    let parts = [("sent", sent), ("flushed", flushed), ("replayed", replayed)];
    let most = parts.iter().filter_map(|(_, bytes)| *bytes).max();
    let told: Vec<String> = parts
        .iter()
        .map(|(word, bytes)| match bytes {
            Some(bytes) => format!("not {word}: {}", size::bytes(*bytes)),
            None => format!("not {word}: not known"),
        })
        .collect();
    let limit = gate.handover.max_lag;
    let what = match most {
        // What it does not tell may be anything.
        _ if flushed.is_none() || replayed.is_none() => {
            "it does not tell how far it is behind".to_owned()
        }
        Some(most) if most > limit => format!(
            "it is {} of WAL behind the primary `{}`, more than {}",
            size::bytes(most),
            gate.outgoing.name,
            size::bytes(limit)
        ),
        _ => return None,
    };
    Some(
        Problem::refused(what)
            .because(told.join(", "))
            .hint("wait until it has caught up, or allow more with `--max-lag`; clients wait for what is left"),
    )
}

fn replay(gate: Gate<'_>, server: &Server) -> Vec<Problem> {
    let mut found = Vec::new();
    if gate
        .activity()
        .is_some_and(|activity| activity.replay_paused)
    {
        found.push(
            Problem::refused("its replay of WAL is paused: it would not become a primary")
                .hint("`select pg_wal_replay_resume()` on it lets it go on"),
        );
    }
    if let Some(delay) = server.settings.get("recovery_min_apply_delay")
        && delay.raw != "0"
    {
        found.push(
            Problem::refused(format!(
                "it replays WAL later on purpose: `recovery_min_apply_delay` is {}",
                delay.value
            ))
            .hint("choose another member, or take the setting away and `pgha apply`"),
        );
    }
    found
}

fn priority(gate: Gate<'_>) -> Option<Problem> {
    let priority = match gate.has_repmgr() {
        true => gate.primary()?.nodes.get(gate.view.host)?.priority,
        false => gate.view.variables().repmgr_priority,
    };
    (priority == 0).then(|| {
        Problem::refused("its repmgr priority is 0: it is never to be the primary")
            .hint("choose another member, or give it a `repmgr_priority` and `pgha apply`")
    })
}

fn slot(gate: Gate<'_>) -> Option<Problem> {
    let slot = &gate.candidate.slot;
    let what = match gate.primary()?.slots.get(slot) {
        None => format!(
            "its slot `{slot}` is missing on the primary `{}`",
            gate.outgoing.name
        ),
        Some(seen) if seen.wal_status.as_deref() == Some("lost") => format!(
            "its slot `{slot}` on the primary `{}` is lost",
            gate.outgoing.name
        ),
        Some(seen) if !seen.active => format!(
            "its slot `{slot}` on the primary `{}` is not in use",
            gate.outgoing.name
        ),
        Some(_) => return None,
    };
    Some(
        Problem::refused(what)
            .because("WAL that it lacks may be gone before it has it")
            .hint("`pgha apply` makes slots and sets who uses them"),
    )
}

/// It must serve all others, and a base backup beside them.
fn headroom(gate: Gate<'_>, server: &Server) -> Vec<Problem> {
    let members = &gate.view.topology.members;
    let others = || {
        members
            .iter()
            .filter(|member| member.name != gate.view.host)
    };
    let mut found = Vec::new();
    let senders = others().count() as u64 + 2;
    if let Some(most) = number(server, "max_wal_senders").filter(|most| *most < senders) {
        found.push(
            Problem::refused(format!(
                "`max_wal_senders` is {most}, and its followers need {senders}"
            ))
            .hint("raise it in `postgresql_settings`, `pgha apply`, and restart"),
        );
    }
    let new = others()
        .filter(|member| !server.slots.contains_key(&member.slot))
        .count() as u64;
    let used = gate
        .activity()
        .map_or(0, |activity| u64::from(activity.slots));
    if let Some(most) = number(server, "max_replication_slots").filter(|most| *most < used + new) {
        found.push(
            Problem::refused(format!(
                "`max_replication_slots` is {most}, {used} are taken, and its followers need {new} more"
            ))
            .hint("raise it in `postgresql_settings`, `pgha apply`, and restart; or drop slots that nobody uses"),
        );
    }
    found
}

/// Whether its commits would find the standbys that they wait for. The old primary is one of them only later.
fn synchronous(gate: Gate<'_>) -> Result<Option<String>, Problem> {
    let Some(server) = gate.server() else {
        return Ok(None);
    };
    let waits =
        raw(server, "synchronous_commit").is_none_or(|level| !matches!(level, "off" | "local"));
    let text = raw(server, "synchronous_standby_names").unwrap_or_default();
    let Some(names) = Synchronous::parse(text).filter(|_| waits) else {
        return Ok(None);
    };
    let named: Vec<&str> = gate
        .view
        .topology
        .members
        .iter()
        .map(|member| member.name.as_str())
        .filter(|name| *name != gate.view.host && names.includes(name))
        .collect();
    let outgoing = gate.outgoing.name.as_str();
    let siblings = named.iter().filter(|name| **name != outgoing).count();
    if siblings >= names.count {
        return Ok(None);
    }
    if named.len() >= names.count {
        return Ok(Some(format!(
            "its commits wait until `{outgoing}` is back as a standby: `synchronous_standby_names` is `{text}`"
        )));
    }
    let there = match &named[..] {
        [] => "no other member".to_owned(),
        named => format!("only {}", list(named)),
    };
    Err(Problem::refused(format!(
        "as the primary it would wait for standbys that there are not: `synchronous_standby_names` is `{text}`"
    ))
    .because(format!(
        "{} must confirm a commit, and {there} may",
        names.count
    ))
    .hint("name enough of the other members, or fewer to wait for, in `postgresql_settings`, and `pgha apply`"))
}
