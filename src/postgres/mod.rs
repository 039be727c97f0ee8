//! PostgreSQL's own notions, without I/O.

pub mod conninfo;
pub mod ident;
pub mod lsn;
pub mod scram;
pub mod session;
pub mod setting;
pub mod synchronous;
pub mod timeline;
