//! Plans, progress, status and problems as text; the only place with colour.

pub mod problem;
