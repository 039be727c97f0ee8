//! A pooler that could hold its clients, and lead them elsewhere.

use super::{Gate, member};
use crate::facts::{Path, Pooler};
use crate::problem::Problem;
use crate::resource::pgbouncer_pause::is_paused;
use crate::words::list;

/// The file with the databases, which a handover replaces by one that was prepared.
pub const DATABASES: &str = "/etc/pgbouncer/databases.ini";

/// Seconds that a handover may take beside the pause.
const REST: u32 = 10;

pub fn refusals(gate: Gate<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    // A member has told its own.
    if !gate.is_member() {
        found.extend(member::programs(gate));
    }
    let Some(pooler) = &gate.view.facts().pooler else {
        found.push(silent(gate));
        return found;
    };
    found.extend(paused(pooler));
    found.extend(disabled(pooler));
    found.extend(sessions(gate, pooler));
    found.extend(targets(gate, pooler));
    found.extend(files(gate));
    found
}

pub fn warnings(gate: Gate<'_>) -> Vec<String> {
    let Some(pooler) = &gate.view.facts().pooler else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let patience = pooler.config.get("query_wait_timeout");
    let patience = patience.and_then(|seconds| seconds.parse::<f64>().ok());
    let needed = gate.handover.pause_timeout + REST;
    // 0: they wait for ever.
    if let Some(seconds) = patience.filter(|seconds| *seconds > 0.0 && *seconds < f64::from(needed))
    {
        found.push(format!(
            "clients are turned away after {seconds} s of waiting (`query_wait_timeout`), and a handover may take {needed} s"
        ));
    }
    found
}

fn silent(gate: Gate<'_>) -> Problem {
    let unit = gate.view.facts().units.get("pgbouncer");
    let what = match unit {
        Some(unit) if unit.is_running() => "pgbouncer runs, and its admin console does not answer",
        _ => "pgbouncer does not run",
    };
    Problem::refused(what).hint("`pgha apply` starts it; see `journalctl -u pgbouncer`")
}

fn paused(pooler: &Pooler) -> Option<Problem> {
    let databases = pooler.databases.iter();
    let paused: Vec<&String> = databases
        .filter(|(_, database)| database.paused)
        .map(|(name, _)| name)
        .collect();
    let whose = match &paused[..] {
        [] => String::new(),
        paused => format!(" of {}", list(paused)),
    };
    is_paused(pooler).then(|| {
        Problem::refused(format!("clients{whose} are held up already"))
            .hint("somebody has paused pgbouncer: `RESUME` on its console lets them go on")
    })
}

fn disabled(pooler: &Pooler) -> Option<Problem> {
    let databases = pooler.databases.iter();
    let disabled: Vec<&String> = databases
        .filter(|(_, database)| database.disabled)
        .map(|(name, _)| name)
        .collect();
    (!disabled.is_empty()).then(|| {
        Problem::refused(format!(
            "clients of {} are turned away: it is disabled",
            list(&disabled)
        ))
        .hint("`ENABLE` on its console lets them in")
    })
}

/// In session mode a pause waits until clients disconnect.
fn sessions(gate: Gate<'_>, pooler: &Pooler) -> Option<Problem> {
    let own = pooler.config.get("pool_mode").map(String::as_str);
    let is_session = |mode: Option<&str>| mode.or(own) == Some("session");
    let databases = pooler.databases.iter();
    let in_sessions: Vec<&String> = databases
        .filter(|(_, database)| is_session(database.pool_mode.as_deref()))
        .map(|(name, _)| name)
        .collect();
    // Of those that are not listed before somebody asks for them.
    let others =
        pooler.databases.is_empty() || gate.view.pooled(&gate.outgoing.name).contains_key("*");
    let users = &pooler.session_users;
    let of = match &in_sessions[..] {
        [] if !users.is_empty() => {
            let s = if users.len() == 1 { "" } else { "s" };
            format!(" for the user{s} {}", list(users))
        }
        [] if others && is_session(None) => String::new(),
        [] => return None,
        databases => format!(" for {}", list(databases)),
    };
    Some(
        Problem::refused(format!("`pool_mode` is `session`{of}"))
            .because("a pause would wait until every client has disconnected")
            .hint("set `pool_mode: transaction` in `pgbouncer_settings`, and `pgha apply`"),
    )
}

fn targets(gate: Gate<'_>, pooler: &Pooler) -> Vec<Problem> {
    let primary = &gate.outgoing.name;
    let wanted = gate.view.pooled(primary);
    let listed = wanted.iter().filter(|(name, _)| *name != "*");
    listed
        .filter_map(|(name, target)| {
            let what = match pooler.databases.get(name) {
                None => format!("clients of `{name}` are not served"),
                Some(seen) if (&seen.host, seen.port) != (&target.host, target.port) => format!(
                    "clients of `{name}` are led to {}:{}, and the primary `{primary}` is {}:{}",
                    seen.host, seen.port, target.host, target.port
                ),
                Some(_) => return None,
            };
            Some(Problem::refused(what).hint("`pgha apply` leads them to the primary"))
        })
        .collect()
}

/// What was prepared for the present primary is what pgbouncer reads; so what was prepared for the next one will do.
fn files(gate: Gate<'_>) -> Vec<Problem> {
    let sha256 = |path: &str| match gate.view.path(path) {
        Path::File { sha256, .. } => sha256.as_deref(),
        _ => None,
    };
    let mut found = Vec::new();
    let prepared = format!("/etc/pgbouncer/primary/{}.ini", gate.outgoing.name);
    // Where that is not known, the step before this one has not been planned.
    let differs = sha256(&prepared).is_some_and(|hash| sha256(DATABASES) != Some(hash));
    if differs {
        found.push(
            Problem::refused(format!("`{DATABASES}` is not as pgha writes it"))
                .because("a handover replaces it, and what somebody has added would be gone")
                .hint("`pgha plan` shows what differs; `pgha apply` writes it anew"),
        );
    }
    if gate
        .readiness()
        .is_some_and(|ready| !ready.includes_databases)
    {
        found.push(
            Problem::refused(format!(
                "`/etc/pgbouncer/pgbouncer.ini` does not include `{DATABASES}`"
            ))
            .because("a handover changes where clients are led by that file")
            .hint(
                "put `%include /etc/pgbouncer/databases.ini` into its template, and `pgha apply`",
            ),
        );
    }
    found
}
