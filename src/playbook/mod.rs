//! Playbooks: ordered plays of steps, each of which declares one resource.

mod foreign;
mod parse;
mod play;
mod step;

pub use parse::{PLAY_KEYS, no_deadline, parse};
pub use play::Play;
pub use step::{KEYS as STEP_KEYS, Step, Undo};

/// A playbook with everything that it imports.
#[derive(Clone, Debug, PartialEq)]
pub struct Playbook {
    /// The path of its entry, as the user gave it.
    pub name: String,
    pub plays: Vec<Play>,
}

#[cfg(test)]
mod tests;
