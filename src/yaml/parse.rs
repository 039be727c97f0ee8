//! Text → [`Node`].

use std::sync::Arc;

use crate::problem::{Problem, Source};
use crate::yaml::Node;

/// Reads one YAML document.
///
/// # Errors
///
/// The first thing that is wrong, at its place.
pub fn parse(source: &Arc<Source>) -> Result<Node, Problem> {
    let _ = source;
    todo!()
}

/// Whether the source holds nothing but blank lines, comments and document markers.
pub fn is_blank(source: &Source) -> bool {
    source.text.lines().all(|line| {
        let line = line.trim_start_matches('\u{feff}').trim();
        line.is_empty() || line.starts_with('#') || line == "---" || line == "..."
    })
}

/// Reads what follows the byte `start` as `--extra-vars` reads the value of a pair.
///
/// # Errors
///
/// What [`parse`] refuses.
pub fn parse_scalar_at(source: &Arc<Source>, start: usize) -> Result<Node, Problem> {
    let _ = (source, start);
    todo!()
}
