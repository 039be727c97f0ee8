//! One long-lived `/bin/sh` per host, and the framed protocol spoken with it.

mod local;
pub mod protocol;
mod refusal;
mod scripted;
mod sessions;
mod shell;
mod ssh;

pub use protocol::{Frame, Script, Step, Stream};
pub use scripted::Reply;
pub use sessions::Sessions;
pub use shell::{Endpoint, Shell};
