//! `pgha man`.

use std::path::PathBuf;

use clap::Args;

use super::{command, out};
use crate::problem::{Problem, Problems};

#[derive(Args)]
pub struct Arguments {
    /// Write a page for pgha and for each verb into this folder, instead of printing one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints `pgha(1)`, or writes all pages; gives the exit code.
pub fn run(arguments: &Arguments) -> Result<u8, Problems> {
    match &arguments.dir {
        Some(dir) => {
            let written = std::fs::create_dir_all(dir)
                .and_then(|()| clap_mangen::generate_to(command(), dir));
            written.map_err(|error| {
                Problem::input(format!("`{}` cannot be written", dir.display()))
                    .because(error)
                    .hint("name a folder that you may write to")
            })?;
        }
        None => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(command()).render(&mut page);
            rendered.expect("memory can be written to");
            out::text(&String::from_utf8_lossy(&page));
        }
    }
    Ok(0)
}
