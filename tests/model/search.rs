//! Breadth first through all states that moves lead to, with what must hold in each.

use std::collections::{BTreeMap, HashMap};

use crate::model::Model;
use crate::moves::Move;
use crate::state::State;

/// So many that do not hold are told, and the search ends.
const SHOWN: usize = 5;

pub struct Search {
    pub states: Vec<State>,
    known: HashMap<State, u32>,
    /// From which state each was found, and by which move.
    from: Vec<(u32, Option<Move>)>,
    /// How often each rule did something.
    pub fired: BTreeMap<String, usize>,
    /// What does not hold, the shortest way to each; no move is made from there on.
    pub wrong: Vec<String>,
}

impl Search {
    /// All states that can be reached from the first ones. Each move and each state is looked at; what does not hold is told
    /// with the shortest way there.
    pub fn run(model: &mut Model, first: &[State], moves: &[Move]) -> Self {
        let mut search = Self {
            states: first.to_vec(),
            known: (0..)
                .zip(first)
                .map(|(number, state)| (*state, number))
                .collect(),
            from: vec![(0, None); first.len()],
            fired: BTreeMap::new(),
            wrong: Vec::new(),
        };
        let mut at = 0;
        while at < search.states.len() {
            for made in moves {
                let before = search.states[at];
                let mut after = before;
                let mut fired = Vec::new();
                made.make(&mut after, model, &mut fired);
                for rule in fired {
                    *search.fired.entry(rule).or_default() += 1;
                }
                if after == before {
                    continue;
                }
                let next = search.states.len() as u32;
                let is_new = !search.known.contains_key(&after);
                let held = model.holds_for_move(&before, *made, &after);
                if let Err(problem) = held.and_then(|()| match is_new {
                    true => model.leads_out(&after),
                    false => Ok(()),
                }) {
                    let way = search.way(model, at, *made, &after);
                    search.wrong.push(format!("{problem}\n{way}"));
                    if search.wrong.len() == SHOWN {
                        return search;
                    }
                    continue;
                }
                if is_new {
                    search.known.insert(after, next);
                    search.states.push(after);
                    search.from.push((at as u32, Some(*made)));
                }
            }
            at += 1;
        }
        search
    }

    /// How a state came about, step by step, as a person can follow.
    fn way(&self, model: &Model, mut at: usize, last: Move, after: &State) -> String {
        let mut steps = vec![last.told(model.programs.shape)];
        let before = at;
        while let (from, Some(made)) = self.from[at] {
            steps.push(made.told(model.programs.shape));
            at = from as usize;
        }
        let steps: Vec<String> = (1..)
            .zip(steps.into_iter().rev())
            .map(|(number, step)| format!("{number:3}. {step}"))
            .collect();
        format!(
            "from:\n{}\n{}\nbefore the last step:\n{}\nafter it:\n{after}",
            self.states[at],
            steps.join("\n"),
            self.states[before]
        )
    }
}
