//! How a member comes back, decided from what both it and the primary have on disk: one table, for every state of it.

use crate::facts::{DataDirectory, Server, Wal};
use crate::postgres::timeline::{Branch, Switch};
use crate::problem::Problem;
use crate::resource::View;
use crate::resource::standby_upstream::streams_from;

/// How a member comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub way: Way,
    pub because: String,
    /// What only it has, and would not have any more.
    pub lost: Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// All that it has, the primary has too: it follows.
    Attach,
    /// What it has beyond the fork is taken back page by page.
    Rewind,
    /// Its data are copied anew.
    Rebuild,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    Nothing,
    Since(Switch),
    /// It cannot be told, since its log cannot be read.
    Unknown,
}

impl Way {
    pub fn name(self) -> &'static str {
        match self {
            Self::Attach => "attach",
            Self::Rewind => "rewind",
            Self::Rebuild => "rebuild",
        }
    }
}

/// How the member at hand comes back; `None` if it is back.
///
/// # Errors
/// States in which no way is right without somebody's decision.
pub fn decide(view: &View<'_>) -> Result<Option<Decision>, Problem> {
    let anew = view.intent.returning().is_some_and(|asked| asked.rebuild);
    let primary = &view.topology.primary;
    let Some(data) = &view.facts().data else {
        return Ok(Some(Decision {
            way: Way::Rebuild,
            because: "it has no data directory".to_owned(),
            lost: Lost::Nothing,
        }));
    };
    let follows = view.server().is_some_and(|server| follows(view, server));
    if follows && !anew {
        return Ok(None);
    }
    let theirs = view.world.get(primary).and_then(|facts| facts.wal.as_ref());
    let (Some(own), Some(theirs)) = (&view.facts().wal, theirs) else {
        return Err(Problem::refused("its control data cannot be read").hint(
            "look at `pg_controldata`; `pgha apply` clones it anew once its data directory is moved away",
        ));
    };
    if own.branch.timeline > theirs.branch.timeline && !anew {
        return Err(Problem::refused(format!(
            "it is on timeline {}, and the primary `{primary}` on {}: it was promoted later",
            own.branch.timeline, theirs.branch.timeline
        ))
        .hint(format!(
            "which of the two is right only you can know: make it the primary, or give its data up with `pgha rebuild INVENTORY {}`",
            view.host
        )));
    }
    let position = view.primary_server().and_then(|server| server.position);
    let twin = view.facts().outvoted().is_some();
    let lost = match (own.rewinding, own.fork(theirs, twin)) {
        // It was saved and agreed to before the rewind began.
        (true, _) => Lost::Nothing,
        // What it has comes from the primary, though this may have been asked a moment later, and have more by then.
        _ if follows => Lost::Nothing,
        (false, Fork::At(fork)) if own.is_past(fork) => Lost::Since(fork),
        (false, Fork::At(_)) if own.last.is_some() => Lost::Nothing,
        (false, Fork::None) => match (own.last, position) {
            (Some(last), Some(at)) if last >= at => Lost::Since(Switch {
                timeline: own.branch.timeline,
                at,
            }),
            (Some(_), Some(_)) => Lost::Nothing,
            _ => Lost::Unknown,
        },
        _ => Lost::Unknown,
    };
    let (way, because) = match lost {
        _ if anew => (Way::Rebuild, "it was asked for".to_owned()),
        _ if own.rewinding => (Way::Rebuild, "a rewind of it did not end".to_owned()),
        Lost::Unknown if twin => (
            Way::Rebuild,
            format!(
                "`{primary}` took writes on the same timeline, and where the two part is not known"
            ),
        ),
        Lost::Unknown => (Way::Rebuild, "its log cannot be read".to_owned()),
        Lost::Nothing if own.last < theirs.oldest => (
            Way::Rebuild,
            format!("`{primary}` does not have the log after it any more"),
        ),
        Lost::Nothing => (Way::Attach, format!("all that it has, `{primary}` has too")),
        Lost::Since(fork) => {
            let since = format!(
                "it went on after {} on timeline {}, where `{primary}` left it",
                fork.at, fork.timeline
            );
            match cannot_rewind(view, data, own, theirs, fork) {
                None => (Way::Rewind, since),
                Some(why) => (Way::Rebuild, format!("{since}; {why}")),
            }
        }
    };
    Ok(Some(Decision { way, because, lost }))
}

/// Where two logs part.
enum Fork {
    None,
    At(Switch),
    Nowhere,
}

impl Wal {
    /// A `twin` has taken writes on a timeline of the same number: one branch by their numbers, and two by what they hold.
    fn fork(&self, other: &Self, twin: bool) -> Fork {
        let apart = |one: &Option<String>, two: &Option<String>| {
            one.is_some() && two.is_some() && one != two
        };
        match self.branch.fork(&other.branch) {
            Some(fork) => Fork::At(fork),
            // Promoted apart from each other, at the same place, to a timeline of the same number.
            None if twin || apart(&self.birth, &other.birth) => match self.branch.switches.last() {
                Some(switch) => Fork::At(*switch),
                None => Fork::Nowhere,
            },
            None if self.branch == other.branch => Fork::None,
            None => Fork::Nowhere,
        }
    }

    /// Whether it has anything after that place, where another branch leaves its own.
    fn is_past(&self, fork: Switch) -> bool {
        let Branch { timeline, .. } = self.branch;
        timeline != fork.timeline || self.last.is_some_and(|last| last >= fork.at)
    }
}

/// Whether it receives from the primary.
fn follows(view: &View<'_>, server: &Server) -> bool {
    let primary = view.topology.member(&view.topology.primary);
    server.in_recovery && primary.is_some_and(|primary| streams_from(server, primary))
}

/// What forbids pg_rewind (its documentation, “Prerequisites”, and what it does not look at: C3 of the reference).
fn cannot_rewind(
    view: &View<'_>,
    data: &DataDirectory,
    own: &Wal,
    theirs: &Wal,
    fork: Switch,
) -> Option<String> {
    let off = view
        .primary_server()
        .and_then(|server| server.settings.get("full_page_writes"))
        .is_some_and(|setting| setting.value == "off");
    let clean = matches!(
        data.state.as_str(),
        "shut down" | "shut down in recovery" | "in production" | "shutting down"
    );
    if own.branch.timeline == theirs.branch.timeline {
        Some("pg_rewind takes timelines of the same number for the same".to_owned())
    } else if view.facts().server.is_down() && data.timeline != Some(own.branch.timeline) {
        // A standby that has replayed no checkpoint since the promotion that it followed: pg_rewind before 16 reads the log of
        // the timeline in the control data only, and leaves what came after it.
        Some("its control data are of an older timeline than its log".to_owned())
    } else if !data.checksums && !own.wal_log_hints {
        Some("pg_rewind needs data checksums or `wal_log_hints`".to_owned())
    } else if off {
        Some("pg_rewind needs `full_page_writes`".to_owned())
    } else if theirs.oldest.is_none_or(|oldest| oldest > fork.at) {
        Some(format!(
            "`{}` does not have the log from there any more",
            view.topology.primary
        ))
    } else if view.facts().server.is_down() && !clean {
        Some(format!(
            "pg_rewind needs a clean shutdown, and it is “{}”",
            data.state
        ))
    } else {
        None
    }
}
