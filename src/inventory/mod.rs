//! Hosts, groups and variables, in the shape that Ansible users know. It never says who is primary.

mod connection;

pub use connection::{Connection, Way};
