//! Every state of a small cluster, by its decisions as they are shipped: what it leaves out is in `ARCHITECTURE.md` (ff).

#[path = "model/asked.rs"]
mod asked;
#[path = "model/facts.rs"]
mod facts;
#[path = "model/model.rs"]
mod model;
#[path = "model/moves.rs"]
mod moves;
#[path = "model/programs.rs"]
mod programs;
#[path = "model/search.rs"]
mod search;
#[path = "model/seen.rs"]
mod seen;
#[path = "model/site.rs"]
mod site;
#[path = "model/state.rs"]
mod state;
#[path = "model/verbs.rs"]
mod verbs;

use model::Model;
use moves::Move;
use search::Search;
use state::{Shape, State};

/// How many faults and deeds of people there are in one sequence: in every run, and in as many as `PGHA_MODEL=FAULTS,DEEDS` says.
fn bounds(usual: (u8, u8)) -> (u8, u8) {
    let Ok(text) = std::env::var("PGHA_MODEL") else {
        return usual;
    };
    let (faults, deeds) = text.split_once(',').expect("`PGHA_MODEL` is FAULTS,DEEDS");
    (
        faults.parse().expect("a number of faults"),
        deeds.parse().expect("a number of deeds"),
    )
}

/// Rules that do something in every cluster; one that never fires is dead, or the model does not reach it.
const RULES: [&str; 6] = [
    "a pooler moves",
    "a primary gives up, replaced",
    "a primary that is cut off stops",
    "one that was cut off starts again",
    "the guard admits a primary",
    "the guard refuses one that was replaced",
];

#[test]
fn three_members() {
    let shape = Shape {
        members: 3,
        witness: false,
    };
    let (faults, deeds) = bounds((1, 0));
    let first = [State::healthy(shape, faults, deeds), State::twins(shape, 0)];
    explore(
        shape,
        &first,
        &[
            "a primary gives up, outvoted",
            "of two on one timeline one decides",
        ],
    );
}

#[test]
fn two_members_and_a_witness() {
    let shape = Shape {
        members: 2,
        witness: true,
    };
    let (faults, deeds) = bounds((1, 1));
    let more = [
        "apply is done",
        "failover is done",
        "rejoin is done",
        "a pooler stays where two are on one timeline",
    ];
    let first = [State::healthy(shape, faults, deeds), State::twins(shape, 0)];
    explore(shape, &first, &more);
}

fn explore(shape: Shape, first: &[State], more: &[&str]) {
    let began = std::time::Instant::now();
    let mut model = Model::new(shape);
    let search = Search::run(&mut model, first, &Move::all(shape));
    eprintln!(
        "{} states, {} answers of programs, {} plans, in {:?}\nrules: {:#?}\nled out: {:#?}",
        search.states.len(),
        model.programs.questions(),
        model.verbs.plans(),
        began.elapsed(),
        search.fired,
        model.hints,
    );
    assert!(search.wrong.is_empty(), "{}", search.wrong.join("\n\n"));
    let dead: Vec<&&str> = RULES
        .iter()
        .chain(more)
        .filter(|rule| !search.fired.contains_key(**rule))
        .collect();
    assert!(dead.is_empty(), "rules that do nothing: {dead:?}");
}
