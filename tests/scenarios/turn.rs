//! Which scenarios run at the same time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What may run beside a scenario.
#[derive(Clone, Copy, PartialEq)]
pub enum Beside {
    /// It loads both processors, or what it measures needs them.
    Nothing,
    /// It has time limits of its own, waits most of the time, and may run beside others that do.
    Alike,
    /// It limits nothing closely: it may be beside others of this kind, which build clusters.
    Others,
}

/// Who runs: how many, and of which kind.
static TURN: Mutex<(usize, Beside)> = Mutex::new((0, Beside::Others));
static ENDED: Condvar = Condvar::new();

/// A scenario's turn, until it is dropped.
pub struct Turn(());

/// Waits until a scenario may run.
pub fn take(beside: Beside) -> Turn {
    let may_not = |(running, kind): &mut (usize, Beside)| {
        *running > 0 && (*kind != beside || beside == Beside::Nothing)
    };
    let waited = ENDED.wait_while(turn(), may_not);
    let mut turn = waited.unwrap_or_else(PoisonError::into_inner);
    *turn = (turn.0 + 1, beside);
    Turn(())
}

impl Drop for Turn {
    fn drop(&mut self) {
        turn().0 -= 1;
        ENDED.notify_all();
    }
}

fn turn() -> MutexGuard<'static, (usize, Beside)> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
