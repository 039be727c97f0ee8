//! Effects: connect, probe, execute.

mod alone;
mod beside;
pub mod compile;
pub mod events;
mod execute;
mod fleet;
pub mod history;
mod host;
mod journal;
mod lock;
mod login;
mod notes;
mod probe;
mod record;
mod said;
pub mod secrets;
pub mod stall;

pub use alone::{Alone, Taken};
pub use beside::beside;
pub use events::Events;
pub use execute::{Cause, Failure, Report, Undone, execute, execute_until};
pub use fleet::Fleet;
pub use journal::Journal;
pub use lock::Lock;
pub use login::log_in;
pub use probe::probe;
pub use record::Record;
