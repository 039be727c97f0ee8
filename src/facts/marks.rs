//! What a member's host remembers: that another has taken its place (`programs/peers.sh`).

use super::{Facts, Path, Probe};

/// A member was promoted past this one.
const REPLACED: &str = "/var/lib/pgha/replaced";

/// Another member took writes on the same timeline, and goes on.
const OUTVOTED: &str = "/var/lib/pgha/outvoted";

/// By whom, and on which timeline that one was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub by: String,
    pub timeline: u32,
}

/// What asks for both.
pub fn probes() -> [Probe; 2] {
    [REPLACED, OUTVOTED].map(|path| Probe::Content(path.to_owned()))
}

impl Facts {
    /// Who was promoted past this member, where its data are still a primary's and not past that.
    pub fn replaced(&self) -> Option<Mark> {
        self.mark(REPLACED, |timeline, own| timeline > own)
    }

    /// For whom this member's server, on the same timeline, was stopped, under the same condition: the two have logs of
    /// their own from some place on, whatever their numbers say.
    pub fn outvoted(&self) -> Option<Mark> {
        self.mark(OUTVOTED, |timeline, own| timeline >= own)
    }

    /// `NAME SYSTEM TIMELINE`
    fn mark(&self, path: &str, holds: fn(u32, u32) -> bool) -> Option<Mark> {
        let data = self.data.as_ref().filter(|data| !data.standby_signal)?;
        let Path::File { content, .. } = self.paths.get(path)? else {
            return None;
        };
        let mut words = content.as_deref()?.split_whitespace();
        let (by, system, timeline) = (words.next()?, words.next()?, words.next()?);
        let timeline = timeline.parse().ok()?;
        let is_own = data.system_identifier.as_deref() == Some(system);
        (is_own && holds(timeline, data.timeline?)).then(|| Mark {
            by: by.to_owned(),
            timeline,
        })
    }
}
