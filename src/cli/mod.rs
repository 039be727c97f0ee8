//! The command line: one file per verb.

mod apply;
mod conninfo;
mod failover;
mod interrupt;
mod lab;
mod load;
mod log;
mod manner;
mod out;
mod plan;
mod playbook;
mod rejoin;
mod remove;
mod status;
mod switchover;
mod validate;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
    /// Hand the primary's role to another member; clients of the poolers wait a moment
    Switchover(switchover::Arguments),
    /// Hand the primary's role back to the preferred member, or to the one that had it before
    Failback(switchover::Failback),
    /// Put a standby in the place of a primary that is dead
    Failover(failover::Arguments),
    /// Bring a member back as a standby: attached, rewound, or copied anew; what only it has is saved first
    Rejoin(rejoin::Arguments),
    /// Copy a standby's data anew from the primary, whatever state they are in
    Rebuild(rejoin::Arguments),
    /// Let a standby or the witness leave the cluster, whether it runs or not; its data are kept
    Remove(remove::Arguments),
    /// Show the cluster as it is now, and what is wrong with it
    Status(status::Arguments),
    /// Show what a past run did, and when
    Log(log::Arguments),
    /// Print the connection string that an application uses
    Conninfo(conninfo::Arguments),
    /// Check inventory, playbook, templates and programs; connects nowhere
    Validate(validate::Arguments),
    /// The playbooks, templates and programs that pgha ships
    #[command(subcommand)]
    Playbook(playbook::Verb),
    /// Disposable hosts in containers
    #[command(subcommand)]
    Lab(lab::Verb),
}

/// Parses the process's arguments and runs the verb; the exit codes are those of [`crate::problem::Kind`].
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let outcome: Result<u8, Problems> = runtime.block_on(async {
        match arguments.verb {
            Verb::Plan(arguments) => plan::run(arguments).await,
            Verb::Apply(arguments) => apply::run(arguments).await,
            Verb::Switchover(arguments) => switchover::run(arguments).await,
            Verb::Failback(arguments) => switchover::failback(arguments).await,
            Verb::Failover(arguments) => failover::run(arguments).await,
            Verb::Rejoin(arguments) => rejoin::rejoin(arguments).await,
            Verb::Rebuild(arguments) => rejoin::rebuild(arguments).await,
            Verb::Remove(arguments) => remove::run(arguments).await,
            Verb::Status(arguments) => status::run(&arguments).await,
            Verb::Log(arguments) => log::run(&arguments),
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

/// Events that are shown as they come, on stderr, until they are silenced.
fn listen(verbose: bool) -> Events {
    let events = Events::default();
    let progress = Arc::new(Mutex::new(Progress::new(verbose)));
    let beating = Arc::downgrade(&progress);
    events.listen(move |event| locked(&progress).on(event));
    // A thread of its own: whatever the runtime is busy with, the user sees that time passes.
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let Some(progress) = beating.upgrade() else {
                break;
            };
            locked(&progress).beat();
        }
    });
    events
}

fn locked(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What happens inside, on stderr, for whoever sets `PGHA_LOG`, e.g. to `pgha=debug,openssh=debug`. Scripts are not logged:
/// they hold secrets.
fn log() {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("PGHA_LOG") {
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(render::style::stderr_colours())
            .with_writer(std::io::stderr)
            .init();
    }
}
