//! States of `tests/states`, made on the hosts of a lab.

use crate::lab::{Lab, Running};
use crate::states::{Do, NODES, POOLERS, SETTLED, State, WORDS};

/// A cluster in which states are made: its repmgrd stands still, since it writes to `repmgr.nodes` when it notices that a
/// member is down, which may be while somebody looks.
pub struct Stage<'a> {
    lab: &'a Lab,
    /// What stands in scripts and sentences for what is not the same in each lab.
    words: Vec<(String, String)>,
}

impl<'a> Stage<'a> {
    pub fn new(lab: &'a Lab, version: u16) -> Self {
        let hosts = NODES.into_iter().chain(POOLERS);
        let mut words: Vec<(String, String)> = hosts
            .map(|host| (format!("{{{host}}}"), lab.address(host)))
            .collect();
        words.push(("{version}".to_owned(), version.to_string()));
        for node in NODES {
            lab.on(node, "systemctl stop repmgrd");
        }
        let stage = Self { lab, words };
        stage.settle();
        stage
    }

    /// Text with what is meant in this lab.
    pub fn filled(&self, text: &str) -> String {
        let words = self.words.iter();
        words.fold(text.to_owned(), |text, (word, meant)| {
            text.replace(word, meant)
        })
    }

    /// Makes a state; it lasts as long as what is given, and until it is undone.
    pub fn make(&self, state: &State) -> Vec<Running> {
        state.by.iter().filter_map(|act| self.act(*act)).collect()
    }

    /// Takes a state back.
    pub fn undo(&self, state: &State, made: Vec<Running>) {
        for act in state.undo {
            self.act(*act);
        }
        drop(made);
        if state.settles {
            self.settle();
        }
    }

    /// Begins what goes on; does the rest.
    fn act(&self, act: Do) -> Option<Running> {
        let lab = self.lab;
        let words = |script: &str| self.filled(&format!("{WORDS}{script}"));
        match act {
            Do::On(host, script) => _ = lab.on(host, &words(script)),
            Do::Begin(host, script) => return Some(lab.start_on(host, &self.filled(script))),
            Do::Pgha(verb, arguments, code) => _ = lab.pgha(verb, arguments).exits(code),
            Do::Kill(host) => lab.kill_host(host),
            Do::Start(host) => lab.start_host(host),
            Do::Freeze(host) => lab.freeze_host(host),
            Do::Thaw(host) => lab.thaw_host(host),
        }
        None
    }

    /// Waits until both standbys stream and the poolers answer.
    pub fn settle(&self) {
        self.lab
            .on("node1", &self.filled(&format!("{WORDS}{SETTLED}")));
        let console = "until console 'show version' >/dev/null 2>&1; do sleep 0.1; done";
        for pooler in POOLERS {
            self.lab
                .on(pooler, &self.filled(&format!("{WORDS}{console}")));
        }
    }
}
