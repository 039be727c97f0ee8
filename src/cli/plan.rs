//! `pgha plan`: what `apply` would do, computed from the live state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::interrupt::unless_asked;
use super::load::{Inputs, Instructions, Loaded, Which};
use super::out;
use crate::facts::{Facts, Probes, Release};
use crate::plan::{Declaration, Plan};
use crate::problem::{Problem, Problems};
use crate::render::plan::{PlanOptions, text};
use crate::render::style::{stdout_colours, stdout_width};
use crate::run::events::{Event, Purpose};
use crate::run::{Events, Fleet, Lock, probe};

/// What `plan` and `apply` both take.
#[derive(Args, Clone)]
pub struct Common {
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub which: Which,
    /// Restart the primary if a setting needs it; its clients are cut
    #[arg(long)]
    pub allow_restart_primary: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Guards, timings and the output of commands too
    #[arg(long, short)]
    pub verbose: bool,
    /// Show how the content of files changes (the default)
    #[arg(long, overrides_with = "no_diff")]
    diff: bool,
    /// Do not show how the content of files changes
    #[arg(long)]
    no_diff: bool,
}

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Keep the plan in a file, for `apply --plan`
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit 10 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
}

/// Exit code of `--detailed-exitcode` when something would change.
pub const CHANGES: u8 = 10;

/// Runs the verb; gives the exit code.
pub async fn run(arguments: Arguments) -> Result<u8, Problems> {
    let events = super::listen(arguments.common.verbose);
    let prepared = Prepared::new(&arguments.common)?;
    let (fleet, plan) = unless_asked(prepared.observe(&events, Purpose::Probe)).await?;
    fleet.close().await;
    events.silence();
    arguments.common.print(&plan, prepared.hosts().len());
    if let Some(path) = &arguments.output {
        write(path, &plan)?;
    }
    Ok(if arguments.detailed_exitcode && !plan.is_empty() {
        CHANGES
    } else {
        0
    })
}

impl Common {
    /// An inventory with everything else as it is by default.
    pub fn of(inventory: &Path) -> Self {
        Self {
            inputs: Inputs::of(inventory),
            which: Which { playbook: None },
            allow_restart_primary: false,
            json: false,
            verbose: false,
            diff: false,
            no_diff: false,
        }
    }

    /// The plan on stdout.
    pub fn print(&self, plan: &Plan, hosts: usize) {
        if self.json {
            out::json(plan);
        } else {
            out::text(&format!("{}\n", self.text(plan, hosts).trim_end()));
        }
    }

    pub fn text(&self, plan: &Plan, hosts: usize) -> String {
        let options = PlanOptions {
            diff: !self.no_diff,
            verbose: self.verbose,
            colours: stdout_colours(),
            width: stdout_width(),
        };
        text(plan, hosts, options)
    }
}

fn write(path: &Path, plan: &Plan) -> Result<(), Problem> {
    let json = serde_json::to_string_pretty(plan).expect("a plan is JSON");
    std::fs::write(path, json + "\n").map_err(|error| {
        Problem::input(format!("`{}` cannot be written", path.display())).because(error)
    })
}

/// Everything that was declared, checked, and the questions that it needs answered.
pub struct Prepared {
    pub loaded: Loaded,
    instructions: Instructions,
    questions: BTreeMap<String, BTreeMap<Release, Probes>>,
    allow_restart_primary: bool,
}

impl Prepared {
    /// Reads files only.
    ///
    /// # Errors
    /// Everything that is wrong with what the user wrote.
    pub fn new(common: &Common) -> Result<Self, Problems> {
        let loaded = common.inputs.load()?;
        let instructions = common.which.load()?;
        let mut prepared = Self {
            loaded,
            instructions,
            questions: BTreeMap::new(),
            allow_restart_primary: common.allow_restart_primary,
        };
        prepared.questions = prepared.declaration().questions()?;
        Ok(prepared)
    }

    fn declaration(&self) -> Declaration<'_> {
        Declaration {
            inventory: &self.loaded.inventory,
            playbook: &self.instructions.playbook,
            engine: &self.instructions.engine,
            limit: self.loaded.limit.clone(),
            allow_restart_primary: self.allow_restart_primary,
        }
    }

    /// The hosts that are looked at: all of them, since even one host's part depends on who the others are.
    pub fn hosts(&self) -> Vec<String> {
        self.loaded.inventory.hosts.keys().cloned().collect()
    }

    /// Connects and plans.
    ///
    /// # Errors
    /// A host that may be changed could not be reached or asked, or there is no plan.
    pub async fn observe(
        &self,
        events: &Events,
        purpose: Purpose,
    ) -> Result<(Fleet, Plan), Problems> {
        let mut fleet = Fleet::connect(&self.loaded.inventory, &self.hosts(), events).await?;
        let unreachable = std::mem::take(&mut fleet.unreachable);
        match self.plan(&mut fleet, unreachable, events, purpose).await {
            Ok(plan) => Ok((fleet, plan)),
            Err(problems) => {
                fleet.close().await;
                Err(problems)
            }
        }
    }

    /// Plans over connections that are open.
    ///
    /// # Errors
    /// As [`Self::observe`].
    pub async fn plan(
        &self,
        fleet: &mut Fleet,
        unreachable: Vec<Problem>,
        events: &Events,
        purpose: Purpose,
    ) -> Result<Plan, Problems> {
        let declaration = self.declaration();
        let mut problems = unreachable;
        let mut world: BTreeMap<String, Facts> = BTreeMap::new();
        for (host, facts) in probe(fleet, &self.questions, Lock::Settled, purpose, events).await {
            match facts {
                Ok(facts) => {
                    world.insert(host, facts);
                }
                Err(problem) => problems.push(problem),
            }
        }
        events.tell(&Event::Looked);
        // A host outside the limit is only looked at; the plan does without it where it can.
        problems.retain(|problem| {
            problem
                .host
                .as_deref()
                .is_none_or(|host| declaration.includes(host))
        });
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        declaration.plan(world, &self.loaded.secrets)
    }
}
