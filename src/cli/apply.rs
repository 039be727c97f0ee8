//! `pgha apply`: plans, shows the plan, runs that very plan, and looks whether it came true.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::clusters;
use super::interrupt::{self, unless_asked};
use super::out;
use super::plan::{Common, Prepared};
use crate::plan::{Action, Change, Intent, Plan};
use crate::problem::{Kind, Problem, Problems};
use crate::render;
use crate::render::progress::Ending;
use crate::render::style::stderr_colours;
use crate::run::events::{Event, Purpose};
use crate::run::{Alone, Events, Fleet, Journal, Report, Taken, execute_until, kept_passwords};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Run the plan that `plan -o` kept; refused (exit 5) if the hosts have changed since
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Show the plan and stop
    #[arg(long, conflicts_with = "plan")]
    dry_run: bool,
}

/// Runs the verb; gives the exit code.
pub async fn run(arguments: Arguments) -> Result<u8, Problems> {
    let kept = arguments.plan.as_deref().map(read).transpose()?;
    let mode = if arguments.dry_run {
        Mode::Plan
    } else {
        Mode::ShowAndRun
    };
    let one_only = kept.as_ref().map(|_| "--plan");
    let one_only = one_only.or(arguments.common.one_only());
    let inputs = &arguments.common.inputs;
    clusters::over(
        inputs,
        one_only,
        |_| None,
        async |inputs| {
            let common = arguments.common.with(inputs);
            Ok(converge(&common, kept.clone(), mode).await?.code)
        },
    )
    .await
}

/// Makes the hosts of an inventory as declared, without showing the plan first; gives the exit code.
pub async fn quietly(inventory: &Path) -> Result<u8, Problems> {
    let ended = converge(&Common::of(inventory), None, Mode::Run).await?;
    Ok(ended.code)
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Plan,
    ShowAndRun,
    Run,
}

/// How a plan ended.
#[derive(Default)]
pub struct Ended {
    /// The exit code.
    pub code: u8,
    /// Whether there was anything to do.
    pub changes: bool,
    /// The changes that failed.
    pub failed: Vec<Change>,
    /// The member that is the primary, or that it was to be.
    pub primary: String,
    /// The primary that was replaced, if one was.
    pub outgoing: Option<String>,
    /// Whether it was run, and more can be planned now.
    unfinished: bool,
}

/// Plans, and runs the plan unless it is only to be shown; then what could not be planned before that was run, unless the plan
/// was a kept one, beside which nobody has seen another.
///
/// # Errors
/// There is no plan, or the kept one is stale.
pub async fn converge(common: &Common, kept: Option<Plan>, mode: Mode) -> Result<Ended, Problems> {
    let is_kept = kept.is_some();
    let ended = round(common, kept, mode).await?;
    // Only the first round starts a server: what is still unfinished after the next is told by that.
    if !ended.unfinished || ended.code != 0 || is_kept {
        return Ok(ended);
    }
    let rest = round(common, None, mode).await?;
    Ok(Ended {
        changes: true,
        ..rest
    })
}

/// One plan, and its run.
async fn round(common: &Common, kept: Option<Plan>, mode: Mode) -> Result<Ended, Problems> {
    let began = Instant::now();
    let is_kept = kept.is_some();
    let events = super::listen(common.verbose);
    let journal = Journal::of(&events);
    let mut prepared = Prepared::new(common)?;
    let _alone = match mode {
        Mode::Plan => None,
        Mode::ShowAndRun | Mode::Run => Some(turn(common, &mut prepared).await?),
    };
    prepared.waits =
        mode != Mode::Plan && matches!(common.intent, Intent::Converge | Intent::NewCluster);
    let (mut fleet, plan) = unless_asked(prepared.observe(&events, Purpose::Probe)).await?;
    if let Some(kept) = kept
        && kept != plan
    {
        leave(fleet, &events).await;
        return Err(stale(&kept, &plan));
    }
    if plan.bootstrap && matches!(common.intent, Intent::Failover(_) | Intent::Returning(_)) {
        leave(fleet, &events).await;
        return Err(Problem::refused("there is no cluster on these hosts yet")
            .hint("`pgha apply` makes it")
            .into());
    }
    if common.only_changes && plan.is_empty() {
        leave(fleet, &events).await;
        return Ok(Ended::default());
    }
    if mode == Mode::Plan || (mode == Mode::ShowAndRun && !common.json) {
        common.print(&plan, prepared.hosts().len());
    }
    for absent in &prepared.absent {
        eprintln!(
            "note: {}: {}; the rest goes on without it",
            absent.host.as_deref().unwrap_or_default(),
            absent.what
        );
    }
    prepared.settle();
    if mode != Mode::Plan
        && let Err(problem) = journal.keep(&common.inputs.inventory, &plan)
    {
        leave(fleet, &events).await;
        return Err(problem.into());
    }
    if mode == Mode::Plan || plan.is_empty() {
        leave(fleet, &events).await;
        if common.json && mode != Mode::Plan {
            print_json(&plan, &Report::default(), &[]);
        }
        return Ok(Ended {
            changes: !plan.is_empty(),
            primary: plan.primary,
            ..Ended::default()
        });
    }
    let ended = carry_out(&mut prepared, &plan, &mut fleet, &events).await;
    close(fleet).await;
    let (report, problems) = ended?;
    let milliseconds = finished(&events, &report, problems.len(), began);
    // One document for each verb: of what comes before another plan only a failure is told.
    if common.json && !((common.only_changes || plan.unfinished && !is_kept) && problems.is_empty())
    {
        print_json(&plan, &report, &problems);
    }
    let problems = Problems(problems);
    render::problem::print(&problems);
    summary(&report, problems.0.len(), milliseconds);
    let code = if report.interrupted {
        Kind::Interrupted.exit_code()
    } else if problems.0.is_empty() {
        0
    } else {
        problems.exit_code()
    };
    let failures = report.failures.into_iter();
    Ok(Ended {
        code,
        changes: true,
        failed: failures.filter_map(|failure| failure.change).collect(),
        primary: plan.candidate().to_owned(),
        outgoing: plan.outgoing().map(str::to_owned),
        unfinished: plan.unfinished,
    })
}

/// Nothing was run: the connections are closed, and nothing more is told of them.
pub async fn leave(fleet: Fleet, events: &Events) {
    fleet.close().await;
    events.silence();
}

/// Somebody who asks again does not want to wait for hosts to say goodbye.
pub async fn close(fleet: Fleet) {
    tokio::select! {
        () = fleet.close() => {}
        () = interrupt::asked() => {}
    }
}

/// Tells the end of a run that `began` then, the last event of it; gives how long it took, in milliseconds. What is not as
/// predicted `failed` as well.
pub fn finished(events: &Events, report: &Report, failed: usize, began: Instant) -> u64 {
    let milliseconds = began.elapsed().as_millis() as u64;
    events.tell(&Event::Finished {
        changed: report.changed,
        failed,
        not_done: report.not_done.len(),
        milliseconds,
    });
    events.silence();
    milliseconds
}

/// Waits until no other apply with this inventory is at work.
pub async fn turn(common: &Common, prepared: &mut Prepared) -> Result<Alone, Problems> {
    let queue = match Alone::take(&common.inputs.inventory)? {
        Taken::AtOnce(alone) => return Ok(alone),
        Taken::Busy(queue) => queue,
    };
    let process = queue
        .process
        .map_or_else(String::new, |id| format!(" (process {id})"));
    eprintln!("waiting for another apply with this inventory{process} to end");
    let alone = unless_asked(async { Ok(queue.wait().await?) }).await?;
    // It may have made secrets.
    *prepared = Prepared::new(common)?;
    Ok(alone)
}

/// Runs the plan, and plans again: what is left then is not as predicted.
async fn carry_out(
    prepared: &mut Prepared,
    plan: &Plan,
    fleet: &mut Fleet,
    events: &Events,
) -> Result<(Report, Vec<Problem>), Problems> {
    let (report, mut problems) = make(prepared, plan, fleet, events).await?;
    // What comes next is not as it predicted, and cannot be.
    if problems.is_empty() && !report.interrupted && !plan.unfinished {
        let left = unless_asked(left(prepared, fleet, events)).await;
        problems.extend(left.unwrap_or_else(|found| found.0));
    }
    Ok((report, problems))
}

/// Makes the secrets that are missing, and runs the plan; what failed.
///
/// # Errors
/// The secrets cannot be kept; nothing was done.
pub async fn make(
    prepared: &mut Prepared,
    plan: &Plan,
    fleet: &mut Fleet,
    events: &Events,
) -> Result<(Report, Vec<Problem>), Problems> {
    let loaded = &mut prepared.loaded;
    let primary = loaded.inventory.hosts.get(&plan.primary);
    let port = primary.map_or(0, |host| host.variables.postgresql_port);
    let found = kept_passwords(plan, port, fleet).await?;
    loaded.store.keep(&mut loaded.secrets, &found)?;
    loaded.store.complete(&mut loaded.secrets, plan.secrets())?;
    let known = &prepared.loaded.secrets;
    let report = execute_until(plan, fleet, known, events, interrupt::asked()).await;
    let problems = report
        .failures
        .iter()
        .map(render::failure::problem)
        .collect();
    Ok((report, problems))
}

/// Plans again after a run: what is not as it predicted.
///
/// # Errors
/// It cannot be planned.
pub async fn left(
    prepared: &mut Prepared,
    fleet: &mut Fleet,
    events: &Events,
) -> Result<Vec<Problem>, Problems> {
    let left = prepared
        .plan(fleet, Vec::new(), events, Purpose::Verify)
        .await?;
    Ok(unexpected(&left).collect())
}

/// What a plan right after a run still wants to change.
fn unexpected(left: &Plan) -> impl Iterator<Item = Problem> {
    left.changes()
        .filter(|change| change.action != Action::AlwaysRuns)
        .map(|change| {
            let differs: Vec<String> = change
                .fields
                .iter()
                .map(|field| field.name.clone())
                .collect();
            Problem::failed(format!("`{}` is not as the plan predicted", change.subject))
                .on(&change.host)
                .step(&change.step)
                .because(if differs.is_empty() {
                    "its content differs".to_owned()
                } else {
                    format!("these differ: {}", differs.join(", "))
                })
                .hint("`pgha plan` shows what differs; something else may be writing there")
        })
}

fn read(path: &Path) -> Result<Plan, Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        Problem::input(format!("`{}` is no plan that can be read", path.display()))
            .because(error)
            .hint("`pgha plan -o FILE` writes one")
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    serde_json::from_str(&text).map_err(|error| failed(&error))
}

/// What moved between the plan that was kept and the one that would be made now.
fn stale(kept: &Plan, now: &Plan) -> Problems {
    let mut problems: Vec<Problem> = Vec::new();
    let mut tell = |from: &Plan, to: &Plan, words: &str| {
        for change in from.changes() {
            if !to.changes().any(|other| other == change) {
                problems.push(
                    Problem::stale(format!(
                        "`{}` has moved since the plan was made",
                        change.subject
                    ))
                    .on(&change.host)
                    .step(&change.step)
                    .because(words),
                );
            }
        }
    };
    tell(
        kept,
        now,
        "the kept plan's change is not the one that is needed now",
    );
    tell(
        now,
        kept,
        "a change is needed now that the kept plan does not have",
    );
    problems.dedup_by(|one, other| {
        (&one.host, &one.step, &one.what) == (&other.host, &other.step, &other.what)
    });
    let mut seen = std::collections::BTreeSet::new();
    problems.retain(|problem| {
        seen.insert((
            problem.host.clone(),
            problem.step.clone(),
            problem.what.clone(),
        ))
    });
    if problems.is_empty() {
        problems.push(Problem::stale(
            "the order of the changes, or what is held back, has moved since the plan was made",
        ));
    }
    if let Some(last) = problems.last_mut() {
        last.hint = Some("nothing was done; make a new plan and look at it".to_owned());
    }
    Problems(problems)
}

pub fn summary(report: &Report, failed: usize, milliseconds: u64) {
    let ending = Ending {
        changed: report.changed,
        failed,
        milliseconds,
        interrupted: report.interrupted,
        not_done: &report.not_done,
        at_work: &report.at_work,
    };
    eprint!("{}", render::progress::summary(&ending, stderr_colours()));
}

pub fn print_json(plan: &Plan, report: &Report, problems: &[Problem]) {
    let not_done: Vec<serde_json::Value> = report
        .not_done
        .iter()
        .map(|change| serde_json::json!({"host": change.host, "step": change.step, "subject": change.subject}))
        .collect();
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let document = serde_json::json!({
        "plan": plan,
        "changed": report.changed,
        "failed": report.failures.len(),
        "interrupted": report.interrupted,
        "undone": report.undone,
        "stall_milliseconds": report.stall,
        "not_done": not_done,
        "problems": problems,
    });
    out::json(&document);
}
