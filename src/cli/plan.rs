//! `pgha plan`: what `apply` would do, computed from the live state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::clusters;
use super::interrupt::unless_asked;
use super::load::{Inputs, Instructions, Loaded, Which};
use super::out;
use crate::facts::{Facts, Probes, Release, Why};
use crate::plan::{Declaration, Intent, Plan, Seen};
use crate::problem::{Problem, Problems};
use crate::render::plan::{Diff, PlanOptions, text};
use crate::render::style::{stdout_colours, stdout_width};
use crate::run::events::{Event, Purpose};
use crate::run::{Events, Fleet, Lock, probe, trials};
use crate::words::list;

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
    /// Create a new and empty cluster where there was one whose data are gone
    #[arg(long)]
    pub new_cluster: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Also show guards, timings and the output of commands
    #[arg(long, short)]
    pub verbose: bool,
    #[command(flatten)]
    pub contents: Contents,
    /// Only say how many lines of files change
    #[arg(long, overrides_with = "diff")]
    pub no_diff: bool,
    /// Keep what every host answered, a file each in this folder, for a report; passwords are left out
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    #[arg(skip)]
    pub intent: Intent,
    /// A plan without changes is not worth a word: another one follows.
    #[arg(skip)]
    pub only_changes: bool,
}

/// How the content of files is shown.
#[derive(Args, Clone, Default)]
pub struct Contents {
    /// Show how the content of files changes; `short`, the default, shows pgha's own programs by name and hash only
    #[arg(long, value_enum, value_name = "full|short", num_args = 0..=1, require_equals = true, default_missing_value = "short", hide_possible_values = true)]
    pub diff: Option<Diff>,
}

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Keep the plan in a file, for `apply --plan`
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit 10 when there are changes, or something is held back
    #[arg(long)]
    detailed_exitcode: bool,
}

/// Exit code of `--detailed-exitcode` when something is not as declared.
pub const CHANGES: u8 = 10;

/// Runs the verb; gives the exit code.
pub async fn run(arguments: Arguments) -> Result<u8, Problems> {
    let one_only = arguments.output.as_ref().map(|_| "--output");
    let one_only = one_only.or(arguments.common.one_only());
    let say = |code: u8| match code {
        0 => Some("planned"),
        CHANGES => Some("has changes"),
        _ => None,
    };
    let inputs = &arguments.common.inputs;
    clusters::over(inputs, one_only, say, async |inputs| {
        one(&arguments, arguments.common.with(inputs)).await
    })
    .await
}

/// Plans for one cluster.
async fn one(arguments: &Arguments, common: Common) -> Result<u8, Problems> {
    let events = super::listen(common.verbose);
    let mut prepared = Prepared::new(&common)?;
    let (fleet, plan) = unless_asked(prepared.observe(&events, Purpose::Probe)).await?;
    fleet.close().await;
    events.silence();
    common.print(&plan, prepared.hosts().len());
    if let Some(path) = &arguments.output {
        write(path, &plan)?;
    }
    let is_as_declared = plan.is_empty() && plan.held.is_empty();
    Ok(if arguments.detailed_exitcode && !is_as_declared {
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
            which: Which::default(),
            allow_restart_primary: false,
            new_cluster: false,
            json: false,
            verbose: false,
            contents: Contents::default(),
            no_diff: false,
            record: None,
            intent: Intent::Converge,
            only_changes: false,
        }
    }

    /// The same with these inputs.
    pub fn with(&self, inputs: Inputs) -> Self {
        Self {
            inputs,
            ..self.clone()
        }
    }

    /// What of its options is for one cluster.
    pub fn one_only(&self) -> Option<&'static str> {
        let json = self.json.then_some("--json");
        json.or(self.record.as_ref().map(|_| "--record"))
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
            diff: match (self.no_diff, self.contents.diff) {
                (true, _) => Diff::Nothing,
                (false, diff) => diff.unwrap_or_default(),
            },
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

/// How long a server may take to start up.
const RECOVERY: Duration = Duration::from_secs(300);

/// Everything that was declared, checked, and the questions that it needs answered.
pub struct Prepared {
    pub loaded: Loaded,
    instructions: Instructions,
    questions: BTreeMap<String, BTreeMap<Release, Probes>>,
    allow_restart_primary: bool,
    intent: Intent,
    record: Option<PathBuf>,
    /// Whether a server that is starting up is waited for.
    pub waits: bool,
    /// Why hosts are missing from a plan that goes on without them.
    pub absent: Vec<Problem>,
}

impl Prepared {
    /// Reads files only.
    ///
    /// # Errors
    /// Everything that is wrong with what the user wrote.
    pub fn new(common: &Common) -> Result<Self, Problems> {
        let mut loaded = common.inputs.load()?;
        let intent = match common.new_cluster {
            true => Intent::NewCluster,
            false => common.intent.clone(),
        };
        if let Some(removal) = intent.removal() {
            loaded.inventory = loaded.inventory.without(&removal.node);
        }
        let instructions = common.which.load(&common.inputs.inventory)?;
        let mut prepared = Self {
            loaded,
            instructions,
            questions: BTreeMap::new(),
            allow_restart_primary: common.allow_restart_primary,
            intent,
            record: common.record.clone(),
            waits: false,
            absent: Vec::new(),
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
            intent: self.intent.clone(),
        }
    }

    /// From now on the primary's role goes to this member. Once it has gone there, the one that had it before is another.
    pub fn settle_on(&mut self, candidate: &str) {
        if let Intent::Handover(handover) = &mut self.intent {
            handover.candidate = Some(candidate.to_owned());
        }
    }

    /// What is looked at from now on is what the plan has made. A copy that was asked for is not asked for again.
    pub fn settle(&mut self) {
        if let Intent::Returning(returning) = &mut self.intent {
            returning.rebuild = false;
        }
    }

    /// The hosts that are looked at: all of them, since even one host's part depends on who the others are.
    pub fn hosts(&self) -> Vec<String> {
        self.loaded.inventory.hosts.keys().cloned().collect()
    }

    async fn connect(&self, events: &Events) -> Result<Fleet, Problem> {
        let record = self.record.as_deref();
        Fleet::connect(&self.loaded.inventory, &self.hosts(), record, events).await
    }

    /// Connects and plans.
    ///
    /// # Errors
    /// A host that may be changed could not be reached or asked, there is no plan, or a program does not take what it would be given.
    pub async fn observe(
        &mut self,
        events: &Events,
        purpose: Purpose,
    ) -> Result<(Fleet, Plan), Problems> {
        let mut fleet = self.connect(events).await?;
        let unreachable = std::mem::take(&mut fleet.unreachable);
        let planned = self.plan(&mut fleet, unreachable, events, purpose).await;
        let tried = match planned {
            Ok(plan) => {
                let refused = trials(&mut fleet, &plan, &self.loaded.secrets, events).await;
                if refused.is_empty() {
                    return Ok((fleet, plan));
                }
                Problems(refused)
            }
            Err(problems) => problems,
        };
        fleet.close().await;
        Err(tried)
    }

    /// Looks at the hosts. A recovery takes minutes where there was much to do, and what comes after it is waited for.
    async fn look(&self, fleet: &mut Fleet, purpose: Purpose, events: &Events) -> Seen {
        let began = Instant::now();
        let mut told = false;
        loop {
            let seen = probe(fleet, &self.questions, Lock::Settled, purpose, events).await;
            let starting = self.starting(&seen);
            if starting.is_empty() || began.elapsed() >= RECOVERY {
                return seen;
            }
            if !std::mem::replace(&mut told, true) {
                eprintln!(
                    "waiting for PostgreSQL on {}, which is starting up: for {} s at most",
                    list(&starting),
                    RECOVERY.as_secs()
                );
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    /// The hosts whose server has to tell what it is before anything is run, and does not yet. A standby gets no further while
    /// there is no primary.
    fn starting<'s>(&self, seen: &'s Seen) -> Vec<&'s String> {
        let facts = || {
            seen.iter()
                .filter_map(|(host, facts)| Some((host, facts.as_ref().ok()?)))
        };
        let has_primary = facts().any(|(_, facts)| {
            facts
                .server
                .answers()
                .is_some_and(|server| !server.in_recovery)
        });
        let is_waited_for = |facts: &Facts| {
            let untold = facts.server.untold();
            untold.is_some_and(|untold| untold.why == Why::Starting)
                && (has_primary || facts.may_take_writes())
        };
        let hosts = facts().filter(|(_, facts)| self.waits && is_waited_for(facts));
        hosts.map(|(host, _)| host).collect()
    }

    /// Plans over connections that are open.
    ///
    /// # Errors
    /// As [`Self::observe`].
    pub async fn plan(
        &mut self,
        fleet: &mut Fleet,
        unreachable: Vec<Problem>,
        events: &Events,
        purpose: Purpose,
    ) -> Result<Plan, Problems> {
        let mut seen = self.look(fleet, purpose, events).await;
        for problem in unreachable {
            if let Some(host) = problem.host.clone() {
                seen.insert(host, Err(problem));
            }
        }
        events.tell(&Event::Looked);
        let (plan, absent) = self.declaration().plan_from(seen, &self.loaded.secrets)?;
        self.absent = absent;
        let lacking: Vec<&str> = plan.new_secrets.iter().map(String::as_str).collect();
        match self.loaded.store.lacks(&lacking) {
            Some(problem) => Err(problem.into()),
            None => Ok(plan),
        }
    }
}
