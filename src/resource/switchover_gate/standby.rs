//! What every standby must be like, the candidate too.

use super::Gate;
use crate::facts::{Receiver, Server};
use crate::problem::Problem;

pub fn refusals(gate: Gate<'_>) -> Vec<Problem> {
    let Some(server) = gate.server() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    found.extend(registered(gate));
    found.extend(streams(gate, server));
    found.extend(timeline(gate, server));
    found
}

fn registered(gate: Gate<'_>) -> Option<Problem> {
    if !gate.has_repmgr() {
        return None;
    }
    let nodes = &gate.primary()?.nodes;
    let problem = match nodes.get(gate.view.host) {
        None => Problem::refused("it is not registered in repmgr").because(format!(
            "`repmgr.nodes` on `{}` has no such node",
            gate.outgoing.name
        )),
        Some(node) if !node.active => Problem::refused("repmgr has it as failed")
            .because("`repmgr.nodes` says that it is not active"),
        Some(node) if node.kind != "standby" => {
            Problem::refused(format!("repmgr has it as a {}", node.kind))
        }
        Some(_) => return None,
    };
    Some(problem.hint("`pgha apply` registers it; see `pgha status`"))
}

fn streams(gate: Gate<'_>, server: &Server) -> Option<Problem> {
    let primary = &gate.outgoing.name;
    let Some(receiver) = &server.receiver else {
        return Some(
            Problem::refused(format!("it does not stream from the primary `{primary}`"))
                .because("`pg_stat_wal_receiver` is empty")
                .hint("its log says why: `journalctl -u postgresql@*`, or the files in /var/log/postgresql"),
        );
    };
    if receiver.status != "streaming" {
        return Some(
            Problem::refused(format!("it does not stream from the primary `{primary}`"))
                .because(format!("its WAL receiver is in `{}`", receiver.status))
                .hint("wait until `pgha status` says `streaming`"),
        );
    }
    // A sibling may be behind another standby; it follows the new primary afterwards.
    (gate.is_candidate() && !is_from_primary(gate, receiver)).then(|| {
        let host = receiver
            .host
            .as_deref()
            .unwrap_or("a server that is not told");
        let port = receiver
            .port
            .map_or_else(String::new, |port| format!(":{port}"));
        Problem::refused(format!("it does not stream from the primary `{primary}`"))
            .because(format!("it streams from {host}{port}"))
            .hint("`pgha apply` lets it follow the primary itself")
    })
}

fn is_from_primary(gate: Gate<'_>, receiver: &Receiver) -> bool {
    let Some(host) = receiver.host.as_deref() else {
        return false;
    };
    let known = gate
        .readiness()
        .and_then(|ready| ready.addresses.get(&gate.outgoing.name));
    let is_known = known.is_some_and(|known| known.iter().any(|address| address == host));
    receiver.port == Some(gate.outgoing.port) && (host == gate.outgoing.address || is_known)
}

fn timeline(gate: Gate<'_>, server: &Server) -> Option<Problem> {
    let received = server
        .receiver
        .as_ref()
        .and_then(|receiver| receiver.timeline);
    let own = received.or(server.timeline)?;
    let primary = gate.primary()?.timeline?;
    (own != primary).then(|| {
        Problem::refused(format!(
            "it is on timeline {own}, and the primary `{}` on {primary}",
            gate.outgoing.name
        ))
        .hint("it may follow another primary: see `pgha status`, and rebuild it if it has diverged")
    })
}
