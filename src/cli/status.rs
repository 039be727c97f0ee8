//! `pgha status`: what the cluster looks like now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::clusters;
use super::interrupt::unless_asked;
use super::load::{Inputs, Loaded};
use super::out;
use crate::facts::Facts;
use crate::problem::{Kind, Problem, Problems};
use crate::render;
use crate::render::style::stdout_colours;
use crate::run::events::Purpose;
use crate::run::{Fleet, Lock, probe};
use crate::status::{self, Status};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    inputs: Inputs,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Say more on stderr
    #[arg(long, short)]
    verbose: bool,
    /// Keep what every host answered, a file each in this folder, for a report; passwords are left out
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
}

/// Runs the verb; gives the exit code of [`show`].
///
/// # Errors
/// The input is wrong.
pub async fn run(arguments: &Arguments) -> Result<u8, Problems> {
    let record = arguments.record.as_deref();
    let one_only = arguments.json.then_some("--json");
    let one_only = one_only.or(record.map(|_| "--record"));
    let say = |code: u8| match code {
        0 => Some("healthy"),
        1 => Some("not healthy"),
        _ => None,
    };
    clusters::over(&arguments.inputs, one_only, say, async |inputs| {
        show_and_keep(&inputs, arguments.json, arguments.verbose, record).await
    })
    .await
}

/// Looks, and prints the status on stdout; gives the exit code: 0 healthy, 1 not healthy, 4 a host was unreachable.
///
/// # Errors
/// The input is wrong. What is wrong with the hosts is part of the status.
pub async fn show(inputs: &Inputs, json: bool, verbose: bool) -> Result<u8, Problems> {
    show_and_keep(inputs, json, verbose, None).await
}

async fn show_and_keep(
    inputs: &Inputs,
    json: bool,
    verbose: bool,
    record: Option<&Path>,
) -> Result<u8, Problems> {
    let loaded = inputs.load()?;
    let (status, code) = unless_asked(look(&loaded, verbose, record)).await?;
    if json {
        out::json(&status);
    } else {
        out::text(&render::status::text(&status, stdout_colours()));
    }
    Ok(code)
}

/// Looks again and again until the cluster is healthy, at most for so long: what is wrong then is for [`show`] to tell.
///
/// # Errors
/// The input is wrong.
pub async fn until_healthy(inputs: &Inputs, patience: Duration) -> Result<(), Problems> {
    let loaded = inputs.load()?;
    let began = Instant::now();
    loop {
        let (_, code) = unless_asked(look(&loaded, false, None)).await?;
        if code == 0 || began.elapsed() >= patience {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Asks every host of the cluster that `--limit` allows.
async fn look(
    loaded: &Loaded,
    verbose: bool,
    record: Option<&Path>,
) -> Result<(Status, u8), Problems> {
    let inventory = &loaded.inventory;
    let is_asked = |host: &String| {
        let limit = loaded.limit.as_ref();
        limit.is_none_or(|limit| limit.contains(host))
    };
    let hosts: Vec<String> = status::hosts(inventory)
        .into_iter()
        .filter(is_asked)
        .collect();
    if hosts.is_empty() {
        return Err(Problem::input("`--limit` names no host of the cluster")
            .hint("its hosts are in the groups `postgres`, `witness` and `pgbouncer`")
            .into());
    }
    let events = super::listen(verbose);
    let mut fleet = Fleet::connect(inventory, &hosts, record, &events).await?;
    let questions = status::questions(inventory);
    let mut seen = probe(&mut fleet, &questions, Lock::No, Purpose::Probe, &events).await;
    for problem in std::mem::take(&mut fleet.unreachable) {
        if let Some(host) = problem.host.clone() {
            seen.insert(host, Err(problem));
        }
    }
    fleet.close().await;
    events.silence();
    let status = status::assess(inventory, &seen);
    let code = exit_code(&status, &seen);
    Ok((status, code))
}

fn exit_code(status: &Status, seen: &BTreeMap<String, Result<Facts, Problem>>) -> u8 {
    let is_unreachable = |seen: &Result<Facts, Problem>| matches!(seen, Err(problem) if problem.kind == Kind::Unreachable);
    if seen.values().any(is_unreachable) {
        Kind::Unreachable.exit_code()
    } else if status.healthy {
        0
    } else {
        Kind::Failed.exit_code()
    }
}
