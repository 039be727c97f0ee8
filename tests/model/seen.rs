//! What a host can see: its own files, its own server, and what others answer it. A program's answer depends on nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::asked::Question;
use crate::state::{MOST, Mark, Node, POOLERS, Server, Shape, State};

/// One member, seen from some host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Other {
    /// Whether its server answers, and whether its host does.
    answers: bool,
    host_answers: bool,
    server: Server,
    signal: bool,
    timeline: u8,
    followers: u8,
    sessions: u8,
    verdicts: [Mark; MOST],
}

/// What only the host at hand has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Own {
    Member {
        fenced: bool,
        guard_off: bool,
        isolated: bool,
        replaced: Mark,
        outvoted: Mark,
    },
    Pooler {
        target: u8,
        known: Mark,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    from: Node,
    members: [Other; MOST],
    witness: bool,
    own: Own,
}

impl Seen {
    pub fn from(shape: Shape, state: &State, from: Node) -> Self {
        let mut members = [Other::default(); MOST];
        for (node, other) in members.iter_mut().enumerate().take(shape.members) {
            let member = &state.members[node];
            let host_answers = state.reaches(from, node);
            if !host_answers {
                continue;
            }
            let streams = |standby: &Node| state.streams(*standby, node);
            let leads = |pooler: &usize| {
                usize::from(state.poolers[*pooler].target) == node
                    && state.reaches(shape.pooler(*pooler), node)
            };
            *other = Other {
                answers: state.answers(from, node),
                host_answers,
                server: member.server,
                signal: member.signal,
                timeline: member.log.timeline(),
                followers: (0..shape.members).filter(streams).count() as u8,
                sessions: (0..POOLERS).filter(leads).count() as u8,
                verdicts: member.verdicts,
            };
        }
        let own = match state.members[..shape.members].get(from) {
            Some(member) => Own::Member {
                fenced: member.fenced,
                guard_off: member.guard_off,
                isolated: member.isolated,
                replaced: member.replaced,
                outvoted: member.outvoted,
            },
            None => {
                let pooler = &state.poolers[from - shape.pooler(0)];
                Own::Pooler {
                    target: pooler.target,
                    known: pooler.known,
                }
            }
        };
        let witness = shape.witness();
        Self {
            from,
            members,
            witness: witness.is_some_and(|witness| state.reaches(from, witness)),
            own,
        }
    }

    /// The same as what a program finds on its host.
    pub fn question(&self, shape: Shape, words: &str, turns: u8) -> Question {
        let mut values = self.others(shape);
        let _ = writeln!(values, "me={} turns={turns}", shape.name(self.from));
        let files = match self.own {
            Own::Member { .. } => {
                values += &self.own_server(shape);
                self.member_files(shape)
            }
            Own::Pooler { target, known } => {
                let targets: String = (0..shape.members)
                    .map(|node| {
                        format!(
                            "{0}\n{0} app|{1}|5432|\n",
                            shape.name(node),
                            shape.address(node)
                        )
                    })
                    .collect();
                let target = shape.name(target.into());
                let _ = writeln!(
                    values,
                    "pgbouncer=yes target={target} pooler_targets='{}'",
                    targets.trim_end()
                );
                let known = known
                    .map(|(name, timeline)| format!("7 {timeline} {}\n", shape.name(name.into())));
                known
                    .map(|known| ("kept/known-primary".to_owned(), known))
                    .into_iter()
                    .collect()
            }
        };
        Question {
            words: words.to_owned(),
            values,
            files,
        }
    }

    fn others(&self, shape: Shape) -> String {
        let (mut names, mut upstreams, mut answers) = (String::new(), String::new(), String::new());
        let (mut ready, mut hosts_at, mut hosts_are) =
            (String::new(), String::new(), String::new());
        for node in 0..shape.members {
            let other = &self.members[node];
            let (name, address, timeline) = (shape.name(node), shape.address(node), other.timeline);
            let _ = writeln!(names, "{name} {address} 5432");
            let _ = writeln!(upstreams, "{name} host={address}");
            let answer = match (other.answers, other.signal) {
                (true, false) => format!("primary {timeline} 7"),
                (true, true) => "standby".to_owned(),
                (false, _) => "silent".to_owned(),
            };
            let _ = writeln!(answers, "{name} {address} 5432 {answer}");
            if other.answers {
                let _ = write!(ready, "{address} ");
            }
            if other.host_answers && node != self.from {
                let _ = writeln!(hosts_at, "{address} 7 {timeline}");
                let _ = write!(hosts_are, "{address} ");
                for (name, verdict) in marks(shape, &other.verdicts) {
                    let _ = write!(hosts_are, "verdict {name} {verdict};");
                }
                let _ = writeln!(hosts_are, "{}", other.standing());
            }
        }
        let witness = shape
            .witness()
            .map_or_else(String::new, |witness| shape.address(witness));
        if self.witness {
            ready += &witness;
        }
        let witness = if witness.is_empty() {
            witness
        } else {
            format!("{witness} 5432")
        };
        format!(
            "members='{}' upstreams='{}' witness='{witness}' answers='{answers}'\nready='{ready}' hosts_at='{hosts_at}' hosts_are='{hosts_are}'\n",
            names.trim_end(),
            upstreams.trim_end(),
        )
    }

    fn own_server(&self, _: Shape) -> String {
        let own = &self.members[self.from];
        let control = if own.signal {
            "in archive recovery"
        } else {
            "in production"
        };
        let writable = own.server == Server::Up && !own.signal;
        format!(
            "own_timeline_is={} control_state='{control}' standing='{}' writable={}\n",
            own.timeline,
            own.standing(),
            if writable { "yes" } else { "" },
        )
    }

    fn member_files(&self, shape: Shape) -> BTreeMap<String, String> {
        let Own::Member {
            fenced,
            guard_off,
            isolated,
            replaced,
            outvoted,
        } = self.own
        else {
            return BTreeMap::new();
        };
        let own = &self.members[self.from];
        let there = [
            ("data/postmaster.pid", own.server != Server::Down),
            ("data/standby.signal", own.signal),
            ("data/pgha-fenced", fenced),
            ("run/guard-off", guard_off),
            ("run/isolated", isolated),
        ];
        let there = there.into_iter().filter(|(_, there)| *there);
        let there = there.map(|(name, _)| (name.to_owned(), String::new()));
        let kept = [("replaced", replaced), ("outvoted", outvoted)];
        let kept = kept
            .into_iter()
            .filter_map(|(name, mark)| Some((name.to_owned(), text(shape, mark)?)));
        let verdicts = marks(shape, &own.verdicts);
        let verdicts = verdicts.map(|(name, verdict)| (format!("verdict.{name}"), verdict));
        let kept = kept.chain(verdicts);
        there
            .chain(kept.map(|(name, text)| (format!("kept/{name}"), format!("{text}\n"))))
            .collect()
    }
}

impl Other {
    /// What its own host says of it (`standing.sh`).
    fn standing(&self) -> String {
        match (self.server, self.signal) {
            (Server::Down, _) => "down".to_owned(),
            (Server::Frozen, _) => "there".to_owned(),
            (Server::Up, true) => "standby".to_owned(),
            (Server::Up, false) => format!("primary {} {}", self.followers, self.sessions),
        }
    }
}

fn text(shape: Shape, mark: Mark) -> Option<String> {
    let (by, timeline) = mark?;
    Some(format!("{} 7 {timeline}", shape.name(by.into())))
}

fn marks(shape: Shape, marks: &[Mark; MOST]) -> impl Iterator<Item = (String, String)> {
    let marks = marks.iter().enumerate();
    marks.filter_map(move |(node, mark)| Some((shape.name(node), text(shape, *mark)?)))
}
