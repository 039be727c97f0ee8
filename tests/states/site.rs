//! What pgha says of a cluster by what its hosts answered, without asking any: a switchover, a member's return, and its status.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgha::facts::{Probe, Probes, Recorded, Release, understood};
use pgha::inventory::{self, Inventory, Sources};
use pgha::plan::{Change, Declaration, Drain, Handover, Intent, Plan, Returning, Seen, Shown};
use pgha::playbook::{self, Playbook};
use pgha::problem::{Problem, Problems, Source};
use pgha::render;
use pgha::resource;
use pgha::secret::Secrets;
use pgha::size;
use pgha::status;
use pgha::template::Engine;

use super::{State, is};

/// What is asked of each host, for each release.
pub type Asked = BTreeMap<String, BTreeMap<Release, Probes>>;

/// A member that is to come back, where a state names none.
const RETURNS: &str = "node3";

/// A cluster as it was declared, and what is asked of it.
pub struct Cluster {
    pub inventory: Inventory,
    engine: Engine,
    secrets: Secrets,
    switchover: Playbook,
    save: Playbook,
    rejoin: Playbook,
    /// Every question that any of the verbs has.
    pub asked: Asked,
}

/// A cluster in a state.
pub struct Site {
    pub cluster: Arc<Cluster>,
    state: State,
}

fn shipped(folder: &str, name: &str) -> Option<Arc<Source>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(name);
    let text = std::fs::read_to_string(path).ok()?;
    Some(Arc::new(Source {
        name: name.to_owned(),
        text,
        vaulted: false,
    }))
}

fn play(name: &str) -> Playbook {
    playbook::parse(name, resource::NAMES, &|name| shipped("playbooks", name)).unwrap()
}

impl Cluster {
    /// The cluster of an inventory in a folder, for what is asked in a state.
    pub fn new(inventory: &str, folder: &Path, state: &State) -> Self {
        let inventory = match state.inventory {
            Some((from, to)) => {
                assert!(inventory.contains(from), "no {from:?} in the inventory");
                inventory.replace(from, to)
            }
            None => inventory.to_owned(),
        };
        let inventory = inventory::load(&Sources::of(
            Arc::new(Source {
                name: "inventory.yml".to_owned(),
                text: inventory,
                vaulted: false,
            }),
            folder,
        ))
        .unwrap();
        let mut secrets = inventory.secrets.clone();
        for name in [
            "app",
            "pgha_watch",
            "repmgr",
            "ssh_private_key",
            "ssh_public_key",
        ] {
            secrets.insert(name, format!("the {name}"));
        }
        let engine = Engine::new(|name| shipped("templates", name))
            .with_programs(|name: &str| shipped("programs", name));
        let mut cluster = Self {
            inventory,
            engine,
            secrets,
            switchover: play("switchover.yml"),
            save: play("rejoin/save.yml"),
            rejoin: play("rejoin.yml"),
            asked: Asked::new(),
        };
        cluster.asked = cluster.questions(state);
        cluster
    }

    fn questions(&self, state: &State) -> Asked {
        let mut asked = status::questions(&self.inventory);
        for (playbook, intent) in [
            (&self.switchover, handover(state)),
            (&self.save, returning(state, false)),
            (&self.rejoin, returning(state, false)),
        ] {
            let questions = self.declaration(playbook, intent).questions().unwrap();
            for (host, by_release) in questions {
                for (release, probes) in by_release {
                    let of_host = asked.entry(host.clone()).or_default();
                    of_host.entry(release).or_default().extend(probes);
                }
            }
        }
        asked
    }

    fn declaration<'a>(&'a self, playbook: &'a Playbook, intent: Intent) -> Declaration<'a> {
        Declaration {
            inventory: &self.inventory,
            playbook,
            engine: &self.engine,
            limit: None,
            allow_restart_primary: false,
            intent,
        }
    }

    fn plan(&self, playbook: &Playbook, intent: Intent, seen: &Seen) -> Planned {
        self.declaration(playbook, intent)
            .plan_from(seen.clone(), &self.secrets)
    }
}

fn handover(state: &State) -> Intent {
    let argument = |name: &str| {
        let mut arguments = state.arguments.iter();
        arguments.find(|argument| **argument == name)?;
        arguments.next()
    };
    Intent::Handover(Handover {
        candidate: Some("node2".to_owned()),
        max_lag: size::parse(argument("--max-lag").unwrap_or(&"16MB")).unwrap(),
        pause_timeout: argument("--pause-timeout").map_or(5, |text| text.parse().unwrap()),
        drain: Drain::default(),
    })
}

fn returning(state: &State, accept_data_loss: bool) -> Intent {
    Intent::Returning(Returning {
        member: state.returns.unwrap_or(RETURNS).to_owned(),
        rebuild: false,
        accept_data_loss,
        discard: false,
    })
}

impl Site {
    pub fn new(cluster: Arc<Cluster>, state: &State) -> Self {
        Self {
            cluster,
            state: *state,
        }
    }

    /// What was seen, by what was answered.
    pub fn seen(&self, recorded: &BTreeMap<String, Recorded>) -> Seen {
        let facts = |host: &String, recorded: &Recorded| match recorded {
            Recorded::Answered(answers) => understood(answers, &self.cluster.asked[host]),
            Recorded::Silent(problem) => Err(problem.clone()),
        };
        let hosts = recorded.iter();
        hosts
            .map(|(host, recorded)| {
                let facts = facts(host, recorded).map_err(|problem: Problem| problem.on(host));
                (host.clone(), facts)
            })
            .collect()
    }

    /// The plan of `pgha switchover --to node2`.
    fn switchover(&self, seen: &Seen) -> Planned {
        let intent = handover(&self.state);
        self.cluster.plan(&self.cluster.switchover, intent, seen)
    }

    /// The plans of `pgha rejoin`, up to the one that it stops at.
    fn rejoin(&self, seen: &Seen) -> Vec<(&'static str, Planned)> {
        let plan = |playbook, accept| {
            let intent = returning(&self.state, accept);
            self.cluster.plan(playbook, intent, seen)
        };
        let save = plan(&self.cluster.save, false);
        let saves = !matches!(&save, Ok((plan, _)) if only_files(plan));
        let mut said = vec![(" (what is lost)", save)];
        if saves {
            return said;
        }
        let asked = plan(&self.cluster.rejoin, false);
        let is_refused = asked.is_err();
        said.push(("", asked));
        if is_refused {
            said.push((" --accept-data-loss", plan(&self.cluster.rejoin, true)));
        }
        said
    }

    /// All that pgha says, for a golden file, and what it refuses a switchover for, as `host: sentence`.
    pub fn told(&self, recorded: &BTreeMap<String, Recorded>) -> (String, Vec<String>) {
        let seen = self.seen(recorded);
        let mut out = String::new();
        let mut refusals = Vec::new();
        if self.state.hands_over {
            let arguments = self.state.arguments.iter().map(|word| format!(" {word}"));
            let arguments: String = arguments.collect();
            out.push_str(&format!("$ pgha switchover --to node2{arguments}\n"));
            let planned = self.switchover(&seen);
            out.push_str(&text(&planned));
            let problems = planned.map_or_else(|problems| problems.0, |_| Vec::new());
            refusals.extend(problems.iter().map(|problem| {
                let host = problem.host.as_deref().unwrap_or_default();
                format!("{host}: {}", problem.what)
            }));
        }
        if let Some(member) = self.state.returns {
            for (arguments, planned) in self.rejoin(&seen) {
                out.push_str(&format!("$ pgha rejoin {member}{arguments}\n"));
                out.push_str(&text(&planned));
            }
        }
        let hosts = status::hosts(&self.cluster.inventory);
        let seen = seen.into_iter().filter(|(host, _)| hosts.contains(host));
        let status = status::assess(&self.cluster.inventory, &seen.collect());
        out.push_str("$ pgha status\n");
        out.push_str(&render::status::text(&status, false));
        (self.named(&out), refusals)
    }

    /// Text with addresses in the place of their names.
    #[allow(dead_code, reason = "for whoever has no lab")]
    pub fn filled(&self, text: &str) -> String {
        let hosts = self.cluster.inventory.hosts.iter();
        hosts.fold(text.to_owned(), |text, (name, host)| {
            text.replace(&format!("{{{name}}}"), &host.address())
        })
    }

    /// Text with names for addresses and times, which are others each time.
    fn named(&self, text: &str) -> String {
        let hosts = self.cluster.inventory.hosts.iter();
        let text = hosts.fold(text.to_owned(), |text, (name, host)| {
            text.replace(&host.address(), &format!("{{{name}}}"))
        });
        let lines = text
            .lines()
            .map(|line| format!("{}\n", timeless(line.trim_end())));
        lines.collect()
    }
}

/// A line in which `2026-11-25 13:04:42 UTC` is `{time}`.
fn timeless(line: &str) -> String {
    let is_like = |text: &str, form: &str| {
        let is_like = |(letter, of): (char, char)| match of {
            '0' => letter.is_ascii_digit(),
            _ => letter == of,
        };
        text.len() == form.len() && text.chars().zip(form.chars()).all(is_like)
    };
    const FORM: &str = "0000-00-00 00:00:00 UTC";
    let is_time = |at: &usize| {
        let text = line.get(*at..*at + FORM.len());
        text.is_some_and(|text| is_like(text, FORM))
    };
    match (0..line.len()).find(is_time) {
        Some(at) => {
            let rest = timeless(&line[at + FORM.len()..]);
            format!("{}{{time}}{rest}", &line[..at])
        }
        None => line.to_owned(),
    }
}

/// A plan and why it goes on without some hosts, or why there is none.
type Planned = Result<(Plan, Vec<Problem>), Problems>;

/// Files of pgha's own are written before anything else; whether they differ is not what is asked here, and where secrets are
/// in them they always do.
fn is_own(change: &Change) -> bool {
    ["file", "template", "directory"].contains(&change.resource.as_str())
}

fn only_files(plan: &Plan) -> bool {
    plan.changes().all(is_own)
}

fn text(planned: &Planned) -> String {
    let (plan, absent) = match planned {
        Ok(planned) => planned,
        Err(problems) => return format!("{}\n", render::problem::text(problems, false)),
    };
    let mut out = String::new();
    for problem in absent {
        out.push_str(&format!("without {problem}\n"));
    }
    for warning in &plan.warnings {
        out.push_str(&format!("warning: {}: {}\n", warning.host, warning.what));
    }
    for held in &plan.held {
        out.push_str(&format!("held back: {}: {}\n", held.host, held.what));
    }
    for change in plan.changes().filter(|change| !is_own(change)) {
        let decides = if change.decides { " (decides)" } else { "" };
        out.push_str(&format!(
            "{}: {} {}{decides}\n",
            change.host, change.resource, change.subject
        ));
        for field in &change.fields {
            let shown = |shown: &Shown| match shown {
                Shown::Absent => "-".to_owned(),
                Shown::Value(text) => text.clone(),
                Shown::Secret => "<secret>".to_owned(),
                Shown::Unknown(when) => format!("<{when}>"),
            };
            let (before, after) = (shown(&field.before), shown(&field.after));
            out.push_str(&format!("    {}: {before} -> {after}\n", field.name));
        }
    }
    if out.is_empty() {
        out.push_str("nothing to do\n");
    }
    out + "\n"
}

/// Whether `told` is what a state must say, by what `filled` makes of its words; else what is wrong.
///
/// # Errors
/// What was expected, and what was told.
pub fn is_expected(
    state: &State,
    told: &[String],
    filled: impl Fn(&str) -> String,
) -> Result<(), String> {
    let expected: Vec<String> = state.told.iter().map(|told| filled(told)).collect();
    let is_told = |expected: &String| told.iter().any(|told| is(told, expected));
    let is_all = told.len() == expected.len() && expected.iter().all(is_told);
    match state.told.is_empty() || is_all {
        true => Ok(()),
        false => Err(format!("expected {expected:#?}, told {told:#?}")),
    }
}

/// The commands by whose numbers the answers about conditions come.
pub fn conditions(probes: &Probes) -> Vec<String> {
    let conditions = probes.iter().filter_map(|probe| match probe {
        Probe::Condition(condition) => Some(condition.shell()),
        _ => None,
    });
    conditions.collect()
}

/// Without what would be another each time for no reason: the order in which several answers came, and the last digits of
/// the bytes that are free where there are many.
#[allow(dead_code, reason = "for whoever records")]
pub fn settled(recorded: &mut serde_json::Value) {
    let mut lines = |of: &str, then: &mut dyn FnMut(&mut Vec<serde_json::Value>)| {
        let lines = recorded.pointer_mut(of);
        if let Some(lines) = lines.and_then(serde_json::Value::as_array_mut) {
            then(lines);
        }
    };
    lines("/readiness/out", &mut |lines| {
        lines.sort_by_key(ToString::to_string);
    });
    lines("/free/out", &mut |lines| {
        for line in lines {
            let text = line.as_str().unwrap_or_default();
            if let Some((bytes, path)) = text.split_once(' ')
                && let Ok(bytes) = bytes.parse::<u64>()
            {
                let is_many = bytes >= 1 << 30;
                let bytes = if is_many { 1 << bytes.ilog2() } else { bytes };
                *line = format!("{bytes} {path}").into();
            }
        }
    });
}
