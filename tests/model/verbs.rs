//! pgha's verbs: planned by pgha itself from the facts of the state, and the plan's operations done to the state.

use std::collections::HashMap;
use std::rc::Rc;

use pgha::plan::{Change, Failover, Intent, Op, Plan, Returning, ServiceAction, Stage};
use pgha::problem::{Kind, Problems};

use crate::programs::{Fired, Programs};
use crate::site::{Book, Site};
use crate::state::{Node, Server, Shape, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    Apply,
    Failover,
    /// The member, and whether what only it has may be given up.
    Rejoin(Node, bool),
    Rebuild(Node, bool),
}

/// How a verb ended.
#[derive(Debug)]
pub enum Ended {
    /// Nothing was left to do.
    Idle,
    Done,
    /// It was killed in the middle.
    Killed,
    Refused(Problems),
    /// An operation failed.
    Failed(String),
}

type Planned = Result<Rc<Plan>, Problems>;

pub struct Verbs {
    pub site: Site,
    plans: HashMap<(State, Book, Verb), Planned>,
}

/// Which stage a run is at, and after how many it is killed.
struct Progress {
    done: usize,
    killed_after: Option<usize>,
}

impl Verb {
    pub fn told(self, shape: Shape) -> String {
        let agreed = |accepts: bool| if accepts { " --accept-data-loss" } else { "" };
        match self {
            Self::Apply => "pgha apply".to_owned(),
            Self::Failover => "pgha failover".to_owned(),
            Self::Rejoin(node, accepts) => {
                format!("pgha rejoin {}{}", shape.name(node), agreed(accepts))
            }
            Self::Rebuild(node, accepts) => {
                format!("pgha rebuild {}{}", shape.name(node), agreed(accepts))
            }
        }
    }

    fn intent(self, shape: Shape) -> Intent {
        let returning = |node, rebuild, accept_data_loss| {
            Intent::Returning(Returning {
                member: shape.name(node),
                rebuild,
                accept_data_loss,
                discard: false,
            })
        };
        match self {
            Self::Apply => Intent::Converge,
            Self::Failover => Intent::Failover(Failover::default()),
            Self::Rejoin(node, accepts) => returning(node, false, accepts),
            Self::Rebuild(node, accepts) => returning(node, true, accepts),
        }
    }

    fn books(self) -> &'static [Book] {
        match self {
            Self::Apply => &[Book::Apply],
            Self::Failover => &[Book::Failover],
            // What a server has that did not tell is known once it is stopped (`src/cli/rejoin.rs`).
            Self::Rejoin(..) | Self::Rebuild(..) => &[Book::Save, Book::Save, Book::Rejoin],
        }
    }
}

impl Verbs {
    pub fn new(shape: Shape) -> Self {
        Self {
            site: Site::new(shape),
            plans: HashMap::new(),
        }
    }

    /// How many different plans were made.
    pub fn plans(&self) -> usize {
        self.plans.len()
    }

    pub fn plan(&mut self, state: &State, book: Book, verb: Verb) -> Planned {
        let key = (state.without_history(), book, verb);
        if let Some(planned) = self.plans.get(&key) {
            return planned.clone();
        }
        let planned = self
            .site
            .plan(&key.0, book, verb.intent(self.site.shape))
            .map(Rc::new);
        self.plans.insert(key, planned.clone());
        planned
    }

    /// What `pgha apply` holds back, with its hints.
    pub fn held(&mut self, state: &State) -> String {
        let planned = self.plan(state, Book::Apply, Verb::Apply);
        let held = planned.iter().flat_map(|plan| &plan.held);
        held.map(|held| format!("{}: {} (hint: {})\n", held.host, held.what, held.hint))
            .collect()
    }

    /// Runs a verb, or what of it is done before it is killed.
    pub fn run(
        &mut self,
        programs: &mut Programs,
        state: &mut State,
        verb: Verb,
        killed_after: Option<usize>,
        fired: &mut Vec<Fired>,
    ) -> Ended {
        let mut progress = Progress {
            done: 0,
            killed_after,
        };
        let mut idle = true;
        for book in verb.books() {
            let plan = match self.plan(state, *book, verb) {
                Ok(plan) => plan,
                Err(problems) => {
                    for problem in &problems.0 {
                        fired.push(format!(
                            "{} is refused: {}",
                            word(verb),
                            rule(&problem.what)
                        ));
                    }
                    return Ended::Refused(problems);
                }
            };
            idle &= plan.is_empty();
            for held in &plan.held {
                fired.push(format!("{} holds back: {}", word(verb), rule(&held.what)));
            }
            if let Verb::Rejoin(node, true) | Verb::Rebuild(node, true) = verb {
                // What it has may be given up, as was agreed to.
                let kept = state.members[..programs.shape.members].iter().enumerate();
                let kept = kept
                    .filter(|(other, _)| *other != node)
                    .fold(0, |kept, (_, member)| kept | member.log.writes());
                state.told |= state.members[node].log.writes() & !kept;
            }
            let before = *state;
            match self.execute(programs, state, &plan, &mut progress, fired) {
                Ok(true) => {}
                Ok(false) => return Ended::Killed,
                Err(why) => return Ended::Failed(why),
            }
            if verb == Verb::Failover {
                tell_of_loss(programs.shape, &before, state, &plan);
            }
        }
        match idle {
            true => Ended::Idle,
            false => {
                fired.push(format!("{} is done", word(verb)));
                Ended::Done
            }
        }
    }

    /// Whether it came to its end.
    fn execute(
        &mut self,
        programs: &mut Programs,
        state: &mut State,
        plan: &Plan,
        progress: &mut Progress,
        fired: &mut Vec<Fired>,
    ) -> Result<bool, String> {
        let decision = plan.decision();
        let mut failure = None;
        for (number, stage) in plan.stages.iter().enumerate() {
            if progress.killed_after == Some(progress.done) {
                return Ok(false);
            }
            progress.done += 1;
            if let Err(why) = self.stage(programs, state, stage, false, fired) {
                failure = Some(why);
                if decision.is_none_or(|decision| number <= decision) {
                    let begun = plan.stages[..=number]
                        .iter()
                        .rev()
                        .filter(|_| decision.is_some());
                    for stage in begun {
                        self.stage(programs, state, stage, true, fired)?;
                    }
                    break;
                }
            }
        }
        for stage in &plan.always {
            if let Err(why) = self.stage(programs, state, stage, false, fired) {
                failure = failure.or(Some(why));
            }
        }
        failure.map_or(Ok(true), Err)
    }

    fn stage(
        &mut self,
        programs: &mut Programs,
        state: &mut State,
        stage: &Stage,
        back: bool,
        fired: &mut Vec<Fired>,
    ) -> Result<(), String> {
        let shape = programs.shape;
        let mut failure = Ok(());
        for (host, changes) in &stage.hosts {
            let node = (0..shape.pgha()).find(|node| shape.name(*node) == *host);
            let node = node.expect("it is a host of the shape");
            if !state.reaches(shape.pgha(), node) {
                failure = Err(format!("{host} is out of reach"));
                continue;
            }
            for change in changes {
                if let Err(why) = self.change(programs, state, node, change, back, fired) {
                    failure = Err(format!("{host}: {}: {why}", change.step));
                    break;
                }
            }
        }
        failure
    }

    fn change(
        &mut self,
        programs: &mut Programs,
        state: &mut State,
        node: Node,
        change: &Change,
        back: bool,
        fired: &mut Vec<Fired>,
    ) -> Result<(), String> {
        let ops = if back { &change.undo } else { &change.ops };
        for op in ops {
            match op {
                Op::Run { argv, .. } => {
                    let program = argv[0].rsplit('/').next().unwrap_or_default();
                    let words: Vec<&str> = argv[1..].iter().map(String::as_str).collect();
                    program_runs(programs, state, node, program, &words, fired)?;
                }
                Op::Service { unit, action } if unit == "repmgrd" => {
                    state.members[node].repmgrd = !matches!(action, ServiceAction::Stop);
                }
                Op::Service {
                    action: ServiceAction::Stop,
                    ..
                } => state.members[node].server = Server::Down,
                Op::StartPostgresql { .. } => {
                    let starts = programs.start(state, node, fired);
                    starts.then_some(()).ok_or("PostgreSQL does not start")?;
                }
                Op::Sql { .. } if change.resource == "standby_upstream" => {
                    let text = serde_json::to_string(op).unwrap();
                    let found = (0..programs.shape.members).find(|other| {
                        let host = format!("host={} ", programs.shape.address(*other));
                        text.contains("primary_conninfo") && text.contains(&host)
                    });
                    if let Some(upstream) = found {
                        state.members[node].follows = Some(upstream as u8);
                    }
                }
                // With it the file of its databases is written anew.
                Op::Pooler { .. } | Op::Service { .. } if change.resource == "pgbouncer_config" => {
                    let primary = (0..programs.shape.members)
                        .find(|other| state.members[*other].takes_writes());
                    if let Some(primary) = primary {
                        state.poolers[node - programs.shape.pooler(0)].target = primary as u8;
                    }
                }
                Op::Wait { .. } if change.resource == "standby_upstream" => {
                    state.stream();
                    let upstream = state.members[node].follows.map(usize::from);
                    if !upstream.is_some_and(|upstream| state.streams(node, upstream)) {
                        return Err("it does not stream".to_owned());
                    }
                }
                _ => {}
            }
            state.stream();
        }
        Ok(())
    }
}

/// What becomes of a host where one of the programs runs there.
fn program_runs(
    programs: &mut Programs,
    state: &mut State,
    node: Node,
    program: &str,
    words: &[&str],
    fired: &mut Vec<Fired>,
) -> Result<(), String> {
    let shape = programs.shape;
    let member = |name: &str| shape.member(name).expect("it is a member");
    let comes_from = |state: &mut State, primary: Node| {
        if !state.answers(node, primary) || !state.members[primary].takes_writes() {
            return Err("the primary does not answer".to_owned());
        }
        let log = state.members[primary].log;
        let own = &mut state.members[node];
        own.log = log;
        own.saved = None;
        Ok(())
    };
    let stands_by = |state: &mut State, primary: Node| {
        let own = &mut state.members[node];
        (own.signal, own.fenced, own.follows) = (true, false, Some(primary as u8));
    };
    match (program, words) {
        ("failover", ["fence"] | ["take-over", ..]) => {
            programs.failover(state, node, words, fired)?
        }
        ("pooler-follow", ["bring", primary]) => {
            programs.bring(state, node - shape.pooler(0), primary, fired)?
        }
        ("rejoin", ["attach", primary]) => stands_by(state, member(primary)),
        ("rejoin", ["rewind", primary]) => {
            comes_from(state, member(primary))?;
            stands_by(state, member(primary));
        }
        ("rejoin", ["stop"]) => state.members[node].server = Server::Down,
        ("rejoin", ["save", from, ..]) => {
            let at = from
                .rsplit('/')
                .next()
                .and_then(|low| u64::from_str_radix(low, 16).ok());
            let at = at.expect("it is an LSN");
            state.members[node].saved = Some(((at - 0x300_0000) / 0x1000) as u8);
        }
        // The copy is made beside the data, and takes their place at the end.
        ("pg_basebackup", _) => {
            let primary = (0..shape.members).find(|other| state.members[*other].takes_writes());
            primary
                .filter(|primary| state.answers(node, *primary))
                .ok_or("the primary does not answer")?;
        }
        ("copy", ["held", primary, ..]) => {
            state
                .answers(node, member(primary))
                .then_some(())
                .ok_or("the primary does not answer")?;
        }
        ("copy", ["replace", ..]) => {
            let primary = (0..shape.members).find(|other| state.members[*other].takes_writes());
            let primary = primary.ok_or("there is no primary")?;
            state.members[node].server = Server::Down;
            comes_from(state, primary)?;
            stands_by(state, primary);
        }
        _ => {}
    }
    Ok(())
}

/// A failover says that nothing is lost, or that something may be.
fn tell_of_loss(shape: Shape, before: &State, state: &mut State, plan: &Plan) {
    let promoted = (0..shape.members)
        .find(|node| state.members[*node].takes_writes() && !before.members[*node].takes_writes());
    let Some(promoted) = promoted else { return };
    let lost = state.acknowledged & !state.told & !state.members[promoted].log.writes();
    let says = |words: &str| {
        plan.warnings
            .iter()
            .any(|warning| warning.what.contains(words))
    };
    assert!(
        lost == 0 || !says("nothing that was acknowledged is lost"),
        "it says that nothing is lost, and {lost:b} is:\n{before}\n{:#?}",
        plan.warnings
    );
    if says("cannot be proven") || says("it is not known who was the primary") {
        state.told |= lost;
    }
}

fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Apply => "apply",
        Verb::Failover => "failover",
        Verb::Rejoin(..) => "rejoin",
        Verb::Rebuild(..) => "rebuild",
    }
}

/// The rule behind a sentence: without the names in it.
fn rule(what: &str) -> String {
    let parts = what.split('`').step_by(2);
    parts
        .collect::<Vec<_>>()
        .join("…")
        .replace(|c: char| c.is_ascii_digit(), "N")
}

/// The verb that a hint names, with the words that pgha has for it; the one that gives a primary before others.
pub fn hinted(shape: Shape, said: &str) -> Option<Verb> {
    let named = said
        .split('`')
        .filter_map(|quoted| quoted.strip_prefix("pgha "));
    let verbs = named.filter_map(|words| {
        let words: Vec<&str> = words
            .split_whitespace()
            .filter(|word| *word != "INVENTORY")
            .collect();
        match words[..] {
            ["failover"] => Some(Verb::Failover),
            ["rejoin", name] => Some(Verb::Rejoin(shape.member(name)?, false)),
            ["rebuild", name] => Some(Verb::Rebuild(shape.member(name)?, false)),
            _ => None,
        }
    });
    verbs.min_by_key(|verb| match verb {
        Verb::Failover => 0,
        Verb::Rejoin(..) => 1,
        _ => 2,
    })
}

/// With the consent that a refusal asks for, where it asks for nothing else.
pub fn agreed(verb: Verb, problems: &Problems) -> Option<Verb> {
    let is_loss = problems
        .0
        .iter()
        .all(|problem| problem.kind == Kind::DataLoss);
    match verb {
        Verb::Rejoin(node, false) if is_loss => Some(Verb::Rejoin(node, true)),
        Verb::Rebuild(node, false) if is_loss => Some(Verb::Rebuild(node, true)),
        _ => None,
    }
}

/// All that was told, with hints.
pub fn told(problems: &Problems) -> String {
    let lines = problems.0.iter().map(|problem| {
        let hint = problem.hint.as_deref().unwrap_or_default();
        format!("{problem} (hint: {hint})\n")
    });
    lines.collect()
}
