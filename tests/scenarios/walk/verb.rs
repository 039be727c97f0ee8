//! A pgha that runs beside what is done.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::step::{Call, INVENTORIES};
use crate::lab::{Lab, PGHA, bounded};

pub struct Verb {
    words: String,
    process: Child,
    output: PathBuf,
    /// When it is killed.
    until: Option<Instant>,
}

/// Writes the inventories beside the lab's own.
pub fn inventories(lab: &Lab, last: &str) {
    let own = fs::read_to_string(lab.inventory()).unwrap();
    let line = own.lines().find(|line| line.contains(&format!(" {last}:")));
    let line = format!("{}\n", line.unwrap());
    // Nobody is at the last address of the lab's network.
    let address = lab.address(last);
    let (network, _) = address.rsplit_once('.').unwrap();
    let one_more = format!("{line}        node9: {{ ansible_host: {network}.253 }}\n");
    let texts = [
        lab.born_with.clone(),
        own.replacen(&line, "", 1),
        own.replacen(&line, &one_more, 1),
    ];
    for (name, text) in INVENTORIES[1..].iter().zip(texts) {
        fs::write(path(lab, name), text).unwrap();
    }
}

fn path(lab: &Lab, inventory: &str) -> PathBuf {
    match inventory {
        "own" => lab.inventory(),
        other => lab.dir.join(format!("inventory-{other}.yml")),
    }
}

impl Verb {
    pub fn start(lab: &Lab, call: &Call, number: usize) -> Self {
        let output = lab.dir.join(format!("walk-{number}.txt"));
        let file = File::create(&output).unwrap();
        let (verb, arguments) = call.words.split_first().unwrap();
        let mut pgha = match call.killed {
            // It itself is killed, and not what bounds it.
            Some(_) => Command::new(PGHA),
            None => bounded(PGHA),
        };
        pgha.arg(verb)
            .arg(path(lab, call.inventory))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let until = |after| Instant::now() + Duration::from_millis(after);
        Self {
            words: call.words.join(" "),
            process: pgha.spawn().unwrap(),
            output,
            until: call.killed.map(until),
        }
    }

    /// Its words, its exit code and what it printed.
    pub fn wait(mut self) -> (String, i32, String) {
        if let Some(until) = self.until {
            while self.process.try_wait().unwrap().is_none() {
                if Instant::now() > until {
                    self.process.kill().unwrap();
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let code = self.process.wait().unwrap().code().unwrap_or(-9);
        (self.words, code, fs::read_to_string(self.output).unwrap())
    }
}
