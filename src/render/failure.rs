//! What stopped a host, as a problem: the step, the operation, its exit code, and what it said.

use super::op::{guard_line, op_lines};
use crate::problem::Problem;
use crate::run::{Cause, Failure};

/// Lines of a command's output that are shown when it said nothing on stderr.
const LAST_LINES: usize = 20;

/// The failure as a user is told of it.
pub fn problem(failure: &Failure) -> Problem {
    let problem = match (&failure.cause, &failure.change) {
        (Cause::Stale { guard }, change) => {
            let guard = change.as_ref().and_then(|change| change.guards.get(*guard));
            Problem::stale("this host is not as it was when the plan was made")
                .because(format!(
                    "no longer true: {}",
                    guard.map_or_else(String::new, guard_line)
                ))
                .hint("plan again; nothing of this step was done")
        }
        (
            Cause::Failed {
                operation,
                code,
                out,
                err,
            },
            change,
        ) => {
            let operation = operation
                .zip(change.as_ref())
                .and_then(|(index, change)| change.ops.get(index));
            let what = match operation.and_then(|op| op_lines(op).into_iter().next()) {
                Some(line) => format!("exit code {code} from `{}`", line.trim()),
                None => format!("exit code {code}"),
            };
            // Some programs complain on stdout only.
            let said = if err.iter().all(|line| line.trim().is_empty()) {
                &out[out.len().saturating_sub(LAST_LINES)..]
            } else {
                &err[..]
            };
            Problem::failed(what).because(said.join("\n"))
        }
        (Cause::Lost(problem), _) => problem.clone(),
    };
    let problem = problem.on(&failure.host);
    match &failure.change {
        Some(change) => problem.step(format!("{}: {}", change.step, change.subject)),
        None => problem,
    }
}
