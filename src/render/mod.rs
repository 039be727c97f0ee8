//! Plans, progress, status and problems as text; the only place with colour.

mod diff;
pub mod failure;
mod field;
mod group;
pub mod log;
mod meter;
mod op;
pub mod plan;
pub mod problem;
pub mod progress;
mod progress_log;
mod shell;
pub mod status;
pub mod style;
mod table;
