//! `pgha failover`: a standby takes the place of a primary that is dead.

use std::path::PathBuf;

use clap::Args;

use super::apply::{Mode, converge};
use super::load::Which;
use super::plan::Common;
use crate::plan::Failover;
use crate::problem::{Problem, Problems};

const FAILOVER: &str = "failover.yml";

#[derive(Args)]
pub struct Arguments {
    /// The inventory
    inventory: PathBuf,
    /// The standby that is to be the primary; without it, the one that has the most
    #[arg(long, value_name = "NODE")]
    to: Option<String>,
    /// How it was made sure that a primary whose host does not answer takes no writes; kept with the run
    #[arg(long, value_name = "TEXT")]
    fenced_by: Option<String>,
    /// A variable, or `@file` with a YAML map of them; may be repeated
    #[arg(long, short, value_name = "NAME=VALUE|@FILE")]
    extra_vars: Vec<String>,
    /// Show what would be done; nothing is changed
    #[arg(long)]
    dry_run: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Guards, timings and the output of commands too
    #[arg(long, short)]
    verbose: bool,
}

/// Runs the verb; gives the exit code.
///
/// # Errors
/// Bad input; a primary that answers; nobody who could be promoted; an old primary that may be taking writes.
pub async fn run(arguments: Arguments) -> Result<u8, Problems> {
    let mut common = Common::of(&arguments.inventory);
    common.inputs.extra_vars = arguments.extra_vars;
    common.which = Which::shipped(FAILOVER);
    common.json = arguments.json;
    common.verbose = arguments.verbose;
    common.no_diff = true;
    if let Some(to) = &arguments.to {
        common.inputs.load()?.member(to)?;
    }
    if arguments
        .fenced_by
        .as_deref()
        .is_some_and(|how| how.trim().is_empty())
    {
        return Err(Problem::input("`--fenced-by` says nothing")
            .hint("say how it was made sure that the old primary takes no writes: `--fenced-by \"powered off\"`")
            .into());
    }
    common.failover = Some(Failover {
        candidate: arguments.to.clone(),
        fenced_by: arguments.fenced_by,
    });
    let mode = match arguments.dry_run {
        true => Mode::Plan,
        false => Mode::ShowAndRun,
    };
    let ended = converge(&common, None, mode).await?;
    if !ended.changes && arguments.to.as_ref() != Some(&ended.primary) {
        return Err(
            Problem::refused(format!("`{}` answers, and takes writes", ended.primary))
                .hint("`pgha switchover INVENTORY --to NODE` hands its role over")
                .into(),
        );
    }
    if ended.code == 0 && mode != Mode::Plan {
        let old = ended.outgoing.map_or_else(String::new, |old| {
            format!("; `pgha rejoin INVENTORY {old}` brings `{old}` back")
        });
        eprintln!("`{}` is the primary{old}", ended.primary);
    }
    Ok(ended.code)
}
