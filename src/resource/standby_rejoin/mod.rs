//! The resource `standby_rejoin`.

mod decision;

use schemars::JsonSchema;
use serde::Deserialize;

pub use decision::{Decision, Lost, Way, decide};

use super::data_copy::{self, Place, make, replace, step_down};
use super::data_discard;
use super::postgresql_cluster::new_directory_probes;
use super::postgresql_server::stop;
use super::programs::REJOIN;
use super::repmgrd::{stand_aside, stood_aside};
use super::standby_clone::{copy, settle, settle_parts};
use super::standby_upstream::overrides;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Instance, Probe, Saved, Server, Slot, Wal, marks};
use crate::plan::{Action, Change, Op, Shown};
use crate::postgres::lsn::Lsn;
use crate::problem::{Kind, Problem};
use crate::size::bytes;
use crate::words::count;

/// The data of the member that comes back are a standby's of the primary: attached as they are, rewound, or cloned again. What
/// only it has is given up only after it was saved and counted (`diverged_wal`), and with the user's consent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandbyRejoin {}

impl Resource for StandbyRejoin {
    fn subject(&self) -> String {
        "data directory".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        let mut probes = new_directory_probes(view);
        probes.push(wal_probe(view));
        probes.extend(marks::probes());
        probes
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let Some(decision) = decide(view)? else {
            return Ok(Verdict::AsDeclared);
        };
        agreed(view, &decision)?;
        let primary = &view.topology.primary;
        let data = view.facts().data.as_ref();
        // It starts as a standby, and then is told whom it follows.
        if decision.way == Way::Attach
            && data.is_some_and(|data| data.standby_signal && !data.fenced)
        {
            return Ok(Verdict::AsDeclared);
        }
        let mut draft = Draft::new(match decision.way {
            Way::Attach | Way::Rewind => Action::Update,
            Way::Rebuild => Action::Create,
        })
        .after([primary.clone()])
        .field(
            "comes back by",
            None,
            format!("{}: {}", decision.way.name(), decision.because),
        );
        if let Some(saved) = saved(view) {
            draft = draft.field("only it has", lost(saved), "saved, given up here");
        }
        Ok(match decision.way {
            Way::Attach => stopped(view, draft).run("root", [REJOIN, "attach", primary]),
            Way::Rewind => stopped(view, draft).run("root", [REJOIN, "rewind", primary]),
            Way::Rebuild if data.is_none() => copy(view, draft)?,
            Way::Rebuild => rebuild(view, draft)?,
        }
        .into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let (Ok(Some(decision)), Ok(Verdict::Change(_))) = (decide(view), self.verdict(view))
        else {
            return;
        };
        stood_aside(facts);
        facts.server = Instance::Down;
        if decision.way == Way::Rebuild {
            let asked = view.intent.returning();
            if facts.data.is_some() && asked.is_some_and(|asked| asked.discard) {
                data_discard::settle_left(facts);
            }
            facts.data = None;
            settle(view, facts);
        } else if facts.places.unsettled() {
            data_copy::settled(view, facts);
        }
        let own = view.topology.member(view.host);
        if let (Some(data), Some(own)) = (&mut facts.data, own) {
            data.standby_signal = true;
            data.fenced = false;
            let slots = data.slots.iter().cloned();
            facts.stopped = Some(Server {
                overrides: overrides(view, &view.topology.primary, own),
                slots: slots.map(|name| (name, Slot::default())).collect(),
                ..Server::default()
            });
        }
        let primary = view.world.get(&view.topology.primary);
        if let Some(theirs) = primary.and_then(|facts| facts.wal.as_ref())
            && decision.way != Way::Attach
        {
            let server = view.primary_server();
            let position = server.and_then(|server| server.position);
            facts.wal = Some(Wal {
                last: position.map(|position| Lsn(position.0.saturating_sub(1))),
                saved: None,
                rewinding: false,
                ..theirs.clone()
            });
        }
    }
}

/// What the decision needs of the member's log, and of the primary's, whoever that is.
pub fn wal_probe(view: &View<'_>) -> Probe {
    let returning = view.intent.returning().map(|asked| asked.member.as_str());
    Probe::Wal {
        end: returning == Some(view.host),
    }
}

/// Whether a change rewinds a data directory: where it fails, they are to be copied anew.
pub fn is_rewind(change: &Change) -> bool {
    change.ops.iter().any(|op| match op {
        Op::Run { argv, .. } => {
            matches!(argv.as_slice(), [program, step, ..] if program == REJOIN && step == "rewind")
        }
        _ => false,
    })
}

/// Nothing runs on the data that are there, and all that belongs to them is in its place.
fn stopped(view: &View<'_>, draft: Draft) -> Draft {
    let mut draft = stand_aside(view, draft);
    if !view.facts().server.is_down() {
        draft = draft.op(stop(view));
    }
    if view.facts().places.unsettled() {
        draft = settle_parts(draft);
    }
    draft
}

/// The data that are there stay, and their server runs, until the copy is whole.
fn rebuild(view: &View<'_>, draft: Draft) -> Result<Draft, Problem> {
    let discard = view.intent.returning().is_some_and(|asked| asked.discard);
    let what = match discard {
        true => "removed, once the copy runs",
        false => "kept beside it, with the time in its name",
    };
    let draft = draft.field("what was there", None, Shown::Value(what.to_owned()));
    let draft = make(view, draft, Place::Taken)?;
    Ok(replace(view, step_down(view, draft), discard))
}

/// What was saved of what the member would lose.
fn saved<'v>(view: &View<'v>) -> Option<&'v Saved> {
    let wal = view.facts().wal.as_ref()?;
    wal.saved.as_ref()
}

/// Whether what would be given up may be.
fn agreed(view: &View<'_>, decision: &Decision) -> Result<(), Problem> {
    let accepted = view
        .intent
        .returning()
        .is_some_and(|returning| returning.accept_data_loss);
    let primary = &view.topology.primary;
    let problem = match decision.lost {
        Lost::Nothing => return Ok(()),
        Lost::Since(fork) => match saved(view).filter(|saved| saved.from == Some(fork)) {
            Some(_) if accepted => return Ok(()),
            Some(saved) => Problem::new(
                Kind::DataLoss,
                format!("`{primary}` does not have {}", lost(saved)),
            )
            .because(format!("it comes back by {}: {}", decision.way.name(), decision.because))
            .hint(format!(
                "it is saved in `{}` on `{}`; `--accept-data-loss` gives it up in the cluster",
                saved.path, view.host
            )),
            None => Problem::refused(format!(
                "it has what `{primary}` does not have, and that is not saved yet"
            ))
            .hint("`pgha rejoin` and `pgha rebuild` save and count it before anything else"),
        },
        Lost::Unknown if accepted => return Ok(()),
        Lost::Unknown => Problem::new(
            Kind::DataLoss,
            format!(
                "what it has and `{primary}` does not have cannot be counted: {}",
                match view.facts().outvoted() {
                    Some(_) => "both took writes on one timeline, and where they part is not known",
                    None => "its log cannot be read",
                }
            ),
        )
        .hint("its data directory is kept, unless `--discard`; `--accept-data-loss` goes on without what is in it"),
    };
    Err(problem)
}

/// `3 commits (…)`, as much as is known.
fn lost(saved: &Saved) -> String {
    let mut text = if saved.incomplete {
        format!("{} and more before them", count_of(saved.commits))
    } else {
        count_of(saved.commits)
    };
    if let (Some(first), Some(last)) = (&saved.first, &saved.last) {
        text.push_str(&match first == last {
            true => format!(" of {first}"),
            false => format!(" from {first} to {last}"),
        });
    }
    text.push_str(&format!(", {} of log", bytes(saved.bytes)));
    const SHOWN: usize = 5;
    let relations = saved.relations.iter().take(SHOWN);
    let relations = relations.map(|(_, name)| match name.split_once(' ') {
        Some((database, name)) => format!("`{name}` of `{database}`"),
        // The log names files; what they are is known where it could be asked.
        None => format!("`{name}`"),
    });
    let relations: Vec<String> = relations.collect();
    if !relations.is_empty() {
        text.push_str(&format!(", in {}", relations.join(", ")));
        let more = saved.relations.len().saturating_sub(SHOWN);
        if more > 0 {
            text.push_str(&format!(" and {}", count(more, "other relation")));
        }
    }
    text
}

fn count_of(commits: u64) -> String {
    count(usize::try_from(commits).unwrap_or(usize::MAX), "commit")
}
