//! `pgha rejoin` and `pgha rebuild`: a member comes back as a standby. What only it has is saved and counted first, by a
//! plan of its own, since only then it is known what the other plan would give up.

use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;

use clap::Args;

use super::apply::{Ended, Mode, converge};
use super::manner::Manner;
use super::plan::Common;
use crate::plan::{Intent, Returning};
use crate::problem::{Kind, Problem, Problems};
use crate::render;
use crate::resource::is_rewind;

const SAVE: &str = "rejoin/save.yml";
const REJOIN: &str = "rejoin.yml";

#[derive(Args)]
pub struct Arguments {
    /// The inventory
    inventory: PathBuf,
    /// The member that comes back
    node: String,
    /// Give up what only this member has, once it is saved and counted; on a terminal pgha asks
    #[arg(long)]
    accept_data_loss: bool,
    /// Remove the data that a clone replaces, instead of keeping them beside it; give the member's name again
    #[arg(long, value_name = "NODE")]
    discard: Option<String>,
    #[command(flatten)]
    manner: Manner,
}

/// `pgha rejoin`; gives the exit code.
///
/// # Errors
/// Bad input; a state that forbids it; a loss that nobody agreed to.
pub async fn rejoin(arguments: Arguments) -> Result<u8, Problems> {
    run(arguments, false).await
}

/// `pgha rebuild`; gives the exit code.
///
/// # Errors
/// As [`rejoin`].
pub async fn rebuild(arguments: Arguments) -> Result<u8, Problems> {
    run(arguments, true).await
}

async fn run(arguments: Arguments, rebuild: bool) -> Result<u8, Problems> {
    let mut returning = Returning {
        member: arguments.node.clone(),
        rebuild,
        accept_data_loss: arguments.accept_data_loss,
        discard: arguments.discard.is_some(),
    };
    check(&arguments)?;
    let mode = arguments.manner.mode();
    let mut saved = converge(&arguments.common(SAVE, &returning), None, mode).await?;
    if saved.changes && saved.code == 0 && mode != Mode::Plan {
        // What a server has that did not tell is known once it is stopped.
        saved = converge(&arguments.common(SAVE, &returning), None, mode).await?;
    }
    if saved.code != 0 {
        return Ok(saved.code);
    }
    if saved.changes && mode == Mode::Plan {
        eprintln!(
            "how `{}` comes back is decided once that is counted",
            arguments.node
        );
        return Ok(0);
    }
    let mut ended = come_back(&arguments, &mut returning, mode).await?;
    // What a rewind that failed leaves is to be copied anew, and what is given up is the same.
    if ended.failed.iter().any(is_rewind) {
        eprintln!("the rewind failed: `{}` is copied anew", arguments.node);
        ended = come_back(&arguments, &mut returning, mode).await?;
    }
    Ok(ended.code)
}

async fn come_back(
    arguments: &Arguments,
    returning: &mut Returning,
    mode: Mode,
) -> Result<Ended, Problems> {
    match converge(&arguments.common(REJOIN, returning), None, mode).await {
        Err(problems) if arguments.agrees_to(&problems) => {
            returning.accept_data_loss = true;
            converge(&arguments.common(REJOIN, returning), None, mode).await
        }
        ended => ended,
    }
}

/// Whether the names that were given are a member's.
fn check(arguments: &Arguments) -> Result<(), Problems> {
    let inputs = arguments.manner.common(&arguments.inventory, REJOIN).inputs;
    let node = &arguments.node;
    inputs.load()?.member(node)?;
    match &arguments.discard {
        Some(named) if named != node => Err(Problem::input(format!(
            "`--discard {named}` does not name the member that comes back"
        ))
        .hint(format!(
            "only `{node}`'s data are replaced: `--discard {node}`"
        ))
        .into()),
        _ => Ok(()),
    }
}

impl Arguments {
    fn common(&self, playbook: &'static str, returning: &Returning) -> Common {
        let mut common = self.manner.brief(&self.inventory, playbook);
        common.intent = Intent::Returning(returning.clone());
        common.only_changes = playbook == SAVE;
        common
    }

    /// Shows what would be given up, and asks, where somebody can answer.
    fn agrees_to(&self, problems: &Problems) -> bool {
        let is_loss = problems
            .0
            .iter()
            .all(|problem| problem.kind == Kind::DataLoss);
        let somebody = stdin().is_terminal() && stderr().is_terminal();
        if !is_loss || !somebody || self.manner.json || self.manner.dry_run {
            return false;
        }
        render::problem::print(problems);
        eprint!("give it up? type the member's name: ");
        let mut answer = String::new();
        let _ = stderr().flush();
        stdin().read_line(&mut answer).is_ok() && answer.trim() == self.node
    }
}
