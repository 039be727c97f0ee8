//! Records what a real probe is answered on each release in each state of `tests/states`, for `tests/recorded.rs`:
//! `cargo test --test scenarios -- --ignored record`. With `PGHA_STATES=NAME,NAME` only those, from a cluster that is healthy.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use pgha::facts::{Recorded, pretty};
use pgha::run::events::Purpose;
use pgha::run::{Events, Fleet, Lock, probe};
use serde_json::{Map, Value, json};

use crate::lab::{Hosts, Lab};
use crate::made::Stage;
use crate::states::patch::{apply, difference};
use crate::states::site::{Cluster, Site, conditions, is_expected, settled};
use crate::states::{self, HEALTHY, State};
use crate::switchover::TWO_POOLERS;

pub fn debian_11() {
    record("debian-11", 13);
}

pub fn debian_12() {
    record("debian-12", 15);
}

pub fn debian_13() {
    record("debian-13", 17);
}

/// What each host answered, as it is kept.
type Answers = BTreeMap<String, Value>;

fn record(os: &'static str, version: u16) {
    let lab = Lab::converged(Hosts { os, ..TWO_POOLERS });
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recorded")
        .join(os);
    let chosen = std::env::var("PGHA_STATES").ok();
    let chosen: Option<Vec<&str>> = chosen.as_deref().map(|names| names.split(',').collect());
    if chosen.is_none() {
        let _ = fs::remove_dir_all(&root);
    }
    let recorder = Recorder {
        os,
        lab: &lab,
        inventory: without_login(&lab.born_with),
        root,
        clusters: RefCell::default(),
    };
    // Before repmgrd is stopped.
    lab.assert_healthy();
    let healthy = states::all().next().unwrap();
    let base = match &chosen {
        None => recorder.healthy(healthy),
        Some(_) => recorder.read_healthy(),
    };
    let stage = Stage::new(&lab, version);
    let mut wrong = Vec::new();
    let is_chosen = |state: &&State| match &chosen {
        Some(names) => names.contains(&state.name),
        None => state.name != HEALTHY && state.since <= version,
    };
    for state in states::all().filter(is_chosen) {
        let began = Instant::now();
        // One that cannot be made is taken back all the same, and the others are recorded.
        let made = attempt(|| stage.make(state));
        let recorded = match &made {
            Ok(_) => recorder.state(state, &base, &stage),
            Err(problem) => Err(format!("it cannot be made: {problem}")),
        };
        if let Err(problem) = recorded {
            eprintln!("{os}: {}: {problem}", state.name);
            wrong.push(state.name);
        }
        stage.undo(state, made.unwrap_or_default());
        eprintln!(
            "{os}: {}: {:.1} s",
            state.name,
            began.elapsed().as_secs_f64()
        );
    }
    assert!(
        wrong.is_empty(),
        "{os}: not as expected, see above: {wrong:?}"
    );
}

/// What comes of it, or how it panicked.
fn attempt<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.unwrap_or_default()
    })
}

struct Recorder<'a> {
    os: &'static str,
    lab: &'a Lab,
    /// As it is kept.
    inventory: String,
    root: PathBuf,
    /// By the member that returns, and what is changed in the inventory.
    clusters: RefCell<BTreeMap<Kind, Arc<Cluster>>>,
}

type Kind = (Option<&'static str>, Option<(&'static str, &'static str)>);

impl Recorder<'_> {
    /// Records what all others are differences from, and what was asked.
    fn healthy(&self, state: &State) -> Answers {
        let answers = self.ask(state);
        let site = self.site(state);
        let by_host = answers.iter().map(|(host, answers)| {
            let release = pgha::facts::Release::from_name(self.os).unwrap();
            let asked = conditions(&site.cluster.asked[host][&release]);
            self.write(&format!("{}/{host}.json", state.name), &pretty(answers));
            (host.clone(), json!(asked))
        });
        let asked = Value::Object(by_host.collect::<Map<_, _>>());
        self.write("conditions.json", &pretty(&asked));
        self.write("inventory.yml", &self.inventory);
        self.tell(state, &answers);
        answers
    }

    fn site(&self, state: &State) -> Site {
        let mut clusters = self.clusters.borrow_mut();
        let cluster = clusters
            .entry((state.returns, state.inventory))
            .or_insert_with(|| Arc::new(Cluster::new(&self.lab.born_with, &self.lab.dir, state)));
        Site::new(Arc::clone(cluster), state)
    }

    fn read_healthy(&self) -> Answers {
        let hosts = states::NODES.into_iter().chain(states::POOLERS);
        hosts
            .map(|host| {
                let path = self.root.join(format!("{HEALTHY}/{host}.json"));
                let text = fs::read_to_string(path).expect("record all states first");
                (host.to_owned(), serde_json::from_str(&text).unwrap())
            })
            .collect()
    }

    /// Records a state that is there, and compares what pgha says of it with what it should.
    fn state(&self, state: &State, base: &Answers, stage: &Stage<'_>) -> Result<(), String> {
        let answers = self.ask(state);
        let _ = fs::remove_dir_all(self.root.join(state.name));
        fs::create_dir_all(self.root.join(state.name)).unwrap();
        for (host, answers) in &answers {
            if let Some(difference) = difference(&base[host], answers) {
                assert_eq!(&apply(&base[host], &difference), answers, "{difference:#}");
                self.write(&format!("{}/{host}.json", state.name), &pretty(&difference));
            }
        }
        // One that is recorded alone may have another lab's addresses.
        if fs::read_to_string(self.root.join("inventory.yml")).unwrap() != self.inventory {
            self.write(&format!("{}/inventory.yml", state.name), &self.inventory);
        }
        let told = self.tell(state, &answers);
        is_expected(state, &told, |text| stage.filled(text))
    }

    /// Asks every host what any of the verbs would.
    fn ask(&self, state: &State) -> Answers {
        let Cluster {
            inventory, asked, ..
        } = &*self.site(state).cluster;
        let dir = self.lab.dir.join("recorded");
        let _ = fs::remove_dir_all(&dir);
        let hosts: Vec<String> = inventory.hosts.keys().cloned().collect();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let events = Events::default();
            let fleet = Fleet::connect(inventory, &hosts, Some(&dir), &events);
            let mut fleet = fleet.await.unwrap();
            let purpose = Purpose::Probe;
            // What cannot be understood is on record, too.
            let _ = probe(&mut fleet, asked, Lock::No, purpose, &events).await;
            fleet.close().await;
        });
        let answers = hosts.into_iter().map(|host| {
            let text = fs::read_to_string(dir.join(format!("{host}.json"))).unwrap();
            let mut answers = serde_json::from_str(&text).unwrap();
            settled(&mut answers);
            (host, answers)
        });
        answers.collect()
    }

    /// Writes what pgha says of it; gives what it refuses a switchover for.
    fn tell(&self, state: &State, answers: &Answers) -> Vec<String> {
        let answered = answers.iter();
        let recorded =
            answered.map(|(host, answers)| (host.clone(), Recorded::from_json(answers).unwrap()));
        let (text, refusals) = self.site(state).told(&recorded.collect());
        self.write(&format!("{}/told.txt", state.name), &text);
        refusals
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// An inventory without what is this machine's.
fn without_login(inventory: &str) -> String {
    let lines = inventory
        .lines()
        .filter(|line| !line.contains("ansible_ssh_"));
    lines.map(|line| format!("{line}\n")).collect()
}
