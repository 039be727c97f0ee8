//! What goes on at the primary that is replaced.

use super::{Gate, is_off, sessions};
use crate::facts::Server;
use crate::problem::Problem;
use crate::size;
use crate::words::{count, list};

/// WAL files of 16 MiB that the archiver may have left: a shutdown waits until it has them all.
const READY: u32 = 64;

pub fn refusals(gate: Gate<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    found.extend(registered(gate));
    found.extend(signal(gate));
    found.extend(archiver(gate));
    found.extend(backups(gate));
    found.extend(sessions::refusal(gate));
    found
}

pub fn warnings(gate: Gate<'_>) -> Vec<String> {
    let mut found = sessions::warnings(gate);
    found.extend(gate.server().and_then(|server| rewind(gate, server)));
    found
}

fn registered(gate: Gate<'_>) -> Option<Problem> {
    let server = gate.server()?;
    (gate.has_repmgr() && !server.nodes.contains_key(gate.view.host)).then(|| {
        Problem::refused("it is not registered in repmgr")
            .because("`repmgr.nodes` has no such node")
            .hint("`pgha apply` registers it; see `pgha status`")
    })
}

/// It would be taken for one that is decided already.
fn signal(gate: Gate<'_>) -> Option<Problem> {
    let data = gate.view.facts().data.as_ref()?;
    data.standby_signal.then(|| {
        Problem::refused("`standby.signal` is in the data directory of a server that takes writes")
            .hint("remove the file, if the server is to stay a primary until it hands over")
    })
}

fn archiver(gate: Gate<'_>) -> Option<Problem> {
    let activity = gate.activity()?;
    let ready = activity.archive_ready;
    let wait = if ready == 1 { "waits" } else { "wait" };
    let files = format!("{} {wait}", count(ready as usize, "WAL file"));
    let problem = if activity.archiver_fails {
        Problem::refused("WAL is not archived: the last attempt failed").because(format!(
            "{files}; `pg_stat_archiver` tells the last failure"
        ))
    } else if ready > READY {
        Problem::refused(format!("{files} to be archived"))
    } else {
        return None;
    };
    Some(problem.hint("a shutdown waits for the archiver, and clients with it: let it catch up, see `archive_command`"))
}

fn backups(gate: Gate<'_>) -> Option<Problem> {
    let backups = &gate.activity()?.backups;
    (!backups.is_empty()).then(|| {
        Problem::refused("a base backup is being taken from the primary, and would be cut off")
            .because(backups.join(", "))
            .hint("wait until it is done, or end it")
    })
}

/// A clean handover needs no `pg_rewind`, so this forbids nothing; one that fails half-way may.
fn rewind(gate: Gate<'_>, server: &Server) -> Option<String> {
    let data = gate.view.facts().data.as_ref()?;
    (!data.checksums && is_off(server, "wal_log_hints")).then(|| {
        format!(
            "it has neither data checksums nor `wal_log_hints`: should it ever diverge from {}, it must be cloned anew ({} of data)",
            list(&[&gate.candidate.name]),
            size::bytes(server.size)
        )
    })
}
