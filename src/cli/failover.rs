//! `pgha failover`: a standby takes the place of a primary that is dead.

use std::path::PathBuf;

use clap::Args;

use super::apply::converge;
use super::manner::Manner;
use crate::plan::{Failover, Intent};
use crate::problem::{Problem, Problems};

const FAILOVER: &str = "failover.yml";

#[derive(Args)]
pub struct Arguments {
    /// The inventory
    inventory: PathBuf,
    /// The standby that is to be the primary; by default the one that has most of the WAL
    #[arg(long, value_name = "NODE")]
    to: Option<String>,
    /// How you made sure that a primary whose host does not answer takes no writes; kept with the run
    #[arg(long, value_name = "TEXT")]
    fenced_by: Option<String>,
    /// A member that does not answer and of which you made sure that it takes no writes; may be repeated. Needed where no
    /// majority of members and witness can be reached
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    without: Vec<String>,
    /// The primary, where it takes connections and may only be full: it is stopped all the same
    #[arg(long, value_name = "NODE")]
    stop: Option<String>,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the verb; gives the exit code.
///
/// # Errors
/// Bad input; a primary that answers; nobody who could be promoted; an old primary that may be taking writes.
pub async fn run(arguments: Arguments) -> Result<u8, Problems> {
    let manner = &arguments.manner;
    let mut common = manner.brief(&arguments.inventory, FAILOVER);
    // One that is to be done without may be registered, and in no inventory: whoever is neither is told by the plan.
    for named in arguments.to.iter().chain(&arguments.stop) {
        common.inputs.load()?.member(named)?;
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
    common.intent = Intent::Failover(Failover {
        candidate: arguments.to.clone(),
        fenced_by: arguments.fenced_by,
        without: arguments.without,
        stop: arguments.stop,
    });
    let ended = converge(&common, None, manner.mode()).await?;
    if !ended.changes && arguments.to.as_ref() != Some(&ended.primary) {
        return Err(
            Problem::refused(format!("`{}` answers, and takes writes", ended.primary))
                .hint("`pgha switchover INVENTORY --to NODE` hands its role over")
                .into(),
        );
    }
    if ended.code == 0 && !manner.dry_run {
        let old = ended.outgoing.map_or_else(String::new, |old| {
            format!("; `pgha rejoin INVENTORY {old}` brings `{old}` back")
        });
        eprintln!("`{}` is the primary{old}", ended.primary);
    }
    Ok(ended.code)
}
