//! New configuration on trial, before anything of a plan is begun: each program reads the file that is to be its own, aside.

use futures_util::future::join_all;

use super::compile::{FUNCTIONS, TRIALS, trial};
use super::events::{Event, Events, Purpose};
use super::fleet::Fleet;
use super::lock::{self, Lock};
use super::said::Said;
use crate::plan::{Change, Check, Guard, Op, Plan};
use crate::problem::Problem;
use crate::secret::Secrets;
use crate::shell::{join, prelude, quote};
use crate::transport::{Frame, Script, Shell, Step};

/// Has the programs that are there try the files that the plan will give them, on all hosts at the same time; gives what they refuse.
/// What a plan installs first, or brings first, is tried when it is written.
pub async fn trials(
    fleet: &mut Fleet,
    plan: &Plan,
    secrets: &Secrets,
    events: &Events,
) -> Vec<Problem> {
    let asked = fleet.shells.iter_mut().filter_map(|(host, shell)| {
        let candidates = candidates(plan, host, secrets);
        (!candidates.is_empty()).then(|| on_host(host, shell, candidates, events))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// A file on trial: whose it is, and the script that tries it.
struct Candidate<'p> {
    change: &'p Change,
    path: &'p str,
    program: String,
    body: String,
}

/// The files that can be tried as the host is now: before the plan makes anything new there.
fn candidates<'p>(plan: &'p Plan, host: &str, secrets: &Secrets) -> Vec<Candidate<'p>> {
    let changes = plan.stages.iter().flat_map(|stage| stage.hosts.get(host));
    let changes = changes.flatten();
    let as_now = changes.take_while(|change| !brings(change));
    as_now
        .flat_map(|change| change.ops.iter().map(move |op| (change, op)))
        .filter_map(|(change, op)| {
            let Op::WriteFile {
                path,
                content,
                validate: Some(check),
                ..
            } = op
            else {
                return None;
            };
            let program = check.program()?;
            // A secret that is yet to be made is in no file that could be tried.
            let body = trial(path, content, check, secrets).ok()?;
            let body = format!("{}{body}", unless_absent(&program, check));
            Some(Candidate {
                change,
                path,
                program,
                body,
            })
        })
        .collect()
}

/// Whether a change makes what was not there: it may be what a file after it names.
fn brings(change: &Change) -> bool {
    let runs = |op: &Op| matches!(op, Op::Run { .. });
    let absent = |guard: &Guard| matches!(guard, Guard::PathAbsent { .. });
    let tries = |op: &Op| matches!(op, Op::WriteFile { validate: Some(check), .. } if check.program().is_some());
    change.ops.iter().any(runs)
        || (change.guards.iter().any(absent) && !change.ops.iter().any(tries))
}

/// Ends a trial before it begins where the program, or the data that it needs, are not there yet.
fn unless_absent(program: &str, check: &Check) -> String {
    let control = match check {
        Check::Postgresql { data, .. } | Check::Hba { data, .. } => {
            format!("{data}/global/pg_control")
        }
        _ => program.to_owned(),
    };
    format!(
        "set -e\n[ -x {} ] && [ -e {} ] || exit 0\n",
        quote(program),
        quote(&control)
    )
}

async fn on_host(
    host: &str,
    shell: &mut Shell,
    candidates: Vec<Candidate<'_>>,
    events: &Events,
) -> Vec<Problem> {
    let steps = candidates.iter().zip(1..).map(|(candidate, id)| Step {
        id,
        body: candidate.body.clone(),
    });
    let script = Script {
        prelude: format!(
            "{}{FUNCTIONS}{TRIALS}\n{}",
            prelude(),
            Lock::Settled.prelude()
        ),
        steps: std::iter::once(Lock::Settled.step()).chain(steps).collect(),
        stop_at_failure: false,
    };
    events.tell(&Event::Exchange {
        host: host.to_owned(),
        purpose: Purpose::Trial,
    });
    let mut said: Vec<Said> = candidates.iter().map(|_| Said::default()).collect();
    let mut problems = Vec::new();
    let outcome = shell
        .exchange(&script, &mut |frame| match frame {
            Frame::Begin { .. } => {}
            Frame::Line { id, text, .. } => {
                if let Some(said) = said.get_mut((id as usize).wrapping_sub(1)) {
                    said.push(&text);
                }
            }
            Frame::End { id, code } if code != 0 => {
                problems.push(match candidates.get((id as usize).wrapping_sub(1)) {
                    Some(candidate) => refused(candidate, &said[id as usize - 1]).on(host),
                    None => lock::busy().on(host),
                });
            }
            Frame::End { .. } => {}
        })
        .await;
    problems.extend(outcome.err().map(|problem| problem.on(host)));
    problems
}

fn refused(candidate: &Candidate<'_>, said: &Said) -> Problem {
    let Candidate {
        change,
        path,
        program,
        ..
    } = candidate;
    let lines = said.lines();
    let why = match lines.is_empty() {
        true => "it did not say why".to_owned(),
        false => lines.join("\n"),
    };
    Problem::refused(format!("{} does not take the new `{path}`", join([program])))
        .step(&change.step)
        .because(why)
        .hint("nothing was changed; put the setting right in the inventory, or bring what it names to the host first")
}
