//! What pgha says of clusters in the states of `tests/states`, by what a real probe was answered in them on each release that
//! was recorded (`tests/recorded/RELEASE/STATE/`): planned as ever, and no host takes part.
//!
//! `healthy/HOST.json` is what a host answered; in the other states it is the difference from that ([`patch`]), and none where
//! there is no difference. One that was recorded alone has its own `inventory.yml`. `told.txt` is what pgha says: `PGHA_BLESS=1` writes it anew. CONTRIBUTING.md tells how to record.

#[path = "states/mod.rs"]
#[allow(dead_code, reason = "how states are made is for those who record them")]
mod states;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use pgha::facts::{Answer, Answers, Facts, Recorded, Release, Section, Why, understood};
use pgha::problem::Problem;
use pgha::words::hex;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use states::patch;
use states::site::{Cluster, Site, conditions, is_expected};
use states::{HEALTHY, State};

fn root(release: Release) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recorded")
        .join(release.name())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One release's recordings.
struct Shelf {
    release: Release,
    root: PathBuf,
    inventory: String,
    healthy: BTreeMap<String, Value>,
    /// By what makes them differ: the questions of a cluster take longer than a plan.
    clusters: Mutex<BTreeMap<Kind, Arc<Cluster>>>,
}

/// The inventory, what is changed in it, and the member that returns.
type Kind = (
    String,
    Option<(&'static str, &'static str)>,
    Option<&'static str>,
);

/// A host has the programs that pgha ships: what they were when it was recorded says nothing of a state.
fn with_programs_of_today(answers: &mut Value) {
    match answers {
        Value::String(line) => {
            let Some((_, name)) = line.split_once("  /usr/local/lib/pgha/") else {
                return;
            };
            let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
            let today = [name.to_owned(), format!("{name}.sh")];
            let mut today = today.iter().map(|name| fs::read(programs.join(name)));
            if let Some(Ok(text)) = today.find(Result::is_ok) {
                let hash = hex(&Sha256::digest(&text));
                *line = format!("{hash}  /usr/local/lib/pgha/{name}");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(with_programs_of_today),
        Value::Object(map) => map.values_mut().for_each(with_programs_of_today),
        _ => {}
    }
}

impl Shelf {
    fn of(release: Release) -> Self {
        let root = root(release);
        let hosts = states::NODES.into_iter().chain(states::POOLERS);
        Self {
            release,
            inventory: read(&root.join("inventory.yml")),
            healthy: hosts
                .map(|host| {
                    let path = root.join(HEALTHY).join(format!("{host}.json"));
                    let mut healthy = json(&path);
                    with_programs_of_today(&mut healthy);
                    (host.to_owned(), healthy)
                })
                .collect(),
            root,
            clusters: Mutex::default(),
        }
    }

    fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<Shelf>> = LazyLock::new(|| {
            let there = Release::ALL
                .into_iter()
                .filter(|release| root(*release).is_dir());
            there.map(Shelf::of).collect()
        });
        &ALL
    }

    /// Those that there are on this release.
    fn states(&self) -> impl Iterator<Item = &'static State> {
        let version = self.release.postgresql_version();
        states::all().filter(move |state| state.since <= version)
    }

    fn site(&self, state: &State) -> Site {
        // One that was recorded alone has its own.
        let own = fs::read_to_string(self.root.join(state.name).join("inventory.yml"));
        let inventory = own.unwrap_or_else(|_| self.inventory.clone());
        let mut clusters = self.clusters.lock().unwrap();
        let cluster = clusters
            .entry((inventory.clone(), state.inventory, state.returns))
            .or_insert_with(|| Arc::new(Cluster::new(&inventory, Path::new("/"), state)));
        Site::new(Arc::clone(cluster), state)
    }

    /// What pgha says otherwise than it should.
    fn wrong(&self, bless: bool) -> Vec<String> {
        let version = self.release.postgresql_version().to_string();
        let mut wrong = Vec::new();
        for state in self.states() {
            let site = self.site(state);
            let (text, told) = site.told(&self.recorded(state));
            let path = self.root.join(state.name).join("told.txt");
            if bless {
                fs::write(&path, text).unwrap();
            } else if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
                wrong.push(format!("{}:\n{text}", path.display()));
            }
            let filled = |text: &str| site.filled(&text.replace("{version}", &version));
            if let Err(problem) = is_expected(state, &told, filled) {
                wrong.push(format!("{} {}: {problem}", self.release, state.name));
            }
        }
        wrong
    }

    fn recorded(&self, state: &State) -> BTreeMap<String, Recorded> {
        let folder = self.root.join(state.name);
        assert!(folder.is_dir(), "{} is not recorded", folder.display());
        let hosts = self.healthy.iter().map(|(host, healthy)| {
            let path = folder.join(format!("{host}.json"));
            let answers = match state.name == HEALTHY || !path.exists() {
                true => healthy.clone(),
                false => patch::apply(healthy, &json(&path)),
            };
            (host.clone(), Recorded::from_json(&answers).unwrap())
        });
        hosts.collect()
    }
}

/// What it says is as in the golden files, and a handover is refused with every reason that the table of states has, and no
/// other: that is not blessed.
#[test]
fn pgha_says_what_it_said() {
    let bless = std::env::var_os("PGHA_BLESS").is_some();
    let wrong = std::thread::scope(|scope| {
        let shelves = Shelf::all().iter();
        let wrong: Vec<_> = shelves
            .map(|shelf| scope.spawn(move || shelf.wrong(bless)))
            .collect();
        let wrong = wrong.into_iter().flat_map(|wrong| wrong.join().unwrap());
        wrong.collect::<Vec<String>>()
    });
    assert!(
        wrong.is_empty(),
        "{} not as they should (PGHA_BLESS=1 writes golden files anew):\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Answers about conditions are numbers: what they meant when they were recorded is what they mean now.
#[test]
fn the_same_is_asked_as_when_it_was_recorded() {
    for shelf in Shelf::all() {
        let healthy = states::all().next().unwrap();
        let site = shelf.site(healthy);
        let recorded = json(&shelf.root.join("conditions.json"));
        for (host, by_release) in &site.cluster.asked {
            let asked = conditions(&by_release[&shelf.release]);
            assert_eq!(
                recorded[host],
                serde_json::json!(asked),
                "{} {host}: pgha asks otherwise now, record again",
                shelf.release
            );
        }
    }
}

#[test]
fn every_folder_is_a_state() {
    for shelf in Shelf::all() {
        for entry in fs::read_dir(&shelf.root).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let is_known = !path.is_dir() || shelf.states().any(|state| state.name == name);
            assert!(is_known, "{} is no state any more", path.display());
        }
    }
}

/// An answer, and what was asked.
struct Heard {
    /// `debian-12 healthy node1`
    name: String,
    answers: Answers,
    cluster: Arc<Cluster>,
    host: String,
}

impl Heard {
    fn understood(&self, answers: &Answers) -> Result<Facts, Problem> {
        understood(answers, &self.cluster.asked[&self.host])
    }

    /// With another answer in one section.
    fn with(&self, section: Section, change: impl FnOnce(&mut Vec<String>)) -> Answers {
        let mut answers = self.answers.clone();
        change(&mut answers.get_mut(&section).unwrap().lines);
        answers
    }

    /// Sections that say something.
    fn sections(&self) -> impl Iterator<Item = (Section, &[String])> {
        let said = self
            .answers
            .iter()
            .map(|(section, answer)| (*section, &answer.lines[..]));
        said.filter(|(_, lines)| !lines.is_empty())
    }
}

fn heard(state: &State) -> Vec<Heard> {
    let mut heard = Vec::new();
    for shelf in Shelf::all() {
        let site = shelf.site(state);
        for (host, recorded) in shelf.recorded(state) {
            if let Recorded::Answered(answers) = recorded {
                heard.push(Heard {
                    name: format!("{} {} {host}", shelf.release, state.name),
                    answers,
                    cluster: Arc::clone(&site.cluster),
                    host,
                });
            }
        }
    }
    heard
}

fn healthy() -> Vec<Heard> {
    heard(states::all().next().unwrap())
}

/// What decides about data in what was understood.
fn believed(facts: &Facts) -> impl PartialEq + std::fmt::Debug {
    let server = facts.server.answers();
    server.map(|server| {
        (
            server.in_recovery,
            server.timeline,
            server.position,
            server.system_identifier.clone(),
        )
    })
}

#[test]
fn each_section_of_each_release_is_read() {
    for heard in healthy() {
        let whole = heard.understood(&heard.answers).unwrap();
        for (section, lines) in heard.sections() {
            let without = heard.with(section, Vec::clear);
            // What is numbered may all be untrue, and repmgrd's marker is not there while it watches.
            let says_nothing = section == Section::Conditions;
            assert!(
                says_nothing || heard.understood(&without).ok().as_ref() != Some(&whole),
                "{}: {section:?} is not read: {lines:#?}",
                heard.name
            );
        }
    }
}

#[test]
fn a_healthy_cluster_is_understood() {
    for heard in healthy() {
        let facts = heard.understood(&heard.answers).unwrap();
        if heard.host.starts_with("node") {
            let server = facts.server.answers().unwrap();
            let data = facts.data.as_ref().unwrap();
            assert_eq!(server.in_recovery, heard.host != "node1", "{}", heard.name);
            assert_eq!(server.system_identifier, data.system_identifier);
            assert_eq!(
                server.timeline,
                facts.wal.as_ref().map(|wal| wal.branch.timeline)
            );
            assert!(data.checksums && facts.wal.as_ref().unwrap().wal_log_hints);
            assert_eq!(server.nodes.len(), 3, "{}", heard.name);
            assert_eq!(server.receiver.is_some(), server.in_recovery);
            assert!(facts.readiness.as_ref().unwrap().activity.is_some());
        } else {
            let pooler = facts.pooler.as_ref().unwrap();
            assert!(pooler.databases.contains_key("app") && !pooler.paused);
        }
        assert_eq!(
            facts.readiness.as_ref().unwrap().primary.code,
            0,
            "{}",
            heard.name
        );
        let units = facts.units.values().filter(|unit| unit.is_running());
        assert!(units.count() > 0, "{}: no unit runs", heard.name);
    }
}

/// A server's answer that is cut off anywhere is none, and is not that nothing runs: half of it is not believed.
#[test]
fn half_an_answer_of_a_server_is_none() {
    for heard in healthy() {
        let server = &heard.answers[&Section::Server].lines;
        let Some(line) = server.iter().find(|line| line.starts_with("server ")) else {
            continue;
        };
        let ends = (8..line.len())
            .step_by(line.len() / 16)
            .chain([line.len() - 1]);
        for end in ends.map(|end| line.floor_char_boundary(end)) {
            let cut = heard.with(Section::Server, |lines| {
                lines.clear();
                lines.push(line[..end].to_owned());
            });
            let facts = heard.understood(&cut).unwrap();
            let why = facts.server.untold().map(|untold| untold.why);
            assert_eq!(why, Some(Why::Garbled), "{}: cut at {end}", heard.name);
        }
    }
}

/// Lines that somebody else prints (a login's message, a library's warning) neither are answers nor spoil them.
#[test]
fn noise_between_lines_makes_nobody_a_primary() {
    let noise = [
        "",
        " ",
        "WARNING:  something",
        "server",
        "nodes ",
        "|||",
        "a  b",
        "\u{1e}",
    ];
    for heard in healthy() {
        let whole = heard.understood(&heard.answers).unwrap();
        for (section, lines) in heard.sections() {
            for (at, noise) in noise.iter().enumerate() {
                let at = at * 7 % (lines.len() + 1);
                let noisy = heard.with(section, |lines| lines.insert(at, (*noise).to_owned()));
                if let Ok(facts) = heard.understood(&noisy)
                    && facts.server.answers().is_some()
                {
                    assert_eq!(
                        believed(&facts),
                        believed(&whole),
                        "{} {section:?}",
                        heard.name
                    );
                }
            }
        }
    }
}

/// What a broken connection, a full disk or a foreign program can make of an answer.
#[derive(Clone, Debug)]
enum Fault {
    Cut(usize),
    Drop,
    Twice,
    Noise(String),
    Letter(usize, char),
    Rest,
    Failed(i32, String),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        any::<usize>().prop_map(Fault::Cut),
        Just(Fault::Drop),
        Just(Fault::Twice),
        ".{0,40}".prop_map(Fault::Noise),
        (any::<usize>(), any::<char>()).prop_map(|(at, letter)| Fault::Letter(at, letter)),
        Just(Fault::Rest),
        (any::<i32>(), ".{0,40}").prop_map(|(code, error)| Fault::Failed(code, error)),
    ]
}

fn break_it(answer: &mut Answer, at: usize, fault: &Fault) {
    let lines = &mut answer.lines;
    if let Fault::Failed(code, error) = fault {
        answer.code = *code;
        answer.errors.push(error.clone());
        return;
    }
    if lines.is_empty() {
        return;
    }
    let at = at % lines.len();
    let place = |line: &str, at: usize| line.floor_char_boundary(at % (line.len() + 1));
    match fault {
        Fault::Cut(to) => {
            let to = place(&lines[at], *to);
            lines[at].truncate(to);
        }
        Fault::Drop => drop(lines.remove(at)),
        Fault::Twice => lines.insert(at, lines[at].clone()),
        Fault::Noise(noise) => lines.insert(at, noise.clone()),
        Fault::Letter(to, letter) => {
            let to = place(&lines[at], *to);
            lines[at].insert(to, *letter);
        }
        Fault::Rest => lines.truncate(at),
        Fault::Failed(..) => unreachable!("it was dealt with"),
    }
}

#[test]
fn a_broken_answer_is_an_error_or_unknown() {
    let heard = healthy();
    let faults = prop::collection::vec((0..12_usize, any::<usize>(), fault()), 1..4);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&(0..heard.len(), faults), |(which, faults)| {
            let heard = &heard[which];
            let mut answers = heard.answers.clone();
            for (section, at, fault) in &faults {
                if let Some(answer) = answers.values_mut().nth(*section) {
                    break_it(answer, *at, fault);
                }
            }
            // It does not panic, and says the same each time.
            prop_assert_eq!(heard.understood(&answers), heard.understood(&answers));
            Ok(())
        })
        .unwrap();
}

/// What a person would do by hand to read a recording.
#[test]
fn differences_lead_back() {
    for shelf in Shelf::all() {
        let hosts: Vec<&Value> = shelf.healthy.values().collect();
        for pair in hosts.windows(2) {
            let difference = patch::difference(pair[0], pair[1]).unwrap();
            assert_eq!(&patch::apply(pair[0], &difference), pair[1]);
            assert_eq!(patch::difference(pair[0], pair[0]), None);
        }
    }
}

#[test]
fn no_secret_is_in_a_recording() {
    fn walk(path: &Path, look: &mut impl FnMut(&Path, &str)) {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(&path, look),
                false => look(&path, &read(&path)),
            }
        }
    }
    for shelf in Shelf::all() {
        walk(&shelf.root, &mut |path, text| {
            for secret in ["SCRAM-SHA-256$", "PRIVATE KEY", "password="] {
                let clean = text.replace("password=withheld", "");
                assert!(!clean.contains(secret), "{}: {secret}", path.display());
            }
            let hashes = text.split("\"password_sha256\":").skip(1);
            for hash in hashes.map(str::trim_start) {
                assert!(
                    hash.starts_with("\"withheld\"") || hash.starts_with("null"),
                    "{}: {hash:.80}",
                    path.display()
                );
            }
        });
    }
}
