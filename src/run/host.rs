//! One host's part of a stage: one script, one answer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::compile::{self, FAILED_GUARD, FAILED_OP, STALE};
use super::events::{Event, Events, Outcome, Purpose};
use super::execute::{Cause, Failure};
use super::lock::{self, Lock};
use super::notes::Notes;
use super::said::{Said, shortened};
use crate::plan::Change;
use crate::problem::Problem;
use crate::secret::Secrets;
use crate::shell::prelude;
use crate::transport::{Frame, Script, Shell, Step, Stream};

/// What all parts of a run share.
#[derive(Clone, Copy)]
pub struct Shared<'a> {
    pub secrets: &'a Secrets,
    pub notes: &'a Notes,
    pub events: &'a Events,
}

/// How far a host is in a stage.
#[derive(Default)]
pub struct Tally {
    pub done: AtomicUsize,
    /// Whether the change after those has begun.
    pub at_work: AtomicBool,
}

/// What is known of the change that is at work.
struct Current {
    index: usize,
    since: Instant,
    out: Said,
    err: Said,
}

/// Makes one host's changes of one stage in one exchange, and counts those that were made; gives what went wrong with the
/// next.
pub async fn on_host(
    host: &str,
    changes: &[Change],
    shell: &mut Shell,
    shared: Shared<'_>,
    tally: &Tally,
) -> Option<Failure> {
    let Shared {
        secrets,
        notes,
        events,
    } = shared;
    let steps: Result<Vec<Step>, Problem> = changes
        .iter()
        .zip(1..)
        .map(|(change, id)| {
            let body = compile::change(&notes.fill(change)?, secrets)?;
            Ok(Step { id, body })
        })
        .collect();
    let steps = match steps {
        Ok(steps) => steps,
        Err(problem) => return Some(lost(host, None, problem)),
    };
    let script = Script {
        prelude: format!(
            "{}{}\n{}",
            prelude(),
            compile::functions(changes),
            Lock::Alone.prelude()
        ),
        steps: std::iter::once(Lock::Alone.step()).chain(steps).collect(),
        stop_at_failure: true,
    };
    events.tell(&Event::Exchange {
        host: host.to_owned(),
        purpose: Purpose::Stage,
    });
    let mut failed: Option<Failure> = None;
    let mut current: Option<Current> = None;
    // Numbered from 1; the frames have no other numbers than the script.
    let at = |id: u32| changes.get(id as usize - 1);
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
                line: shortened(&text),
            }),
            Frame::Begin { id } => {
                let Some(change) = at(id) else { return };
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
                    out: Said::default(),
                    err: Said::default(),
                });
            }
            Frame::Line { id, stream, text } => {
                if let (Some(current), Some(change)) = (&mut current, at(id)) {
                    events.tell(&Event::StepOutput {
                        host: host.to_owned(),
                        step: change.step.clone(),
                        line: shortened(&text),
                    });
                    match stream {
                        Stream::Out if notes.hear(host, &text) => {}
                        Stream::Out => current.out.push(&text),
                        Stream::Err => current.err.push(&text),
                    }
                }
            }
            Frame::End { id, code } => {
                let (Some(ended), Some(change)) = (current.take(), at(id)) else {
                    return;
                };
                tally.at_work.store(false, Ordering::Relaxed);
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
        let change = current.and_then(|current| changes.get(current.index).cloned());
        return Some(lost(host, change, problem));
    }
    failed
}

pub fn lost(host: &str, change: Option<Change>, problem: Problem) -> Failure {
    Failure {
        host: host.to_owned(),
        change,
        cause: Cause::Lost(problem),
    }
}

/// Which guard or operation of a change it was, from the mark that the script left on stderr.
fn failure(host: &str, change: &Change, code: i32, ended: Current) -> Failure {
    let (out, err) = (ended.out.lines(), ended.err.lines());
    let number = |mark: &str| {
        let line = err.iter().rev().find_map(|line| line.strip_prefix(mark));
        line.and_then(|number| number.parse::<usize>().ok())
    };
    let operation = number(FAILED_OP);
    let cause = match (code, number(FAILED_GUARD)) {
        (STALE, Some(guard)) => Cause::Stale { guard },
        _ => Cause::Failed {
            operation,
            code,
            err: err
                .into_iter()
                .filter(|line| !line.starts_with(FAILED_OP))
                .collect(),
            out,
        },
    };
    Failure {
        host: host.to_owned(),
        change: Some(change.clone()),
        cause,
    }
}
