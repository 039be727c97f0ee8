//! Plans, progress, status and problems as text; the only place with colour.

mod diff;
mod field;
mod group;
mod op;
pub mod plan;
pub mod problem;
pub mod progress;
mod progress_log;
mod shell;
pub mod status;
pub mod style;

pub mod failure;
