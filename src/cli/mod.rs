//! The command line: one file per verb.

mod apply;
mod lab;
mod load;
mod plan;

use std::io::Write as _;
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

/// Data on stdout. A reader that went away is no error.
fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = stdout.write_all(b"\n");
    }
    let _ = stdout.flush();
}
