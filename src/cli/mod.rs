//! The command line: one file per verb.

mod apply;
mod r#become;
mod clusters;
mod completions;
mod conninfo;
mod failover;
mod interrupt;
mod inventory;
mod lab;
mod load;
mod log;
mod man;
mod manner;
mod origin;
mod out;
mod outside;
mod plan;
mod playbook;
mod rejoin;
mod remove;
mod schema;
mod script;
mod status;
mod switchover;
mod validate;
mod vault;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::problem::{EXIT_CODES, Problems};
use crate::render;
use crate::render::progress::Progress;
use crate::run::Events;

/// From bare hosts to a PostgreSQL high-availability cluster (repmgr, pgbouncer), over SSH.
///
/// Data goes to stdout, everything else to stderr. `--json` is understood by all verbs that print data.
#[derive(Parser)]
#[command(name = "pgha", version, max_term_width = 100, after_long_help = exit_codes())]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show what `apply` would change; changes nothing
    ///
    /// Looks at the hosts and shows every file as a diff, every setting, command and statement.
    Plan(plan::Arguments),
    /// Make the hosts as declared: plan, show the plan, run it, and check that it came true
    ///
    /// Who is primary is discovered and stays as it is. After an interruption the same command continues.
    Apply(apply::Arguments),
    /// Hand the primary's role to another member while clients of the poolers wait a moment
    ///
    /// Preflight checks refuse it where it could fail. Until the candidate is asked to become the primary a failure rolls everything
    /// back; after that the same command again finishes it.
    Switchover(switchover::Arguments),
    /// Switchover to the preferred member, or to the member that was the primary before
    ///
    /// The preferred member is `cluster_preferred_primary`.
    Failback(switchover::Failback),
    /// Promote a standby in the place of a dead primary
    ///
    /// The plan says what may be lost. The old primary is fenced first. Refused while a primary answers.
    Failover(failover::Arguments),
    /// Make a former primary, or a standby that does not replicate, a standby again
    ///
    /// It is attached as it is, rewound, or cloned again, decided from what is on the disks. What only it has is saved and counted
    /// first, and given up only with your consent.
    Rejoin(rejoin::Arguments),
    /// Clone a standby again from the primary, whatever state it is in
    Rebuild(rejoin::Arguments),
    /// Remove a standby or the witness from the cluster, whether it runs or not; its data are kept
    Remove(remove::Arguments),
    /// Show the cluster as it is now, and what is wrong with it
    ///
    /// As PostgreSQL and pgbouncer see it, and where repmgr's tables say otherwise.
    Status(status::Arguments),
    /// Show what a past run did, and when
    ///
    /// Each step with its time and its result, and what was in progress when a run was cut off. Read from `.pgha/runs/RUN/` beside the
    /// inventory (`plan.json`, `events.jsonl`).
    Log(log::Arguments),
    /// Print the connection string that an application uses; reads files only
    Conninfo(conninfo::Arguments),
    /// Check inventory, playbook, templates and programs; reads files only
    Validate(validate::Arguments),
    /// Show hosts, groups and variables, and where each variable comes from; connects nowhere
    Inventory(inventory::Arguments),
    /// Print a JSON schema of inventories or playbooks, for editors
    ///
    /// In the first line of a file: `# yaml-language-server: $schema=PATH`.
    Schema(schema::Arguments),
    /// The playbooks, templates and programs that pgha ships
    #[command(subcommand)]
    Playbook(playbook::Verb),
    /// Disposable hosts in containers
    #[command(subcommand)]
    Lab(lab::Verb),
    /// Print the completions of a shell
    Completions(completions::Arguments),
    /// Print the man page, or write one for each verb
    Man(man::Arguments),
}

/// All arguments, for completions, man pages and the reference.
pub fn command() -> clap::Command {
    Arguments::command()
}

fn exit_codes() -> String {
    let lines = EXIT_CODES.map(|(code, means)| format!("  {code:>3}  {means}\n"));
    format!("Exit codes:\n{}", lines.concat())
}

/// Parses the process's arguments and runs the verb; the exit codes are those of [`crate::problem::Kind`].
pub fn main() -> ExitCode {
    // No core file: it would hold passwords. A kernel that cannot be told so is no reason to stop.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
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
            Verb::Inventory(arguments) => inventory::run(&arguments),
            Verb::Schema(arguments) => schema::run(&arguments),
            Verb::Playbook(verb) => playbook::run(&verb),
            Verb::Lab(verb) => lab::run(verb).await,
            Verb::Completions(arguments) => completions::run(&arguments),
            Verb::Man(arguments) => man::run(&arguments),
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
