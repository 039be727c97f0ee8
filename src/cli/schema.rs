//! `pgha schema`: JSON schemas of inventories and playbooks, for editors.

use clap::ValueEnum;

use super::out;
use crate::problem::Problems;
use crate::schema;

#[derive(Clone, Copy, ValueEnum)]
pub enum Of {
    Inventory,
    Playbook,
}

#[derive(clap::Args)]
pub struct Arguments {
    /// Of what
    #[arg(value_enum)]
    of: Of,
}

/// Prints the schema; gives the exit code.
///
/// # Errors
/// None.
pub fn run(arguments: &Arguments) -> Result<u8, Problems> {
    out::json(&match arguments.of {
        Of::Inventory => schema::inventory(),
        Of::Playbook => schema::playbook(),
    });
    Ok(0)
}
