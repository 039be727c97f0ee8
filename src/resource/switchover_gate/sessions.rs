//! Clients at the outgoing primary: those whose transaction is in the way, and those who will be cut.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Gate;
use crate::facts::Session;
use crate::plan::Drain;
use crate::problem::Problem;
use crate::size;
use crate::words::count;

/// Seconds that an application may think inside a transaction.
const IDLE: f64 = 0.5;

/// Sessions that would still be in their transaction when the time of the pause is over, or wait for their client to end
/// it. Prepared transactions belong to no session and hold up nothing.
fn blocking<'a>(gate: Gate<'a>) -> Vec<&'a Session> {
    let timeout = f64::from(gate.handover.pause_timeout);
    let sessions = applications(gate).filter(|session| {
        let is_idle = session.state.starts_with("idle in transaction")
            && session.in_state.is_some_and(|age| age > IDLE);
        is_idle || session.transaction.is_some_and(|age| age > timeout)
    });
    sessions.collect()
}

/// All but the sessions of pgha and repmgr themselves.
fn applications<'a>(gate: Gate<'a>) -> impl Iterator<Item = &'a Session> {
    let cluster = &gate.view.inventory.cluster;
    let watch = &gate.view.variables().watch_user;
    let activity = gate.activity();
    let sessions = activity.map_or(&[][..], |activity| &activity.sessions);
    sessions
        .iter()
        .filter(move |session| !cluster.is_of_members(&session.user) && session.user != *watch)
}

/// Whether it has come from a pooler, which always takes TCP.
fn is_pooled(gate: Gate<'_>, session: &Session) -> bool {
    let Some(address) = &session.address else {
        return false;
    };
    let known = gate.readiness().map(|ready| &ready.addresses);
    gate.view.topology.poolers.iter().any(|pooler| {
        pooler.address == *address
            || known
                .and_then(|known| known.get(&pooler.name))
                .is_some_and(|known| known.contains(address))
    })
}

pub fn refusal(gate: Gate<'_>) -> Option<Problem> {
    let blocking = blocking(gate);
    if blocking.is_empty() || gate.handover.drain != Drain::Refuse {
        return None;
    }
    let lines: Vec<String> = blocking.iter().map(|session| told(session)).collect();
    let hold = if blocking.len() == 1 { "holds" } else { "hold" };
    Some(
        Problem::refused(format!(
            "{} {hold} a transaction open",
            count(blocking.len(), "session")
        ))
        .because(lines.join("\n"))
        .hint("end it; or `--drain wait` lets it have the time of the pause, `--drain terminate` ends it"),
    )
}

pub fn warnings(gate: Gate<'_>) -> Vec<String> {
    let fate = match gate.handover.drain {
        Drain::Refuse => None,
        Drain::Wait => Some("it must end within the time of the pause, else everything is undone"),
        Drain::Terminate => Some("it is ended before the pause"),
    };
    let blocking = blocking(gate);
    let mut found: Vec<String> = fate
        .into_iter()
        .flat_map(|fate| {
            blocking
                .iter()
                .map(move |session| format!("{}; {fate}", told(session)))
        })
        .collect();
    found.extend(direct(gate));
    found
}

/// Who has not come through a pooler: alike once.
fn direct(gate: Gate<'_>) -> Vec<String> {
    let mut who: BTreeMap<String, usize> = BTreeMap::new();
    for session in applications(gate).filter(|session| !is_pooled(gate, session)) {
        *who.entry(whose(session)).or_default() += 1;
    }
    who.into_iter()
        .map(|(whose, number)| {
            let (do_not, are) = match number {
                1 => ("does not", "is"),
                _ => ("do not", "are"),
            };
            format!(
                "{} of {whose} {do_not} go through a pooler and {are} cut",
                count(number, "session")
            )
        })
        .collect()
}

/// `pid 4711: app in shop from 10.0.0.4 (psql), idle in transaction, begun 12.3 s ago`, with names in backticks.
fn told(session: &Session) -> String {
    let age = session.transaction.or(session.in_state).unwrap_or_default();
    format!(
        "pid {}: {}, {}, begun {} ago",
        session.pid,
        whose(session),
        session.state,
        size::duration((age * 1000.0) as u64),
    )
}

fn whose(session: &Session) -> String {
    let mut out = format!("`{}` in `{}`", session.user, session.database);
    match &session.address {
        Some(address) => _ = write!(out, " from {address}"),
        None => out.push_str(" on the host itself"),
    }
    if !session.application.is_empty() {
        _ = write!(out, " ({})", session.application);
    }
    out
}
