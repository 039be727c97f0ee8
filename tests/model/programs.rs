//! The moves of the programs on hosts: the shipped ones are asked, and what they say is done to the state.

use std::collections::HashMap;
use std::rc::Rc;

use crate::asked::{Answer, Asked};
use crate::moves::promote;
use crate::seen::Seen;
use crate::state::{Mark, Member, Node, Server, Shape, State};

/// What the outcome of a question was, for the list of rules that fire.
pub type Fired = String;

/// The programs on the hosts of a cluster of some shape.
pub struct Programs {
    pub shape: Shape,
    asked: Asked,
    /// What was asked before.
    known: HashMap<(String, Seen), Rc<Answer>>,
}

impl Programs {
    pub fn new(shape: Shape) -> Self {
        let asked = Asked::new();
        let known = HashMap::new();
        Self {
            shape,
            asked,
            known,
        }
    }

    fn name(&self, node: impl Into<usize>) -> String {
        self.shape.name(node.into())
    }

    /// Asks a program on a host.
    pub fn ask(&mut self, state: &State, node: Node, words: &str, turns: u8) -> Rc<Answer> {
        let key = (words.to_owned(), Seen::from(self.shape, state, node));
        if let Some(answer) = self.known.get(&key) {
            return answer.clone();
        }
        let answer = Rc::new(self.asked.ask(&key.1.question(self.shape, words, turns)));
        self.known.insert(key, answer.clone());
        answer
    }

    /// How many different questions there were.
    pub fn questions(&self) -> usize {
        self.known.len()
    }

    fn read_mark(&self, text: Option<&String>) -> Mark {
        let mut words = text?.split_whitespace();
        let by = self.shape.member(words.next()?)?;
        let timeline = words.nth(1)?.parse().ok()?;
        Some((by as u8, timeline))
    }

    /// What a program left on a member's disk is there from now on.
    pub fn left(&self, member: &mut Member, answer: &Answer) {
        let files = &answer.files;
        let has = |name: &str| files.contains_key(name);
        member.signal = has("data/standby.signal");
        member.fenced = has("data/pgha-fenced");
        member.guard_off = has("run/guard-off");
        member.isolated = has("run/isolated");
        member.replaced = self.read_mark(files.get("kept/replaced"));
        member.outvoted = self.read_mark(files.get("kept/outvoted"));
        for other in 0..self.shape.members {
            let name = format!("kept/verdict.{}", self.name(other));
            member.verdicts[other] = self.read_mark(files.get(&name));
        }
    }

    /// Somebody starts PostgreSQL: its unit asks the guard. Gives whether it runs.
    pub fn start(&mut self, state: &mut State, node: Node, fired: &mut Vec<Fired>) -> bool {
        if !state.members[node].on || state.members[node].server != Server::Down {
            return state.members[node].server == Server::Up;
        }
        let answer = self.ask(state, node, "start-guard", 0);
        self.left(&mut state.members[node], &answer);
        let starts = answer.code == 0;
        fired.push(match starts {
            true if state.members[node].signal => "the guard admits a standby".to_owned(),
            true => "the guard admits a primary".to_owned(),
            false if state.members[node].outvoted.is_some() => {
                "the guard refuses one that was outvoted".to_owned()
            }
            false if state.members[node].replaced.is_some() => {
                "the guard refuses one that was replaced".to_owned()
            }
            false => "the guard refuses a twin".to_owned(),
        });
        if starts {
            state.members[node].server = Server::Up;
        }
        state.stream();
        starts
    }

    /// A turn of `primary-watch`.
    pub fn watch(&mut self, state: &mut State, node: Node, fired: &mut Vec<Fired>) {
        let member = &state.members[node];
        // Any other it leaves alone, which it says itself: `asked_all` in the tests.
        if !member.on || !(member.server != Server::Down && !member.signal || member.isolated) {
            return;
        }
        let answer = self.ask(state, node, "primary-watch", 1);
        let before = state.members[node];
        self.left(&mut state.members[node], &answer);
        for what in &answer.did {
            match what.as_str() {
                "stop" => state.members[node].server = Server::Down,
                "start" => {
                    fired.push("one that was cut off starts again".to_owned());
                    self.start(state, node, fired);
                }
                other => panic!("the watch does {other}"),
            }
        }
        let member = &state.members[node];
        for (what, is, was) in [
            (
                "a primary gives up, replaced",
                member.replaced.is_some(),
                before.replaced.is_some(),
            ),
            (
                "a primary gives up, outvoted",
                member.outvoted.is_some(),
                before.outvoted.is_some(),
            ),
            (
                "a primary that is cut off stops",
                member.isolated,
                before.isolated,
            ),
            (
                "of two on one timeline one decides",
                member.verdicts != before.verdicts,
                false,
            ),
        ] {
            if is && !was {
                fired.push(what.to_owned());
            }
        }
    }

    /// A turn of `pooler-follow attend`.
    pub fn follow(&mut self, state: &mut State, pooler: usize, fired: &mut Vec<Fired>) {
        let answer = self.ask(state, self.shape.pooler(pooler), "pooler-follow attend", 0);
        self.led(state, pooler, &answer, fired);
        let own = &mut state.poolers[pooler];
        if let Some(text) = answer.files.get("kept/known-primary") {
            let words: Vec<&str> = text.split_whitespace().collect();
            let name = self.shape.member(words[2]).unwrap() as u8;
            own.known = Some((name, words[1].parse().unwrap()));
        }
        for (words, what) in [
            ("clients are not led", "a pooler never goes back"),
            (
                "take writes, all on timeline",
                "a pooler stays where two are on one timeline",
            ),
            ("no member takes writes", "a pooler finds nobody"),
        ] {
            if answer.said.contains(words) {
                fired.push(what.to_owned());
            }
        }
    }

    fn led(&self, state: &mut State, pooler: usize, answer: &Answer, fired: &mut Vec<Fired>) {
        for what in &answer.did {
            let to = what
                .strip_prefix("lead ")
                .and_then(|name| self.shape.member(name));
            state.poolers[pooler].target =
                to.unwrap_or_else(|| panic!("a pooler does {what}")) as u8;
            fired.push("a pooler moves".to_owned());
        }
    }

    /// A step of `pgha failover` at a pooler.
    pub fn bring(
        &mut self,
        state: &mut State,
        pooler: usize,
        primary: &str,
        fired: &mut Vec<Fired>,
    ) -> Result<(), String> {
        let words = format!("pooler-follow bring {primary}");
        let answer = self.ask(state, self.shape.pooler(pooler), &words, 0);
        self.led(state, pooler, &answer, fired);
        succeeded(&answer)
    }

    /// A step of `pgha failover` at a member.
    pub fn failover(
        &mut self,
        state: &mut State,
        node: Node,
        words: &[&str],
        fired: &mut Vec<Fired>,
    ) -> Result<(), String> {
        let answer = self.ask(state, node, &format!("failover {}", words.join(" ")), 99);
        for what in &answer.did {
            match what.as_str() {
                "stop" => state.members[node].server = Server::Down,
                "promote" => {
                    promote(state, node);
                }
                other => panic!("a failover does {other}"),
            }
        }
        if words == ["fence"] {
            self.left(&mut state.members[node], &answer);
        }
        if answer.code != 0 {
            fired.push(format!("failover {} refuses", words[0]));
        }
        succeeded(&answer)
    }
}

fn succeeded(answer: &Answer) -> Result<(), String> {
    match answer.code {
        0 => Ok(()),
        _ => Err(answer.said.clone()),
    }
}
