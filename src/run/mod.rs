//! Effects: probe, execute, verify.

pub mod events;
