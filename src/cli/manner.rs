//! How a verb with a playbook of its own runs it: what `switchover`, `failover`, `rejoin` and their like all take.

use std::path::{Path, PathBuf};

use clap::Args;

use super::apply::Mode;
use super::load::Which;
use super::plan::{Common, Contents};
use super::vault::Vault;

#[derive(Args)]
pub struct Manner {
    /// A variable, or `@file` with a YAML map of them; may be repeated
    #[arg(long, short, value_name = "NAME=VALUE|@FILE")]
    pub extra_vars: Vec<String>,
    /// Of several clusters in the inventory this one
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Ask for the password that `sudo` asks for on the hosts
    #[arg(long, short = 'K', visible_alias = "ask-become-password")]
    pub ask_become_pass: bool,
    /// Run the preflight checks and show the steps; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Also show guards, timings and the output of commands
    #[arg(long, short)]
    verbose: bool,
    /// Keep what every host answered, a file each in this folder, for a report; passwords are left out
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    #[command(flatten)]
    contents: Contents,
    #[command(flatten)]
    vault: Vault,
}

impl Manner {
    /// An inventory with a shipped playbook, and everything else as it is by default.
    pub fn common(&self, inventory: &Path, playbook: &'static str) -> Common {
        let mut common = Common::of(inventory);
        common.inputs.extra_vars.clone_from(&self.extra_vars);
        common.inputs.cluster.clone_from(&self.cluster);
        common.inputs.ask_become_pass = self.ask_become_pass;
        common.inputs.vault = self.vault.clone();
        common.which = Which::shipped(playbook);
        common.json = self.json;
        common.verbose = self.verbose;
        common.contents = self.contents.clone();
        common.record.clone_from(&self.record);
        common
    }

    /// The same where the content of files is not what is of interest, unless it is asked for.
    pub fn brief(&self, inventory: &Path, playbook: &'static str) -> Common {
        let mut common = self.common(inventory, playbook);
        common.no_diff = common.contents.diff.is_none();
        common
    }

    pub fn mode(&self) -> Mode {
        match self.dry_run {
            true => Mode::Plan,
            false => Mode::ShowAndRun,
        }
    }
}
