//! What a user sees: plans, problems and status as text. The snapshots lie beside this file.

mod log;
mod plan;
mod plans;
mod problem;
mod status;
