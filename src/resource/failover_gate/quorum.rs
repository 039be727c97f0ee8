//! Whether a majority is in reach. Those that are not may have promoted one of them, which no look from here would show; and
//! of two sides of a cut line at most one has a majority.

use crate::plan::Failover;
use crate::problem::Problem;
use crate::resource::View;
use crate::words::list;

/// Who can be asked, of those that have a part in an election.
#[derive(Debug)]
struct Reach<'a> {
    /// Members and witness; also those that the inventory lacks.
    nodes: usize,
    /// Those of them that answer; the dead primary too where its host does.
    answer: usize,
    /// The members that do not answer, without the dead primary: that one is fenced.
    unseen: Vec<&'a str>,
}

/// Why a promotion is not begun.
pub fn refusals(view: &View<'_>, failover: &Failover) -> Vec<Problem> {
    reach(view).refusals(&failover.without)
}

/// What was agreed to, where it made a difference.
pub fn warning(view: &View<'_>) -> Option<String> {
    let reach = reach(view);
    let word = if reach.unseen.len() == 1 {
        "it"
    } else {
        "one of them"
    };
    (!reach.has_majority()).then(|| {
        format!(
            "it is gone on without {}, as was asked for: whether {word} was promoted could not be seen",
            list(&reach.unseen)
        )
    })
}

fn reach<'a>(view: &View<'a>) -> Reach<'a> {
    let topology = view.topology;
    let nodes = || {
        let nodes = topology.members.iter().chain(&topology.witness);
        nodes.map(|node| &node.name).chain(&topology.strangers)
    };
    let answers = |name: &str| view.world.contains_key(name);
    let is_dead = |name: &str| topology.outgoing.as_deref() == Some(name);
    Reach {
        nodes: nodes().count(),
        answer: nodes().filter(|name| answers(name)).count(),
        unseen: topology
            .members
            .iter()
            .map(|member| member.name.as_str())
            // Where nobody is known to be the dead primary, `--fenced-by` speaks of all that do not answer.
            .filter(|name| topology.outgoing.is_some() && !answers(name) && !is_dead(name))
            .chain(topology.strangers.iter().map(String::as_str))
            .collect(),
    }
}

impl Reach<'_> {
    /// Where no member is out of sight, nobody can have been promoted unseen, however few there are.
    fn has_majority(&self) -> bool {
        self.unseen.is_empty() || self.answer * 2 > self.nodes
    }

    /// `without` are the members of which somebody has made sure that they take no writes.
    fn refusals(&self, without: &[String]) -> Vec<Problem> {
        let is_named = |name: &&&str| without.iter().any(|named| named == **name);
        let open: Vec<&str> = self
            .unseen
            .iter()
            .filter(|name| !is_named(name))
            .copied()
            .collect();
        let seen: Vec<&String> = without
            .iter()
            .filter(|name| !self.unseen.contains(&name.as_str()))
            .collect();
        let mut found = Vec::new();
        if !seen.is_empty() {
            found.push(
                Problem::refused(format!(
                    "{} cannot be done without: `--without` names members that do not answer, beside the dead primary",
                    list(&seen)
                ))
                .hint("leave out whoever answers, and say of the primary how it was kept from taking writes: `--fenced-by TEXT`"),
            );
        }
        if !self.has_majority() && !open.is_empty() {
            let options: Vec<String> = self
                .unseen
                .iter()
                .map(|name| format!("--without {name}"))
                .collect();
            let (does, it) = if open.len() == 1 {
                ("does", "it")
            } else {
                ("do", "one of them")
            };
            found.push(
                Problem::refused(format!("{} {does} not answer: {it} may have been promoted", list(&open)))
                    .because(format!(
                        "{} of {} members and witness are in reach, which is no majority",
                        self.answer, self.nodes
                    ))
                    .hint(format!(
                        "run it from where a majority is in reach; or make sure on their hosts that none takes writes nor will, and name them: `{}`",
                        options.join(" ")
                    )),
            );
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["node1", "node2", "node3", "node4", "node5"];

    /// Every set of members and witness that answers, node1 being the dead primary and node2 the one that runs.
    fn splits() -> impl Iterator<Item = (usize, Option<bool>, Vec<bool>)> {
        let witness = [None, Some(true), Some(false)];
        (2..=5_usize).flat_map(move |members| {
            witness.into_iter().flat_map(move |witness| {
                (0..1_u32 << members)
                    .map(move |mask| {
                        (0..members)
                            .map(|at| mask >> at & 1 == 1)
                            .collect::<Vec<_>>()
                    })
                    .filter(|answers| answers[1])
                    .map(move |answers| (members, witness, answers))
            })
        })
    }

    fn reach(answers: &[bool], witness: Option<bool>) -> Reach<'static> {
        let silent = (1..answers.len()).filter(|at| !answers[*at]);
        Reach {
            nodes: answers.len() + usize::from(witness.is_some()),
            answer: answers
                .iter()
                .chain(&witness)
                .filter(|answers| **answers)
                .count(),
            unseen: silent.map(|at| NAMES[at]).collect(),
        }
    }

    /// The other side of a cut: whoever does not answer here answers there, and has the dead primary out of sight as well.
    fn other_side(answers: &[bool], witness: Option<bool>) -> Option<Reach<'static>> {
        let there: Vec<bool> = answers
            .iter()
            .enumerate()
            .map(|(at, here)| at > 0 && !here)
            .collect();
        let standby = there.iter().any(|answers| *answers);
        standby.then(|| reach(&there, witness.map(|here| !here)))
    }

    #[test]
    fn of_two_sides_one_at_most_goes_on() {
        let mut both_refuse = 0;
        for (_, witness, answers) in splits() {
            let here = reach(&answers, witness).refusals(&[]);
            let Some(there) = other_side(&answers, witness) else {
                assert!(
                    here.is_empty(),
                    "{answers:?}: everybody that could be promoted answers"
                );
                continue;
            };
            let there = there.refusals(&[]);
            assert!(
                !here.is_empty() || !there.is_empty(),
                "{answers:?}, witness {witness:?}"
            );
            both_refuse += usize::from(!here.is_empty() && !there.is_empty());
        }
        // Two halves: a table in which this never happens would show nothing.
        assert!(both_refuse > 0);
    }

    #[test]
    fn a_majority_goes_on_and_a_minority_names_who_is_out_of_sight() {
        let mut refused = 0;
        for (members, witness, answers) in splits() {
            let reach = reach(&answers, witness);
            let nodes = members + usize::from(witness.is_some());
            let case = format!("{answers:?}, witness {witness:?}");
            let may = reach.unseen.is_empty() || 2 * reach.answer > nodes;
            let found = reach.refusals(&[]);
            assert_eq!(found.is_empty(), may, "{case}: {found:?}");
            if may {
                continue;
            }
            refused += 1;
            for name in &reach.unseen {
                assert!(
                    found[0].what.contains(&format!("`{name}`")),
                    "{case}: {found:?}"
                );
            }
            // All of them, and nobody else.
            let names: Vec<String> = reach.unseen.iter().map(|name| (*name).to_owned()).collect();
            assert!(reach.refusals(&names).is_empty(), "{case}");
            let but_one = reach.refusals(&names[1..]);
            assert!(
                but_one[0].what.starts_with(&format!("`{}` does", names[0])),
                "{but_one:?}"
            );
        }
        assert!(refused > 0);
    }

    #[test]
    fn only_who_does_not_answer_can_be_named() {
        let reach = reach(&[false, true, true, false, false], None);
        for named in ["node1", "node2", "node3"] {
            let names = ["node4".to_owned(), "node5".to_owned(), named.to_owned()];
            let found = reach.refusals(&names);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].what.starts_with(&format!("`{named}` cannot")),
                "{found:?}"
            );
        }
    }
}
