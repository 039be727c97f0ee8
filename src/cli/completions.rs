//! `pgha completions`.

use clap::Args;
use clap_complete::Shell;

use super::{command, out};
use crate::problem::Problems;

#[derive(Args)]
pub struct Arguments {
    /// The shell that is to complete pgha's verbs and options
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints what the shell reads; gives the exit code.
///
/// # Errors
/// None: it has the signature of all verbs.
pub fn run(arguments: &Arguments) -> Result<u8, Problems> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "pgha", &mut script);
    out::text(&String::from_utf8_lossy(&script));
    Ok(0)
}
