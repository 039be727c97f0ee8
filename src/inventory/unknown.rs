//! Variables that begin like pgha's and are none: misspelt, or another role's.

use std::collections::BTreeSet;

use super::layers::Given;
use super::{Reading, names, typed};
use crate::problem::{Problem, did_you_mean};

/// Looks at the variables of one host; each name is told once.
pub(super) fn check(
    reading: &Reading,
    host: &str,
    told: &mut BTreeSet<String>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) {
    for (name, given) in &reading.vars[host] {
        if let Some(why) = names::unread(name)
            && told.insert(name.clone())
        {
            let what = Problem::input(format!("`{name}` is not read")).at(&given.key);
            warnings.push(what.hint(why));
        }
        if !names::is_reserved(name) || names::is_ours(name) || !told.insert(name.clone()) {
            continue;
        }
        let problem = |what: String| Problem::input(what).at(&given.key);
        match misspelt(name, &evaluated(reading, host, name, given)) {
            Some(meant) => problems.push(
                problem(format!("there is no variable `{name}`"))
                    .hint(format!("did you mean `{meant}`?")),
            ),
            None => warnings.push(
                problem(format!("`{name}` is no variable of pgha's: it is not read")).hint(
                    match alike(name) {
                        Some(meant) => format!("if it is no other role's: did you mean `{meant}`?"),
                        None => "settings stand below `postgresql_settings`, `repmgr_settings` and `pgbouncer_settings`".to_owned(),
                    },
                ),
            ),
        }
    }
}

/// The value, where it can be evaluated.
fn evaluated(reading: &Reading, host: &str, name: &str, given: &Given) -> Given {
    let node = reading.evaluator.of(host, name).and_then(Result::ok);
    Given {
        key: given.key.clone(),
        node: node.flatten().unwrap_or_else(|| given.node.clone()),
    }
}

/// The variable that was most likely meant: its name is a slip of the finger away, and the value is one that it can have.
fn misspelt(name: &str, given: &Given) -> Option<&'static str> {
    let most = |known: &str| {
        if known.len() - names::prefix(known).len() < 5 {
            1
        } else {
            2
        }
    };
    names::pgha()
        .iter()
        .map(|known| (strsim::osa_distance(name, known), known))
        .filter(|(distance, known)| *distance <= most(known))
        .min()
        .filter(|(_, known)| typed::fits(known, given))
        .map(|(_, known)| known.as_str())
}

/// The variable whose name is alike. All of one prefix look alike, so the rest must.
fn alike(name: &str) -> Option<String> {
    let prefix = names::prefix(name);
    let rests = names::pgha()
        .iter()
        .filter_map(|known| known.strip_prefix(prefix));
    did_you_mean(&name[prefix.len()..], rests).map(|rest| format!("{prefix}{rest}"))
}
