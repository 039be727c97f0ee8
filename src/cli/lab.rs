//! `pgha lab up|down|list`.

use clap::Subcommand;

use crate::problem::Problems;

#[derive(Subcommand)]
pub enum Verb {}

/// Runs the verb; gives the exit code.
pub async fn run(verb: Verb) -> Result<u8, Problems> {
    match verb {}
}
