//! What must hold of every move and every state, and how faults end.

use std::collections::{BTreeMap, HashSet};

use crate::moves::Move;
use crate::programs::Programs;
use crate::state::{Node, POOLERS, Shape, State};
use crate::verbs::{Ended, Verb, Verbs, agreed, hinted, told};

/// How often hints may be followed until all is well: several members may have to come back.
const ROUNDS: usize = 8;

/// The hint that names no verb: nothing tells which of two primaries on one timeline is right.
const START_ONE: &str = "start PostgreSQL on the one that is right";

pub struct Model {
    pub programs: Programs,
    pub verbs: Verbs,
    /// States from which hints have led to a healthy cluster.
    led_out: HashSet<State>,
    /// How often each verb was hinted at and led on.
    pub hints: BTreeMap<String, usize>,
}

impl Model {
    pub fn new(shape: Shape) -> Self {
        Self {
            programs: Programs::new(shape),
            verbs: Verbs::new(shape),
            led_out: HashSet::new(),
            hints: BTreeMap::new(),
        }
    }

    pub fn holds_for_move(
        &mut self,
        before: &State,
        made: Move,
        after: &State,
    ) -> Result<(), String> {
        let shape = self.programs.shape;
        let members = &after.members[..shape.members];
        let on_disk = members
            .iter()
            .fold(0, |writes, member| writes | member.log.writes());
        let gone = after.acknowledged & !after.told & !on_disk;
        if gone != 0 {
            return Err(format!(
                "acknowledged writes are given up unasked: {gone:b}"
            ));
        }
        // What somebody said against the guard is not its fault.
        let is_off = members.iter().any(|member| member.guard_off);
        let writable = after.writable(shape);
        if writable.len() > 1 && !is_off {
            // Whoever is past a promotion may start, and ends the reign of the others.
            let old = before.writable(shape);
            let timeline = |node: &Node| after.members[*node].log.timeline();
            let is_behind = |node: &&Node| {
                !old.contains(*node)
                    && writable
                        .iter()
                        .any(|other| other != *node && timeline(other) >= timeline(node))
            };
            let starts = matches!(
                made,
                Move::Boot(_) | Move::Start(_) | Move::Watch(_) | Move::Pgha(..)
            );
            if starts && after.cut == 0 && writable.iter().any(|node| is_behind(&node)) {
                return Err("a second member takes writes behind poolers from here on".to_owned());
            }
            if self.is_at_rest(after) {
                return Err("two members take writes behind poolers, and go on".to_owned());
            }
        }
        Ok(())
    }

    /// Whether the programs on hosts leave all as it is.
    fn is_at_rest(&mut self, state: &State) -> bool {
        let watches = (0..self.programs.shape.members).map(Move::Watch);
        let mut looks = watches.chain((0..POOLERS).map(Move::Follow));
        looks.all(|look| {
            let mut after = *state;
            look.make(&mut after, self, &mut Vec::new());
            after == *state
        })
    }

    /// All does what it does by itself, until nothing changes.
    fn settle(&mut self, state: &mut State) -> Result<(), String> {
        let members = 0..self.programs.shape.members;
        let watches = members.clone().map(Move::Watch);
        let looks: Vec<Move> = watches
            .chain((0..POOLERS).map(Move::Follow))
            .chain(members.clone().map(Move::FollowElected))
            .collect();
        for _ in 0..20 {
            let before = *state;
            for look in &looks {
                look.make(state, self, &mut Vec::new());
            }
            if *state == before {
                for node in members.clone() {
                    Move::Elect(node).make(state, self, &mut Vec::new());
                }
            }
            if *state == before {
                return Ok(());
            }
        }
        Err(format!("it does not come to rest:\n{state}"))
    }

    /// Faults have ended, and hints lead to a healthy cluster.
    pub fn leads_out(&mut self, state: &State) -> Result<(), String> {
        let members: Vec<Node> = (0..self.programs.shape.members).collect();
        let other_way: Vec<Node> = members.iter().rev().copied().collect();
        for order in [members, other_way] {
            let mut ended = *state;
            (ended.faults, ended.deeds) = (0, 9);
            let boots = order.iter().map(|node| Move::Boot(*node));
            let thaws = order.iter().map(|node| Move::Thaw(*node));
            for end in [Move::Heal].into_iter().chain(boots).chain(thaws) {
                end.make(&mut ended, self, &mut Vec::new());
            }
            for node in &order {
                ended.members[*node].guard_off = false;
            }
            if !self.led_out.contains(&ended) {
                let at_first = ended;
                self.settle(&mut ended)?;
                self.follow_hints(ended)?;
                self.led_out.insert(at_first);
            }
        }
        Ok(())
    }

    fn follow_hints(&mut self, mut state: State) -> Result<(), String> {
        let shape = self.programs.shape;
        let mut passed = Vec::new();
        let mut history = String::new();
        for _ in 0..ROUNDS {
            state.deeds = 0;
            if self.led_out.contains(&state) {
                break;
            }
            passed.push(state);
            let status = self.verbs.site.status(&state);
            if status.healthy {
                let primary = state.members.iter().find(|member| member.takes_writes());
                let has = primary.map_or(0, |primary| primary.log.writes());
                let lost = state.acknowledged & !state.told & !has;
                match lost {
                    0 => break,
                    _ => {
                        return Err(format!(
                            "acknowledged writes are lost, and nobody was told: {lost:b}{history}\n{state}"
                        ));
                    }
                }
            }
            let mut said = status.problems.join("\n");
            history += &format!("\nstatus: {said}");
            said += &self.lead(&mut state, Verb::Apply, &mut history);
            if said.contains(START_ONE) {
                // The one thing that pgha asks a person to decide: the first of them.
                let newest = state
                    .members
                    .iter()
                    .map(|member| member.log.timeline())
                    .max();
                let is_one = |node: &Node| {
                    let member = &state.members[*node];
                    !member.signal && Some(member.log.timeline()) == newest
                };
                if let Some(node) = (0..shape.members).find(is_one) {
                    Move::Start(node).make(&mut state, self, &mut Vec::new());
                }
            }
            for _ in 0..3 {
                let Some(verb) = hinted(shape, &said) else {
                    break;
                };
                said = self.lead(&mut state, verb, &mut history);
            }
            self.settle(&mut state)?;
            if passed.contains(&state) || passed.len() == ROUNDS {
                return Err(format!("hints do not lead out:{history}\n{state}"));
            }
        }
        self.led_out.extend(passed);
        Ok(())
    }

    /// Runs a verb as somebody would who reads what it says; gives what that was.
    fn lead(&mut self, state: &mut State, verb: Verb, history: &mut String) -> String {
        let shape = self.programs.shape;
        let words = verb.told(shape);
        let held = |verbs: &mut Verbs, state: &State| match verb {
            Verb::Apply => verbs.held(state),
            _ => String::new(),
        };
        let shown = held(&mut self.verbs, state);
        let said = match self
            .verbs
            .run(&mut self.programs, state, verb, None, &mut Vec::new())
        {
            Ended::Idle | Ended::Done | Ended::Killed => {
                *self.hints.entry(words.clone()).or_default() += 1;
                shown
            }
            Ended::Failed(why) => why,
            Ended::Refused(problems) => {
                let said = told(&problems);
                *history += &format!("\n{words}: {said}");
                match agreed(verb, &problems) {
                    Some(verb) => return self.lead(state, verb, history),
                    None => said,
                }
            }
        };
        *history += &format!("\n{words}: {said}");
        said
    }
}
