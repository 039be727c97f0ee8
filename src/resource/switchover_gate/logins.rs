//! The ways from host to host that a handover and its timers go, as each host tried them.

use super::Gate;
use crate::facts::Tried;
use crate::problem::Problem;

/// The old primary and the siblings replicate from the candidate afterwards; its timer asks the old primary's host.
pub fn refusals(gate: Gate<'_>) -> Vec<Problem> {
    let Some(ready) = gate.readiness() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if gate.is_candidate() {
        let outgoing = &gate.outgoing.name;
        found.extend(failure(ready.ssh.get(outgoing)).map(|cause| {
            Problem::refused(format!("`postgres` cannot log in to `{outgoing}` over SSH"))
                .because(cause)
                .hint("its timer asks there what was decided; `pgha apply` sets up keys and known hosts")
        }));
    } else {
        let candidate = &gate.candidate.name;
        let facts = gate.facts_of(gate.candidate);
        let answers = facts.is_some_and(|facts| facts.server.answers().is_some());
        let hint = match answers {
            true => "it will follow the new primary: look at pg_hba.conf there and `/etc/pgha/pgpass` here; `pgha apply` writes both".to_owned(),
            false => format!("it will follow the new primary: PostgreSQL on `{candidate}` must answer"),
        };
        found.extend(failure(ready.replication.get(candidate)).map(|cause| {
            Problem::refused(format!("it cannot replicate from `{candidate}`"))
                .because(cause)
                .hint(hint)
        }));
    }
    found
}

/// Timers find the primary by themselves: on this host, too, and it must be the one that pgha sees.
pub fn find_primary(gate: Gate<'_>) -> Option<Problem> {
    let tried = &gate.readiness()?.primary;
    let named = tried.said.split_whitespace().next().unwrap_or_default();
    let outgoing = &gate.outgoing.name;
    let (what, cause) = match failure(Some(tried)) {
        Some(cause) => ("`find-primary` does not find the primary".to_owned(), cause),
        None if named != outgoing => (
            format!("`find-primary` takes `{named}` for the primary, and it is `{outgoing}`"),
            tried.said.clone(),
        ),
        None => return None,
    };
    let hint = match gate.primary() {
        Some(_) => {
            "if pgha is cut off, this host depends on it; `pgha apply` installs it and its login"
                .to_owned()
        }
        None => format!("PostgreSQL on `{outgoing}` must answer"),
    };
    Some(Problem::refused(what).because(cause).hint(hint))
}

fn failure(tried: Option<&Tried>) -> Option<String> {
    match tried {
        None => Some("it was not tried".to_owned()),
        Some(Tried { code: 0, .. }) => None,
        Some(Tried { code: 124, said }) => {
            Some(format!("no answer in time {said}").trim().to_owned())
        }
        Some(Tried { code, said }) if said.is_empty() => Some(format!("exit code {code}")),
        Some(Tried { said, .. }) => Some(said.clone()),
    }
}
