//! Interprets a plan, stage by stage; makes no choice of its own.
//!
//! A plan with a decision in it is a transaction: what fails before the decision is undone, in reverse order; what fails
//! after it does not keep the other hosts from going on. A plan without one stops at the stage that failed.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use indexmap::IndexMap;
use serde::Serialize;
use tokio::time::timeout;

use super::events::{Event, Events, Stall};
use super::fleet::Fleet;
use super::host::{Shared, Tally, lost, on_host};
use super::notes::Notes;
use crate::plan::{Action, Change, Plan, Stage};
use crate::problem::Problem;
use crate::secret::Secrets;
use crate::transport::Shell;

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
    /// What became of what was done, where the plan can be undone and had to be.
    pub undone: Option<Undone>,
    /// How long clients waited, where it was a handover that was made.
    pub stall: Option<Stall>,
}

/// The way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Undone {
    /// Everything is as it was.
    Whole,
    /// Something could not be taken back, or it is not known whether it was done.
    InPart,
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

/// Runs the plan. A stage's hosts work at the same time; when one of them fails, the others finish the stage.
pub async fn execute(plan: &Plan, fleet: &mut Fleet, secrets: &Secrets, events: &Events) -> Report {
    execute_until(plan, fleet, secrets, events, std::future::pending()).await
}

/// As [`execute`], until `stop`: then nothing more is begun. What a host is at goes on there, since a command that is cut
/// in two helps nobody; once the connection is closed, nothing follows it. A plan with a decision is undone instead, and
/// past the decision goes on.
pub async fn execute_until(
    plan: &Plan,
    fleet: &mut Fleet,
    secrets: &Secrets,
    events: &Events,
    stop: impl Future<Output = ()>,
) -> Report {
    let notes = Notes::of(plan);
    let mut run = Run {
        fleet,
        shared: Shared {
            secrets,
            notes: &notes,
            events,
        },
        report: Report::default(),
        lost: BTreeSet::new(),
    };
    let mut stop = pin!(stop);
    let decision = plan.decision();
    let mut begun: Vec<Begun<'_>> = Vec::new();
    for (index, stage) in plan.stages.iter().enumerate() {
        let is_reversible = decision.is_some_and(|decision| index <= decision);
        let goes_on = decision.is_some_and(|decision| index > decision);
        let is_stopped = run.report.interrupted || !run.report.failures.is_empty();
        if run.report.undone.is_some() || (is_stopped && !goes_on) {
            run.report
                .not_done
                .extend(stage.hosts.values().flatten().cloned());
            continue;
        }
        run.shared.events.tell(&Event::StageStarted {
            stage: index + 1,
            stages: plan.stages.len(),
            hosts: stage.hosts.keys().cloned().collect(),
        });
        let since = Instant::now();
        let tallies = nothing_done(stage);
        let (failures, interrupted) = {
            let mut working = pin!(run.stage(stage, &tallies));
            tokio::select! {
                biased;
                failures = &mut working => (failures, false),
                () = &mut stop, if !goes_on => match is_reversible {
                    // Only what has ended can be undone.
                    true => (working.await, true),
                    false => (Vec::new(), true),
                },
            }
        };
        // What is decided is carried on with, whatever came in between.
        let is_reversible = is_reversible && !is_decided(stage, &tallies);
        run.note(
            failures,
            interrupted && (is_reversible || decision.is_none()),
        );
        run.count(stage, &tallies, decision.is_some());
        run.shared.events.tell(&Event::StageFinished {
            stage: index + 1,
            milliseconds: since.elapsed().as_millis() as u64,
        });
        begun.push(Begun { stage, tallies });
        if is_reversible && (run.report.interrupted || !run.report.failures.is_empty()) {
            run.report.undone = Some(run.undo(&begun).await);
        }
    }
    let is_left_to_the_hosts = run.report.undone == Some(Undone::InPart);
    let is_cut_off = run.report.interrupted && decision.is_none();
    if is_left_to_the_hosts || is_cut_off {
        let always = plan.always.iter().flat_map(|stage| stage.hosts.values());
        run.report.not_done.extend(always.flatten().cloned());
    } else {
        run.always(plan).await;
    }
    run.report
}

struct Run<'a> {
    fleet: &'a mut Fleet,
    shared: Shared<'a>,
    report: Report,
    /// Hosts that failed: nothing more is done on them.
    lost: BTreeSet<String>,
}

/// A stage that began, and how far each of its hosts got.
struct Begun<'a> {
    stage: &'a Stage,
    tallies: Vec<Tally>,
}

impl Run<'_> {
    /// One stage on all of its hosts at the same time; gives what failed.
    async fn stage(&mut self, stage: &Stage, tallies: &[Tally]) -> Vec<Failure> {
        let shared = self.shared;
        let patience = stage.deadline.map(u64::from).map(Duration::from_secs);
        let mut shells: BTreeMap<&String, &mut Shell> = self.fleet.shells.iter_mut().collect();
        let parts = stage.hosts.iter().zip(tallies);
        let parts = parts.filter(|((host, _), _)| !self.lost.contains(*host));
        let tasks = parts.map(|((host, changes), tally)| {
            let shell = shells.remove(host);
            async move {
                let Some(shell) = shell else {
                    let problem = Problem::unreachable("there is no connection to this host");
                    return Some(lost(host, None, problem));
                };
                let working = on_host(host, changes, shell, shared, tally);
                let Some(patience) = patience else {
                    return working.await;
                };
                match timeout(patience, working).await {
                    Ok(failure) => failure,
                    Err(_) => {
                        let seconds = patience.as_secs();
                        let what = format!("no answer within {seconds} s");
                        let at = changes.get(tally.done.load(Ordering::Relaxed)).cloned();
                        Some(lost(host, at, Problem::unreachable(what).on(host)))
                    }
                }
            }
        });
        join_all(tasks).await.into_iter().flatten().collect()
    }

    fn note(&mut self, failures: Vec<Failure>, interrupted: bool) {
        self.lost
            .extend(failures.iter().map(|failure| failure.host.clone()));
        self.report.failures.extend(failures);
        self.report.interrupted |= interrupted;
    }

    fn count(&mut self, stage: &Stage, tallies: &[Tally], is_whole: bool) {
        for (changes, tally) in stage.hosts.values().zip(tallies) {
            let done = tally.done.load(Ordering::Relaxed);
            self.report.changed += done;
            self.report.not_done.extend(changes[done..].iter().cloned());
            if self.report.interrupted && !is_whole && tally.at_work.load(Ordering::Relaxed) {
                self.report.at_work.extend(changes.get(done).cloned());
            }
        }
    }

    /// Takes back what was begun, the last first. A stage that cannot be taken back ends it: what came before it must not
    /// be, since clients that are let go on need a primary.
    async fn undo(&mut self, begun: &[Begun<'_>]) -> Undone {
        self.shared.events.tell(&Event::Undoing);
        // A host that failed is asked to take back what it began, too.
        self.lost.clear();
        for Begun { stage, tallies } in begun.iter().rev() {
            let back: IndexMap<String, Vec<Change>> = stage
                .hosts
                .iter()
                .zip(tallies)
                .map(|((host, changes), tally)| (host.clone(), way_back(changes, tally)))
                .filter(|(_, changes)| !changes.is_empty())
                .collect();
            if back.is_empty() {
                continue;
            }
            let stage = Stage {
                hosts: back,
                deadline: stage.deadline.map(|seconds| seconds.max(UNDO)),
            };
            let tallies = nothing_done(&stage);
            let failures = self.stage(&stage, &tallies).await;
            if !failures.is_empty() {
                self.report.failures.extend(failures);
                return Undone::InPart;
            }
        }
        Undone::Whole
    }

    /// What is done however the rest ended, also on a host that failed, as long as it answers. Past a decision such a host is
    /// left to its timer, which tries again.
    async fn always(&mut self, plan: &Plan) {
        if plan.decision().is_none() {
            let failures = &self.report.failures;
            self.lost.retain(|host| {
                let mut own = failures.iter().filter(|failure| failure.host == *host);
                own.any(|failure| matches!(failure.cause, Cause::Lost(_)))
            });
        }
        for stage in &plan.always {
            let tallies = nothing_done(stage);
            let failures = self.stage(stage, &tallies).await;
            self.note(failures, false);
            self.count(stage, &tallies, true);
        }
    }
}

/// A tally for each host of a stage that is about to begin.
fn nothing_done(stage: &Stage) -> Vec<Tally> {
    stage.hosts.iter().map(|_| Tally::default()).collect()
}

/// Whether the change that decides was made.
fn is_decided(stage: &Stage, tallies: &[Tally]) -> bool {
    stage.hosts.values().zip(tallies).any(|(changes, tally)| {
        let done = tally.done.load(Ordering::Relaxed);
        changes[..done].iter().any(|change| change.decides)
    })
}

/// Seconds that a host has to take something back: a server that crashed has to recover.
const UNDO: u32 = 60;

/// What takes back the changes of one host that were begun, the last first. The one that failed may have been done.
fn way_back(changes: &[Change], tally: &Tally) -> Vec<Change> {
    let done = tally.done.load(Ordering::Relaxed);
    let begun = changes.len().min(done + 1);
    changes[..begun]
        .iter()
        .rev()
        .filter(|change| !change.undo.is_empty())
        .map(|change| Change {
            action: Action::Undo,
            guards: Vec::new(),
            ops: change.undo.clone(),
            ..change.clone()
        })
        .collect()
}
