//! pgha: from bare hosts to a PostgreSQL high-availability cluster.
//!
//! The modules are floors (`ARCHITECTURE.md`): those up to [`plan`] are pure, i.e. they read no file, clock,
//! environment or random source; [`transport`], [`run`] and [`lab`] have the effects; [`render`] alone has colour;
//! [`cli`] is one file per verb.

pub mod cli;
pub mod condition;
pub mod facts;
pub mod inventory;
pub mod lab;
pub mod plan;
pub mod playbook;
pub mod postgres;
pub mod problem;
pub mod render;
pub mod resource;
pub mod run;
pub mod secret;
pub mod shell;
pub mod size;
pub mod status;
pub mod template;
pub mod transport;
pub mod yaml;
