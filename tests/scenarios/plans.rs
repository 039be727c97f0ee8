//! What a plan says, and what a run's event log says was done: in terms that can be compared.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::lab::Lab;

/// Per host, in order: the step and what it is about.
pub type Steps = BTreeMap<String, Vec<(String, String)>>;

/// Every change of a plan.
pub fn changes(plan: &Value) -> Vec<&Value> {
    let stages = plan["stages"].as_array().unwrap().iter();
    stages
        .flat_map(|stage| stage["hosts"].as_object().unwrap().values())
        .flat_map(|changes| changes.as_array().unwrap())
        .collect()
}

/// The steps that a plan lists.
pub fn planned(plan: &Value) -> Steps {
    steps(changes(plan).into_iter())
}

/// The steps that the latest run began and finished.
pub fn ran(lab: &Lab) -> Steps {
    let events = lab.events();
    let of = |name: &str| steps(events.iter().filter(|event| event["event"] == name));
    let finished = of("step_finished");
    assert_eq!(of("step_started"), finished);
    finished
}

fn steps<'a>(items: impl Iterator<Item = &'a Value>) -> Steps {
    let mut steps = Steps::new();
    for item in items {
        let text = |name: &str| item[name].as_str().unwrap().to_owned();
        let pair = (text("step"), text("subject"));
        steps.entry(text("host")).or_default().push(pair);
    }
    steps
}

/// What a plan changes: `host: subject`, sorted.
pub fn subjects(plan: &Value) -> Vec<String> {
    let mut subjects: Vec<String> = changes(plan)
        .iter()
        .map(|change| {
            let text = |name: &str| change[name].as_str().unwrap();
            format!("{}: {}", text("host"), text("subject"))
        })
        .collect();
    subjects.sort();
    subjects
}

/// How often the latest run talked to each host, and why.
pub fn exchanges(lab: &Lab) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for event in lab.events() {
        if event["event"] == "exchange" {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            *counts.entry((text("host"), text("purpose"))).or_default() += 1;
        }
    }
    counts
}
