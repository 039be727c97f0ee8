//! The state of a cluster as tables.

use super::style::{Paint, Tone, clean_line};
use super::table::{Cell, or_dash, table};
use crate::size;
use crate::status::{FailoverMode, Node, Pooler, Role, Status};
use crate::words::count;

/// Members, poolers, and `healthy` or what is wrong.
pub fn text(status: &Status, colours: bool) -> String {
    let paint = Paint::new(colours);
    let mut out = vec![
        format!(
            "cluster {} ({})",
            clean_line(&status.cluster),
            match status.failover {
                FailoverMode::Automatic => "automatic failover",
                FailoverMode::Manual => "automatic failover is off",
            }
        ),
        String::new(),
    ];
    let header = [
        "NODE", "ROLE", "STATE", "TIMELINE", "UPSTREAM", "LAG", "REPMGRD", "ADDRESS",
    ];
    let rows = status.nodes.iter().map(node).collect::<Vec<_>>();
    out.extend(table(&header, &rows, paint));
    if !status.poolers.is_empty() {
        out.push(String::new());
        let rows = status.poolers.iter().map(pooler).collect::<Vec<_>>();
        out.extend(table(&["POOLER", "TARGET", "PAUSED"], &rows, paint));
    }
    out.push(String::new());
    if status.healthy && status.problems.is_empty() {
        out.push(paint.paint(Tone::Good, "healthy"));
    } else {
        let heading = match status.problems.len() {
            0 => "not healthy".to_owned(),
            problems => format!("not healthy: {}", count(problems, "problem")),
        };
        out.push(paint.paint(Tone::Bad, heading));
        out.extend(
            status
                .problems
                .iter()
                .map(|problem| format!("  - {}", clean_line(problem))),
        );
    }
    out.join("\n") + "\n"
}

fn node(node: &Node) -> Vec<Cell> {
    let (role, role_tone) = match node.role {
        Role::Primary => ("primary", Some(Tone::Heading)),
        Role::Standby => ("standby", None),
        Role::Witness => ("witness", None),
        Role::Down => ("down", Some(Tone::Bad)),
        Role::Unknown => ("unknown", Some(Tone::Bad)),
    };
    let state_tone = match node.state.as_str() {
        "running" | "streaming" => Some(Tone::Good),
        "catchup" | "starting" => Some(Tone::Changed),
        _ => Some(Tone::Bad),
    };
    let repmgrd_tone = match node.repmgrd.as_deref() {
        Some("running") | None => None,
        Some("paused") => Some(Tone::Changed),
        Some(_) => Some(Tone::Bad),
    };
    vec![
        (node.name.clone(), None),
        (role.to_owned(), role_tone),
        (node.state.clone(), state_tone),
        (
            or_dash(node.timeline.map(|timeline| timeline.to_string())),
            None,
        ),
        (or_dash(node.upstream.clone()), None),
        (or_dash(node.lag_bytes.map(size::bytes)), None),
        (or_dash(node.repmgrd.clone()), repmgrd_tone),
        (node.address.clone(), None),
    ]
}

fn pooler(pooler: &Pooler) -> Vec<Cell> {
    let (paused, tone) = match pooler.paused {
        Some(true) => ("yes", Some(Tone::Bad)),
        Some(false) => ("no", None),
        None => ("unknown", Some(Tone::Bad)),
    };
    vec![
        (pooler.name.clone(), None),
        (or_dash(pooler.target.clone()), None),
        (paused.to_owned(), tone),
    ]
}
