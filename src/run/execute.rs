//! Interprets a plan, stage by stage; makes no choice of its own.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::future::join_all;

use super::compile::{self, FAILED_GUARD, FAILED_OP, STALE};
use super::events::{Event, Events, Outcome, Purpose};
use super::fleet::Fleet;
use super::lock::{self, Lock};
use crate::plan::{Change, Plan};
use crate::problem::Problem;
use crate::secret::Secrets;
use crate::shell::PRELUDE;
use crate::transport::{Frame, Script, Shell, Step, Stream};

/// How a run ended.
#[derive(Default)]
pub struct Report {
    pub changed: usize,
    pub failures: Vec<Failure>,
    /// Changes that were not made, in the plan's order; the failed ones are among them.
    pub not_done: Vec<Change>,
    /// Whether the run was told to stop before its end.
    pub interrupted: bool,
    /// Of those not done: what was at work when the run was interrupted, and goes on to its end on the host.
    pub at_work: Vec<Change>,
}

/// What stopped a host.
pub struct Failure {
    pub host: String,
    /// The change that was at work, if one was.
    pub change: Option<Change>,
    pub cause: Cause,
}

pub enum Cause {
    /// The change's guard of this number did not hold; nothing of the change was done.
    Stale { guard: usize },
    /// The change's operation of this number exited with `code`.
    Failed {
        operation: Option<usize>,
        code: i32,
        out: Vec<String>,
        err: Vec<String>,
    },
    /// The connection broke, or the change could not be sent; whether it was done is not known.
    Lost(Problem),
}

/// Runs the plan. A stage's hosts work at the same time; when one of them fails, the others finish the stage, and the next
/// one does not start.
pub async fn execute(plan: &Plan, fleet: &mut Fleet, secrets: &Secrets, events: &Events) -> Report {
    execute_until(plan, fleet, secrets, events, std::future::pending()).await
}

/// As [`execute`], until `stop`: then nothing more is begun. What a host is at goes on there, since a command that is cut
/// in two helps nobody; once the connection is closed, nothing follows it.
pub async fn execute_until(
    plan: &Plan,
    fleet: &mut Fleet,
    secrets: &Secrets,
    events: &Events,
    stop: impl Future<Output = ()>,
) -> Report {
    let mut stop = pin!(stop);
    let mut report = Report::default();
    for (index, stage) in plan.stages.iter().enumerate() {
        if report.interrupted || !report.failures.is_empty() {
            report
                .not_done
                .extend(stage.hosts.values().flatten().cloned());
            continue;
        }
        let began = Instant::now();
        events.tell(&Event::StageStarted {
            stage: index + 1,
            stages: plan.stages.len(),
            hosts: stage.hosts.keys().cloned().collect(),
        });
        let tallies: Vec<Tally> = stage.hosts.iter().map(|_| Tally::default()).collect();
        let mut shells: BTreeMap<&String, &mut Shell> = fleet.shells.iter_mut().collect();
        let tasks = stage
            .hosts
            .iter()
            .zip(&tallies)
            .map(|((host, changes), tally)| {
                let shell = shells.remove(host);
                async move {
                    match shell {
                        Some(shell) => on_host(host, changes, shell, secrets, events, tally).await,
                        None => {
                            let problem =
                                Problem::unreachable("there is no connection to this host");
                            Some(lost(host, None, problem))
                        }
                    }
                }
            });
        tokio::select! {
            biased;
            failures = join_all(tasks) => report.failures.extend(failures.into_iter().flatten()),
            () = &mut stop => report.interrupted = true,
        }
        for (changes, tally) in stage.hosts.values().zip(&tallies) {
            let done = tally.done.load(Ordering::Relaxed);
            report.changed += done;
            report.not_done.extend(changes[done..].iter().cloned());
            if report.interrupted && tally.at_work.load(Ordering::Relaxed) {
                report.at_work.extend(changes.get(done).cloned());
            }
        }
        events.tell(&Event::StageFinished {
            stage: index + 1,
            milliseconds: began.elapsed().as_millis() as u64,
        });
    }
    report
}

/// How far a host is in a stage.
#[derive(Default)]
struct Tally {
    done: AtomicUsize,
    /// Whether the change after those has begun.
    at_work: AtomicBool,
}

/// What is known of the change that is at work.
struct Current {
    index: usize,
    since: Instant,
    out: Vec<String>,
    err: Vec<String>,
}

/// Makes one host's changes of one stage in one exchange, and counts those that were made; gives what went wrong with the
/// next.
async fn on_host(
    host: &str,
    changes: &[Change],
    shell: &mut Shell,
    secrets: &Secrets,
    events: &Events,
    tally: &Tally,
) -> Option<Failure> {
    let steps: Result<Vec<Step>, Problem> = changes
        .iter()
        .zip(1..)
        .map(|(change, id)| {
            let body = compile::change(change, secrets)?;
            Ok(Step { id, body })
        })
        .collect();
    let steps = match steps {
        Ok(steps) => steps,
        Err(problem) => return Some(lost(host, None, problem)),
    };
    let script = Script {
        prelude: format!("{PRELUDE}\n{}", Lock::Alone.prelude()),
        steps: std::iter::once(Lock::Alone.step()).chain(steps).collect(),
        stop_at_failure: true,
    };
    events.tell(&Event::Exchange {
        host: host.to_owned(),
        purpose: Purpose::Stage,
    });
    let mut failed: Option<Failure> = None;
    let mut current: Option<Current> = None;
    let outcome = shell
        .exchange(&script, &mut |frame| match frame {
            Frame::Begin { id: lock::STEP } => {}
            Frame::End {
                id: lock::STEP,
                code,
            } => {
                if code != 0 {
                    failed = Some(lost(host, None, lock::busy()));
                }
            }
            Frame::Line {
                id: lock::STEP,
                text,
                ..
            } => events.tell(&Event::StepOutput {
                host: host.to_owned(),
                step: "starting".to_owned(),
                line: text,
            }),
            Frame::Begin { id } => {
                let change = &changes[id as usize - 1];
                events.tell(&Event::StepStarted {
                    host: host.to_owned(),
                    step: change.step.clone(),
                    action: change.action,
                    resource: change.resource.clone(),
                    subject: change.subject.clone(),
                });
                tally.at_work.store(true, Ordering::Relaxed);
                current = Some(Current {
                    index: id as usize - 1,
                    since: Instant::now(),
                    out: Vec::new(),
                    err: Vec::new(),
                });
            }
            Frame::Line { id, stream, text } => {
                if let Some(current) = &mut current {
                    events.tell(&Event::StepOutput {
                        host: host.to_owned(),
                        step: changes[id as usize - 1].step.clone(),
                        line: text.clone(),
                    });
                    match stream {
                        Stream::Out => current.out.push(text),
                        Stream::Err => current.err.push(text),
                    }
                }
            }
            Frame::End { id, code } => {
                let Some(ended) = current.take() else { return };
                tally.at_work.store(false, Ordering::Relaxed);
                let change = &changes[id as usize - 1];
                let outcome = match code {
                    0 => Outcome::Changed,
                    STALE => Outcome::Stale,
                    _ => Outcome::Failed,
                };
                events.tell(&Event::StepFinished {
                    host: host.to_owned(),
                    step: change.step.clone(),
                    action: change.action,
                    resource: change.resource.clone(),
                    subject: change.subject.clone(),
                    milliseconds: ended.since.elapsed().as_millis() as u64,
                    outcome,
                });
                if outcome == Outcome::Changed {
                    tally.done.fetch_add(1, Ordering::Relaxed);
                } else {
                    failed = Some(failure(host, change, code, ended));
                }
            }
        })
        .await;
    if let Err(problem) = outcome {
        let change = current.map(|current| changes[current.index].clone());
        return Some(lost(host, change, problem));
    }
    failed
}

fn lost(host: &str, change: Option<Change>, problem: Problem) -> Failure {
    Failure {
        host: host.to_owned(),
        change,
        cause: Cause::Lost(problem),
    }
}

/// Which guard or operation of a change it was, from the mark that the script left on stderr.
fn failure(host: &str, change: &Change, code: i32, ended: Current) -> Failure {
    let number = |mark: &str| {
        let line = ended
            .err
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix(mark));
        line.and_then(|number| number.parse::<usize>().ok())
    };
    let operation = number(FAILED_OP);
    let cause = match (code, number(FAILED_GUARD)) {
        (STALE, Some(guard)) => Cause::Stale { guard },
        _ => Cause::Failed {
            operation,
            code,
            err: ended
                .err
                .iter()
                .filter(|line| !line.starts_with(FAILED_OP))
                .cloned()
                .collect(),
            out: ended.out,
        },
    };
    Failure {
        host: host.to_owned(),
        change: Some(change.clone()),
        cause,
    }
}
