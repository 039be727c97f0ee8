//! One run at a time on a host: a lock that lives as long as any command of the run, so that a second run waits for what an
//! interrupted one still has under way. Only root can open it, and nobody else can make it first.

use crate::problem::Problem;
use crate::shell::with;
use crate::transport::Step;

/// The id of the step that takes the lock, first in its script; the others count from 1.
pub const STEP: u32 = 0;

/// Seconds that a run waits for another one.
const PATIENCE: u32 = 600;

/// Waits for a handover that was cut off.
const ARMED: &str = include_str!("armed.sh");

/// Who takes it.
#[derive(Clone, Copy)]
pub enum Lock {
    /// A run: alone, and to the end of its script.
    Alone,
    /// A plan: waits until nobody is at work, and leaves no trace on a host where nobody ever was.
    Settled,
    /// A look at things as they are, whoever is at work.
    No,
}

impl Lock {
    /// Opens the lock's file, outside the steps: the lock is held as long as it is open, here or in any child.
    pub fn prelude(self) -> &'static str {
        match self {
            Self::Alone => {
                "mkdir -p /run/pgha && (umask 077 && : >>/run/pgha/lock) && exec 9>>/run/pgha/lock"
            }
            Self::Settled => {
                "if [ -e /run/pgha/lock ]; then exec 9</run/pgha/lock; else exec 9</dev/null; fi"
            }
            Self::No => "",
        }
    }

    /// The step that takes it.
    pub fn step(self) -> Step {
        let body = match self {
            Self::Alone | Self::Settled => format!(
                "{}{}",
                match self {
                    Self::Settled => ARMED,
                    _ => "",
                },
                with([PATIENCE.to_string()], include_str!("lock.sh"))
            ),
            Self::No => ":".to_owned(),
        };
        Step { id: STEP, body }
    }
}

/// It was not to be had.
pub fn busy() -> Problem {
    Problem::failed("another run of pgha is still at work on this host")
        .because(format!("it did not end within {PATIENCE} s"))
        .hint("see what it does: `ps -ef`, `fuser /run/pgha/lock`")
}
