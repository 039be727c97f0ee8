//! How a verb with a playbook of its own runs it: what `switchover`, `failover`, `rejoin` and their like all take.

use std::path::Path;

use clap::Args;

use super::apply::Mode;
use super::load::Which;
use super::plan::{Common, Diff};

#[derive(Args)]
pub struct Manner {
    /// A variable, or `@file` with a YAML map of them; may be repeated
    #[arg(long, short, value_name = "NAME=VALUE|@FILE")]
    pub extra_vars: Vec<String>,
    /// Look at everything, and show what would be done; nothing is changed
    #[arg(long)]
    pub dry_run: bool,
    /// Show how the content of files changes; `full`: that of pgha's own programs too
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true,
        default_value_t = Diff::Short, default_missing_value = "short")]
    diff: Diff,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Guards, timings and the output of commands too
    #[arg(long, short)]
    verbose: bool,
}

impl Manner {
    /// An inventory with a shipped playbook, and everything else as it is by default.
    pub fn common(&self, inventory: &Path, playbook: &'static str) -> Common {
        let mut common = Common::of(inventory);
        common.inputs.extra_vars.clone_from(&self.extra_vars);
        common.which = Which::shipped(playbook);
        common.diff = self.diff;
        common.json = self.json;
        common.verbose = self.verbose;
        common
    }

    pub fn mode(&self) -> Mode {
        match self.dry_run {
            true => Mode::Plan,
            false => Mode::ShowAndRun,
        }
    }
}
