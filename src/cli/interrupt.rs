//! Ctrl-c, and requests to end. Once a process has handled a signal it must go on handling it: `lab up` does, so every verb
//! that works on hosts does too.

use tokio::signal::unix::{SignalKind, signal};

use crate::problem::{Problem, Problems};

/// Waits for ctrl-c or a request to end.
pub async fn asked() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        // Without handlers the signals end the process, as they do by default.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Does `work`, which only looks, unless asked to end before.
///
/// # Errors
/// Those of `work`, or that it was interrupted.
pub async fn unless_asked<T>(
    work: impl Future<Output = Result<T, Problems>>,
) -> Result<T, Problems> {
    tokio::select! {
        outcome = work => outcome,
        () = asked() => Err(Problem::interrupted("interrupted while looking at the hosts").into()),
    }
}
