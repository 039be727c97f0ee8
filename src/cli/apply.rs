//! `pgha apply`: plans, shows the plan, runs that very plan, and looks whether it came true.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::interrupt::{self, unless_asked};
use super::out;
use super::plan::{Common, Prepared};
use crate::plan::{Action, Plan};
use crate::problem::{Kind, Problem, Problems};
use crate::render;
use crate::render::progress::Ending;
use crate::render::style::stderr_colours;
use crate::run::events::{Event, Purpose};
use crate::run::{Alone, Events, Fleet, Journal, Report, Taken, execute_until, secrets};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Run the plan that `plan -o` kept; refused if anything has moved since
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Only plan
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
    converge(&arguments.common, kept, mode).await
}

/// Makes the hosts of an inventory as declared, without showing the plan first; gives the exit code.
pub async fn quietly(inventory: &Path) -> Result<u8, Problems> {
    converge(&Common::of(inventory), None, Mode::Run).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plan,
    ShowAndRun,
    Run,
}

async fn converge(common: &Common, kept: Option<Plan>, mode: Mode) -> Result<u8, Problems> {
    let began = Instant::now();
    let events = super::listen(common.verbose);
    let journal = Journal::of(&events);
    let mut prepared = Prepared::new(common)?;
    let _alone = match mode {
        Mode::Plan => None,
        Mode::ShowAndRun | Mode::Run => Some(turn(common, &mut prepared).await?),
    };
    let (mut fleet, plan) = unless_asked(prepared.observe(&events, Purpose::Probe)).await?;
    if let Some(kept) = kept
        && kept != plan
    {
        fleet.close().await;
        events.silence();
        return Err(stale(&kept, &plan));
    }
    if mode == Mode::Plan || (mode == Mode::ShowAndRun && !common.json) {
        common.print(&plan, prepared.hosts().len());
    }
    if mode != Mode::Plan
        && let Err(problem) = journal.keep(&common.inputs.inventory, &plan)
    {
        fleet.close().await;
        events.silence();
        return Err(problem.into());
    }
    if mode == Mode::Plan || plan.is_empty() {
        fleet.close().await;
        events.silence();
        if common.json && mode != Mode::Plan {
            print_json(&plan, &Report::default(), &[]);
        }
        return Ok(0);
    }
    let ended = carry_out(&mut prepared, &plan, &mut fleet, &events).await;
    // Somebody who asks again does not want to wait for hosts to say goodbye.
    tokio::select! {
        () = fleet.close() => {}
        () = interrupt::asked() => {}
    }
    let (report, problems) = ended?;
    let milliseconds = began.elapsed().as_millis() as u64;
    events.tell(&Event::Finished {
        changed: report.changed,
        failed: report.failures.len(),
        not_done: report.not_done.len(),
        milliseconds,
    });
    events.silence();
    if common.json {
        print_json(&plan, &report, &problems);
    }
    let problems = Problems(problems);
    render::problem::print(&problems);
    summary(&report, problems.0.len(), milliseconds);
    Ok(if report.interrupted {
        Kind::Interrupted.exit_code()
    } else if problems.0.is_empty() {
        0
    } else {
        problems.exit_code()
    })
}

/// Waits until no other apply with this inventory is at work.
async fn turn(common: &Common, prepared: &mut Prepared) -> Result<Alone, Problems> {
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

/// Makes the secrets that are missing, runs the plan, and plans again: what is left then is not as predicted.
async fn carry_out(
    prepared: &mut Prepared,
    plan: &Plan,
    fleet: &mut Fleet,
    events: &Events,
) -> Result<(Report, Vec<Problem>), Problems> {
    let loaded = &mut prepared.loaded;
    secrets::complete(&loaded.secrets_path, &mut loaded.secrets, plan.secrets())?;
    let known = &prepared.loaded.secrets;
    let report = execute_until(plan, fleet, known, events, interrupt::asked()).await;
    let mut problems: Vec<Problem> = report
        .failures
        .iter()
        .map(render::failure::problem)
        .collect();
    if problems.is_empty() && !report.interrupted {
        let looking = prepared.plan(fleet, Vec::new(), events, Purpose::Verify);
        match unless_asked(looking).await {
            Ok(left) => problems.extend(unexpected(&left)),
            Err(found) => problems.extend(found.0),
        }
    }
    Ok((report, problems))
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

fn summary(report: &Report, failed: usize, milliseconds: u64) {
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

fn print_json(plan: &Plan, report: &Report, problems: &[Problem]) {
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
        "not_done": not_done,
        "problems": problems,
    });
    out::json(&document);
}
