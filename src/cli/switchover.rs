//! `pgha switchover` and `pgha failback`: the primary's role goes to another member, and clients of the poolers wait a
//! moment.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clap::Args;

use super::apply::{close, finished, leave, left, make, print_json, summary, turn};
use super::interrupt::unless_asked;
use super::manner::Manner;
use super::plan::{Common, Prepared};
use crate::plan::{Drain, Handover, Intent, Plan};
use crate::problem::{Kind, Problem, Problems};
use crate::render;
use crate::run::events::{Event, Events, Purpose};
use crate::run::history::{End, Past};
use crate::run::{Fleet, Journal, Report, Undone, history, stall};
use crate::size;

const SWITCHOVER: &str = "switchover.yml";
const FAILBACK: &str = "failback.yml";
const HANDOVERS: [&str; 2] = [SWITCHOVER, FAILBACK];

/// Seconds; more would outlast the patience of pgbouncer's clients.
const LONGEST_PAUSE: u32 = 60;

#[derive(Args)]
pub struct Arguments {
    /// The inventory
    inventory: PathBuf,
    /// The member that is to be the primary
    #[arg(long, value_name = "NODE")]
    to: String,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
pub struct Failback {
    /// The inventory
    inventory: PathBuf,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct How {
    /// How much WAL the candidate may lag behind when the switchover begins; kB, MB and GB are understood
    #[arg(long, value_name = "BYTES", default_value = "16MB", value_parser = size::parse)]
    max_lag: u64,
    /// How long transactions have to end once clients wait; after that everything is rolled back
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(LONGEST_PAUSE)))]
    pause_timeout: u32,
    /// What happens to sessions whose transaction would hold up the pause
    #[arg(long, value_enum, default_value_t)]
    drain: Drain,
    #[command(flatten)]
    manner: Manner,
}

impl How {
    fn handover(&self, candidate: Option<String>) -> Intent {
        Intent::Handover(Handover {
            candidate,
            max_lag: self.max_lag,
            pause_timeout: self.pause_timeout,
            drain: self.drain,
        })
    }
}

/// `pgha switchover`; gives the exit code.
///
/// # Errors
/// Bad input, a gate that refuses, or a run that failed.
pub async fn run(arguments: Arguments) -> Result<u8, Problems> {
    let Arguments { inventory, to, how } = arguments;
    let mut common = how.manner.common(&inventory, SWITCHOVER);
    let loaded = common.inputs.load()?;
    loaded.member(&to)?;
    common.intent = how.handover(Some(to));
    let cluster = &loaded.inventory.cluster.name;
    let unfinished = history::unfinished(&inventory, cluster, &HANDOVERS)?;
    hand_over(common, unfinished, how.manner.dry_run).await
}

/// `pgha failback`; gives the exit code.
///
/// # Errors
/// As [`run`].
pub async fn failback(arguments: Failback) -> Result<u8, Problems> {
    let Failback { inventory, how } = arguments;
    let mut common = how.manner.common(&inventory, FAILBACK);
    let cluster = common.inputs.load()?.inventory.cluster;
    let preferred = cluster.preferred_primary;
    let unfinished = history::unfinished(&inventory, &cluster.name, &HANDOVERS)?;
    // After the promotion the member “before” is the other one: what was begun is finished, and not turned round.
    let begun = unfinished.as_ref();
    let begun = begun.filter(|past| past.planned("playbook") == Some(FAILBACK));
    common.intent = how.handover(preferred.or_else(|| begun?.candidate()));
    hand_over(common, unfinished, how.manner.dry_run).await
}

/// `unfinished`: an earlier one that did not come to its end.
async fn hand_over(
    common: Common,
    unfinished: Option<Past>,
    dry_run: bool,
) -> Result<u8, Problems> {
    let began = Instant::now();
    let events = super::listen(common.verbose);
    let cut_off = unfinished
        .filter(|past| past.end() == End::CutOff)
        .and_then(|past| past.candidate());
    let journal = Journal::of(&events);
    let mut prepared = Prepared::new(&common)?;
    let _alone = match dry_run {
        true => None,
        false => Some(turn(&common, &mut prepared).await?),
    };
    let (mut fleet, plan) = unless_asked(prepared.observe(&events, Purpose::Probe)).await?;
    let hosts = prepared.hosts().len();
    if dry_run || (!common.json && !plan.is_empty()) {
        common.print(&plan, hosts);
    }
    if !dry_run && let Err(problem) = journal.keep(&common.inputs.inventory, &plan) {
        leave(fleet, &events).await;
        return Err(problem.into());
    }
    let is_new = plan.decision().is_some();
    prepared.settle_on(plan.candidate());
    if dry_run || plan.is_empty() {
        leave(fleet, &events).await;
        if !dry_run {
            if common.json {
                print_json(&plan, &Report::default(), &[]);
            } else if cut_off.as_ref() == Some(&plan.primary) {
                eprintln!(
                    "nothing to do: the run that was cut off was finished by the hosts themselves, `{}` is the primary",
                    plan.primary
                );
            } else {
                eprintln!("nothing to do: `{}` is the primary already", plan.primary);
            }
        }
        return Ok(0);
    }
    if is_new && cut_off.is_some() {
        eprintln!(
            "the run that was cut off was undone by the hosts themselves, `{}` is the primary: it begins anew",
            plan.primary
        );
    }
    let parts = stall::Parts::default();
    let heard = Arc::new(Mutex::new(parts));
    let hears = Arc::clone(&heard);
    events.listen(move |event| hears.lock().expect("it does not panic").hear(event));
    let mut problems = Vec::new();
    let mut report = carry_out(&mut prepared, &plan, &mut fleet, &events, &mut problems).await?;
    let mut end = match report.undone {
        Some(Undone::Whole) => undone(&plan),
        Some(Undone::InPart) => {
            fleet.close().await;
            fleet = Fleet::of(std::collections::BTreeMap::new());
            wait_for_the_timers(&common, &plan, &events, &mut problems).await
        }
        None if is_new => format!("`{}` is the primary", plan.candidate()),
        None if !problems.is_empty() => format!(
            "what was left of an earlier run is not finished: `{}` is the primary",
            plan.primary
        ),
        None => format!(
            "what was left of an earlier run is finished: `{}` is the primary",
            plan.primary
        ),
    };
    if report.undone.is_some() {
        // It is not to be done any more.
        report.not_done.clear();
    }
    // Not in the condition: the lock would be held while the event is heard.
    let stall = heard.lock().expect("it does not panic").stall();
    if report.undone.is_none()
        && let Some(stall) = stall
    {
        report.stall = Some(stall);
        events.tell(&Event::Stall(stall));
        end = format!("{end}; {stall}");
    }
    close(fleet).await;
    let milliseconds = finished(&events, &report, problems.len(), began);
    if common.json {
        print_json(&plan, &report, &problems);
    }
    let problems = Problems(problems);
    render::problem::print(&problems);
    eprintln!("{end}");
    summary(&report, problems.0.len(), milliseconds);
    Ok(match (report.interrupted, problems.0.is_empty()) {
        (true, _) => Kind::Interrupted.exit_code(),
        (false, true) => 0,
        (false, false) => Kind::Failed.exit_code(),
    })
}

/// Runs the plan, and looks whether everything is as it says.
async fn carry_out(
    prepared: &mut Prepared,
    plan: &Plan,
    fleet: &mut Fleet,
    events: &Events,
    problems: &mut Vec<Problem>,
) -> Result<Report, Problems> {
    let (report, failed) = make(prepared, plan, fleet, events).await?;
    problems.extend(failed);
    problems.append(&mut prepared.absent);
    if report.undone.is_none() && problems.is_empty() {
        let left = left(prepared, fleet, events).await;
        problems.extend(left.unwrap_or_else(|found| found.0));
    }
    Ok(report)
}

fn undone(plan: &Plan) -> String {
    format!(
        "undone: the cluster is as it was, `{}` is the primary",
        plan.primary
    )
}

/// What could not be undone from here is ended by the hosts' own timers; then it is seen how, and tidied up.
async fn wait_for_the_timers(
    common: &Common,
    plan: &Plan,
    events: &Events,
    problems: &mut Vec<Problem>,
) -> String {
    let mut refused = Vec::new();
    for candidate in [plan.primary.clone(), plan.candidate().to_owned()] {
        let mut common = common.clone();
        if let Intent::Handover(handover) = &mut common.intent {
            handover.candidate = Some(candidate.clone());
        }
        let tidied = async {
            let mut prepared = Prepared::new(&common)?;
            let (mut fleet, now) = prepared.observe(events, Purpose::Verify).await?;
            if now.primary != candidate {
                fleet.close().await;
                return Ok(false);
            }
            let tidied = carry_out(&mut prepared, &now, &mut fleet, events, problems).await;
            fleet.close().await;
            tidied.map(|_| true)
        };
        match tidied.await {
            Ok(true) if candidate == plan.primary => return undone(plan),
            Ok(true) => {
                return format!(
                    "it could not be undone and was finished: `{candidate}` is the primary"
                );
            }
            Ok(false) => {}
            // It may only mean that this one is not the primary.
            Err(found) => refused.extend(found.0),
        }
    }
    problems.append(&mut refused);
    "it is not known who is the primary: look with `pgha status`, and run the same again, or, where only standbys are left, `pgha failover INVENTORY`".to_owned()
}
