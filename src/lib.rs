//! pgha: from bare hosts to a PostgreSQL high-availability cluster.
//!
//! The modules are floors (`ARCHITECTURE.md`). Most are pure, i.e. they read no file, clock, environment or random source;
//! [`transport`], [`run`] and [`lab`] have the effects; [`render`] alone has colour; [`cli`] is one file per verb.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

#[allow(clippy::disallowed_methods, reason = "reads what the user wrote")]
pub mod cli;
pub mod condition;
pub mod facts;
pub mod inventory;
#[allow(clippy::disallowed_methods, reason = "starts containers")]
pub mod lab;
pub mod manager;
pub mod plan;
pub mod playbook;
pub mod postgres;
pub mod problem;
#[allow(clippy::disallowed_methods, reason = "looks at the terminal")]
pub mod render;
pub mod resource;
#[allow(clippy::disallowed_methods, reason = "has the effects")]
pub mod run;
pub mod schema;
pub mod secret;
pub mod setting;
pub mod shell;
pub mod size;
pub mod status;
pub mod template;
#[allow(clippy::disallowed_methods, reason = "starts shells")]
pub mod transport;
pub mod vault;
pub mod words;
pub mod yaml;
