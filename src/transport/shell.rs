//! One long-lived `/bin/sh`.

use std::path::PathBuf;

use super::{Frame, Reply, Script, Sessions};
use crate::inventory::Connection;
use crate::problem::Problem;

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Unix(PathBuf),
    Tcp(String, u16),
}

/// One long-lived `/bin/sh` on one host.
pub struct Shell {}

impl Shell {
    pub async fn open(
        _host: &str,
        _connection: &Connection,
        _sessions: &Sessions,
    ) -> Result<Self, Problem> {
        todo!()
    }

    pub async fn local(_host: &str, _become_user: Option<&str>) -> Result<Self, Problem> {
        todo!()
    }

    pub fn scripted(
        _host: &str,
        _answer: impl FnMut(&Script) -> Vec<Reply> + Send + 'static,
    ) -> Self {
        todo!()
    }

    pub async fn exchange(
        &mut self,
        _script: &Script,
        _on_frame: &mut (dyn FnMut(Frame) + Send),
    ) -> Result<(), Problem> {
        todo!()
    }

    pub fn exchanges(&self) -> u64 {
        todo!()
    }

    pub async fn forward(&self, _remote: &Endpoint) -> Result<Endpoint, Problem> {
        todo!()
    }

    pub async fn close(self) {
        todo!()
    }
}
