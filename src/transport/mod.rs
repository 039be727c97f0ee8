//! One long-lived `/bin/sh` per host, and the framed protocol spoken with it.

mod cutter;
pub mod decoder;
mod escalation;
mod local;
mod pipes;
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
