//! The command line: one file per verb.

mod apply;
mod conninfo;
mod lab;
mod load;
mod out;
mod plan;
mod playbook;
mod status;
mod validate;

use std::process::ExitCode;
use std::sync::Mutex;

use clap::{Parser, Subcommand};

use crate::problem::Problems;
use crate::render;
use crate::render::progress::Progress;
use crate::run::Events;

/// From bare hosts to a PostgreSQL high-availability cluster (repmgr, pgbouncer), over SSH.
#[derive(Parser)]
#[command(name = "pgha", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show what `apply` would do, computed from the live state
    Plan(plan::Arguments),
    /// Make the hosts as declared
    Apply(apply::Arguments),
    /// Show the cluster as it is now, and what is wrong with it
    Status(status::Arguments),
    /// Print the connection string that an application uses
    Conninfo(conninfo::Arguments),
    /// Check inventory, playbook and templates; connects nowhere
    Validate(validate::Arguments),
    /// The playbooks and templates that pgha ships
    #[command(subcommand)]
    Playbook(playbook::Verb),
    /// Disposable hosts in containers
    #[command(subcommand)]
    Lab(lab::Verb),
}

/// Parses the process's arguments and runs the verb; the exit codes are those of [`crate::problem::Kind`].
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let outcome: Result<u8, Problems> = runtime.block_on(async {
        match arguments.verb {
            Verb::Plan(arguments) => plan::run(arguments).await,
            Verb::Apply(arguments) => apply::run(arguments).await,
            Verb::Status(arguments) => status::run(&arguments).await,
            Verb::Conninfo(arguments) => conninfo::run(&arguments),
            Verb::Validate(arguments) => validate::run(&arguments),
            Verb::Playbook(verb) => playbook::run(&verb),
            Verb::Lab(verb) => lab::run(verb).await,
        }
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(problems) => {
            render::problem::print(&problems);
            ExitCode::from(problems.exit_code())
        }
    }
}

/// Events that are shown as they come, on stderr.
fn listen(common: &plan::Common) -> Events {
    let events = Events::default();
    let progress = Mutex::new(Progress::new(common.verbose));
    events.listen(move |event| progress.lock().expect("it does not panic").on(event));
    events
}
