//! What every member must be able to do.

use super::{Gate, is_off, number, raw};
use crate::problem::Problem;
use crate::size;
use crate::words::list;

/// Room for the WAL of a promotion and a shutdown, beside this many segments.
const SEGMENTS: u64 = 3;
const ROOM: u64 = 64 << 20;

pub fn refusals(gate: Gate<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    found.extend(programs(gate));
    found.extend(unit(gate));
    found.extend(version(gate));
    let Some(server) = gate.server() else {
        let facts = gate.view.facts();
        let data = facts.data.as_ref();
        let state = data.map(|data| format!("`pg_controldata` says `{}`", data.state));
        found.push(
            Problem::refused("PostgreSQL does not run")
                .because(state.unwrap_or_else(|| "there is no data directory".to_owned()))
                .hint(
                    "`pgha apply` starts it; see why it stopped with `journalctl -u postgresql@*`",
                ),
        );
        return found;
    };
    if gate.readiness().is_some() && gate.activity().is_none() {
        found.push(
            Problem::refused("PostgreSQL did not say what goes on in it")
                .hint("run the same again; `pgha status` tells whether it answers"),
        );
    }
    if raw(server, "recovery_target_timeline").is_some_and(|target| target != "latest") {
        found.push(
            Problem::refused(
                "`recovery_target_timeline` is not `latest`: it could not follow a new primary",
            )
            .hint("set it to `latest` in `postgresql_settings`, and `pgha apply`"),
        );
    }
    if gate.is_candidate() || gate.is_outgoing() {
        found.extend(postmaster(gate));
        found.extend(disk(gate));
        if is_off(server, "full_page_writes") {
            found.push(
                Problem::refused("`full_page_writes` is off: a member that crashes may not come back as a standby")
                    .hint("set it to `on` in `postgresql_settings`, and `pgha apply`"),
            );
        }
    }
    found
}

/// On poolers, too.
pub fn programs(gate: Gate<'_>) -> Option<Problem> {
    let missing = &gate.readiness()?.missing;
    let (are, them) = match missing.len() {
        1 => ("is", "it"),
        _ => ("are", "them"),
    };
    (!missing.is_empty()).then(|| {
        Problem::refused(format!("{} {are} not installed", list(missing)))
            .because(format!("a handover runs {them} on this host"))
            .hint("`dpkg -S` on a host that has it names the package")
    })
}

fn unit(gate: Gate<'_>) -> Option<Problem> {
    let unit = gate.view.unit();
    let load = gate.view.facts().units.get(&unit)?.load.as_str();
    (load != "loaded").then(|| {
        Problem::refused(format!("systemd cannot start `{unit}`"))
            .because(if load.is_empty() {
                "systemctl did not answer".to_owned()
            } else {
                format!("the unit is `{load}`")
            })
            .hint(
                "the old primary is started by its unit: see `systemctl status`, and `pgha apply`",
            )
    })
}

fn version(gate: Gate<'_>) -> Option<Problem> {
    let own = &gate.view.facts().data.as_ref()?.version;
    let primary = &gate.facts_of(gate.outgoing)?.data.as_ref()?.version;
    (own != primary).then(|| {
        Problem::refused(format!(
            "PostgreSQL {own} cannot take part: `{}` runs {primary}",
            gate.outgoing.name
        ))
        .hint("a handover needs the same major version on all members")
    })
}

/// A server that systemd does not hold would be started a second time, or not be seen to end.
fn postmaster(gate: Gate<'_>) -> Option<Problem> {
    let ready = gate.readiness()?;
    let unit = gate.view.unit();
    let problem = match ready.postmaster {
        None => Problem::refused("`postmaster.pid` cannot be read, or names no process"),
        Some(seen) if !seen.in_unit => Problem::refused(format!(
            "PostgreSQL was not started by its unit `{unit}`: systemd would not see it end"
        ))
        .because(format!(
            "process {} is not in the unit's control group",
            seen.pid
        )),
        Some(_) => return None,
    };
    Some(problem.hint(format!(
        "restart it with `systemctl restart {unit}` when its clients can bear it"
    )))
}

fn disk(gate: Gate<'_>) -> Vec<Problem> {
    let segment = gate
        .server()
        .and_then(|server| number(server, "wal_segment_size"));
    let needed = SEGMENTS * segment.unwrap_or(16 << 20) + ROOM;
    let data = gate.view.data_directory();
    let wal = format!("{data}/pg_wal");
    let free = |path: &String| gate.view.facts().free.get(path).copied();
    // The same filesystem is told once.
    let paths = match (free(&data), free(&wal)) {
        (data_free, wal_free) if data_free == wal_free => vec![data],
        _ => vec![data, wal],
    };
    let short = paths
        .into_iter()
        .filter_map(|path| free(&path).map(|free| (path, free)))
        .filter(|(_, free)| *free < needed);
    short
        .map(|(path, free)| {
            Problem::refused(format!(
                "only {} are free at `{path}`, and {} are needed",
                size::bytes(free),
                size::bytes(needed)
            ))
            .hint("make room: a server without room for WAL stops")
        })
        .collect()
}
