//! What the model keeps of a cluster: of each member its log, its signal and what its host remembers; where poolers lead; and which
//! lines are cut. All else of a host is as a healthy one has it.

use std::fmt;

/// Members, a witness perhaps, two poolers, and the host on which pgha runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub members: usize,
    pub witness: bool,
}

/// Members at most.
pub const MOST: usize = 3;

pub const POOLERS: usize = 2;

/// A host: the members first, then the witness, the poolers, and pgha's own.
pub type Node = usize;

impl Shape {
    pub fn witness(self) -> Option<Node> {
        self.witness.then_some(self.members)
    }

    pub fn pooler(self, pooler: usize) -> Node {
        self.members + usize::from(self.witness) + pooler
    }

    pub fn pgha(self) -> Node {
        self.pooler(POOLERS)
    }

    pub fn name(self, node: Node) -> String {
        let pooler = self.pooler(0);
        match node {
            _ if node < self.members => format!("node{}", node + 1),
            _ if node < pooler => "witness1".to_owned(),
            _ if node < self.pgha() => format!("pooler{}", node - pooler + 1),
            _ => "pgha".to_owned(),
        }
    }

    pub fn member(self, name: &str) -> Option<Node> {
        (0..self.members).find(|node| self.name(*node) == name)
    }

    pub fn address(self, node: Node) -> String {
        match node {
            _ if Some(node) == self.witness() => "10.0.0.9".to_owned(),
            _ if node < self.members => format!("10.0.0.{}", node + 1),
            _ => format!("10.0.0.{}", node - self.pooler(0) + 4),
        }
    }
}

/// What happened to a log. A promotion begins the next timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    PromotionOf(u8),
    /// A client's commit, by its number.
    Write(u8),
}

/// The most that happens to one log; no move goes beyond it.
const LONGEST: usize = 7;

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Log {
    events: [Option<Event>; LONGEST],
    length: u8,
}

impl Log {
    pub fn events(&self) -> impl Iterator<Item = Event> {
        self.events[..self.len()].iter().copied().flatten()
    }

    pub fn len(&self) -> usize {
        self.length.into()
    }

    /// Whether there was room for it.
    pub fn push(&mut self, event: Event) -> bool {
        let place = self.events.get_mut(usize::from(self.length));
        let has_room = place.is_some();
        if let Some(place) = place {
            *place = Some(event);
            self.length += 1;
        }
        has_room
    }

    pub fn timeline(&self) -> u8 {
        1 + self.promotions().count() as u8
    }

    /// Where each was, and of whom.
    pub fn promotions(&self) -> impl Iterator<Item = (usize, u8)> {
        let events = self.events().enumerate();
        events.filter_map(|(at, event)| match event {
            Event::PromotionOf(member) => Some((at, member)),
            Event::Write(_) => None,
        })
    }

    /// The commits in it, a bit each.
    pub fn writes(&self) -> u8 {
        self.events().fold(0, |writes, event| match event {
            Event::Write(number) => writes | 1 << number,
            Event::PromotionOf(_) => writes,
        })
    }

    pub fn has_all_of(&self, other: &Self) -> bool {
        self.length >= other.length && self.events[..other.len()] == other.events[..other.len()]
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in self.events() {
            match event {
                Event::PromotionOf(member) => write!(f, " ↑node{}", member + 1)?,
                Event::Write(number) => write!(f, " w{number}")?,
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Server {
    #[default]
    Down,
    Up,
    /// Stopped by a signal: nobody gets an answer, and whoever had a connection keeps it.
    Frozen,
}

/// `NAME … TIMELINE` in a file of a host's.
pub type Mark = Option<(u8, u8)>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Member {
    /// Whether its host has power.
    pub on: bool,
    pub server: Server,
    pub log: Log,
    /// `standby.signal`: how it runs, and how it would start.
    pub signal: bool,
    pub fenced: bool,
    /// `primary_conninfo`.
    pub follows: Option<u8>,
    pub repmgrd: bool,
    pub replaced: Mark,
    pub outvoted: Mark,
    /// By the other member: who goes on, and on which timeline that was.
    pub verdicts: [Mark; MOST],
    pub guard_off: bool,
    pub isolated: bool,
    /// Where what was saved of its log begins.
    pub saved: Option<u8>,
}

/// In the place of a member that there is not; a host of that number always has power.
const NOBODY: Member = Member {
    on: true,
    server: Server::Down,
    log: Log {
        events: [None; LONGEST],
        length: 0,
    },
    signal: false,
    fenced: false,
    follows: None,
    repmgrd: false,
    replaced: None,
    outvoted: None,
    verdicts: [None; MOST],
    guard_off: false,
    isolated: false,
    saved: None,
};

impl Member {
    pub fn takes_writes(&self) -> bool {
        self.server == Server::Up && !self.signal
    }

    pub fn is_standby(&self) -> bool {
        self.server == Server::Up && self.signal
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pooler {
    pub target: u8,
    pub known: Mark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Those that there are first, then [`NOBODY`].
    pub members: [Member; MOST],
    pub poolers: [Pooler; POOLERS],
    /// Lines between two hosts over which nothing goes, see [`line`].
    pub cut: u32,
    /// Commits that a client was told of, a bit each; how many there were; and those that somebody agreed to give up, or that pgha
    /// told to be lost perhaps.
    pub acknowledged: u8,
    pub writes: u8,
    pub told: u8,
    /// How many more faults there may be, and how many more things a person may do.
    pub faults: u8,
    pub deeds: u8,
}

/// The bit of the line between two hosts.
pub fn line(one: Node, two: Node) -> u32 {
    let (low, high) = (one.min(two), one.max(two));
    1 << (high * (high - 1) / 2 + low)
}

impl State {
    /// The first member is the primary, and all is well.
    pub fn healthy(shape: Shape, faults: u8, deeds: u8) -> Self {
        let member = |node: Node| match node < shape.members {
            true => Member {
                on: true,
                server: Server::Up,
                signal: node > 0,
                follows: (node > 0).then_some(0),
                repmgrd: true,
                ..Member::default()
            },
            false => NOBODY,
        };
        let pooler = Pooler {
            target: 0,
            known: Some((0, 1)),
        };
        Self {
            members: std::array::from_fn(member),
            poolers: [pooler; POOLERS],
            cut: 0,
            acknowledged: 0,
            writes: 0,
            told: 0,
            faults,
            deeds,
        }
    }

    /// The first two members were promoted where they did not see each other, to one timeline, and a pooler leads to each.
    pub fn twins(shape: Shape, faults: u8) -> Self {
        let mut state = Self::healthy(shape, faults, 0);
        for node in 0..2 {
            state.members[node].signal = false;
            state.members[node].log.push(Event::PromotionOf(node as u8));
            state.poolers[node] = Pooler {
                target: node as u8,
                known: Some((node as u8, 2)),
            };
        }
        state.stream();
        state
    }

    /// What hosts are like now, and not what it cost to get there.
    pub fn without_history(&self) -> Self {
        Self {
            writes: 0,
            acknowledged: 0,
            told: 0,
            faults: 0,
            deeds: 0,
            ..*self
        }
    }

    /// Whether what one host sends arrives at another that has power.
    pub fn reaches(&self, from: Node, to: Node) -> bool {
        let has_power = |node: Node| self.members.get(node).is_none_or(|member| member.on);
        has_power(from) && has_power(to) && (from == to || self.cut & line(from, to) == 0)
    }

    /// Whether a server answers that host.
    pub fn answers(&self, from: Node, member: Node) -> bool {
        self.reaches(from, member) && self.members[member].server == Server::Up
    }

    /// Whether a standby receives what another member has.
    pub fn streams(&self, standby: Node, from: Node) -> bool {
        let member = &self.members[standby];
        member.is_standby()
            && member.follows == Some(from as u8)
            && self.answers(standby, from)
            && self.members[from].log.has_all_of(&member.log)
    }

    /// Standbys get what whom they follow has.
    pub fn stream(&mut self) {
        for _ in 0..self.members.len() {
            for standby in 0..self.members.len() {
                let Some(from) = self.members[standby].follows else {
                    continue;
                };
                if self.streams(standby, from.into()) {
                    self.members[standby].log = self.members[usize::from(from)].log;
                }
            }
        }
    }

    /// Members that take writes and that clients get to.
    pub fn writable(&self, shape: Shape) -> Vec<Node> {
        let gets_to = |node: &Node| {
            (0..POOLERS).any(|pooler| {
                usize::from(self.poolers[pooler].target) == *node
                    && self.answers(shape.pooler(pooler), *node)
            })
        };
        let members = 0..self.members.len();
        members
            .filter(|node| self.members[*node].takes_writes())
            .filter(gets_to)
            .collect()
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (node, member) in self.members.iter().enumerate() {
            if *member == NOBODY {
                continue;
            }
            let role = match (member.on, member.server, member.signal) {
                (false, ..) => "off",
                (_, Server::Down, false) => "down, a primary's data",
                (_, Server::Down, true) => "down, a standby's data",
                (_, Server::Frozen, _) => "frozen",
                (_, Server::Up, false) => "primary",
                (_, Server::Up, true) => "standby",
            };
            write!(
                f,
                "  node{}: {role}, timeline {}, log{:?}",
                node + 1,
                member.log.timeline(),
                member.log
            )?;
            if let Some(upstream) = member.follows.filter(|_| member.signal) {
                write!(f, ", follows node{}", upstream + 1)?;
            }
            for (name, mark) in [("replaced", member.replaced), ("outvoted", member.outvoted)] {
                if let Some((by, timeline)) = mark {
                    write!(f, ", {name} by node{} on {timeline}", by + 1)?;
                }
            }
            for (name, holds) in [
                ("fenced", member.fenced),
                ("isolated", member.isolated),
                ("guard off", member.guard_off),
                ("repmgrd stopped", !member.repmgrd),
            ] {
                if holds {
                    write!(f, ", {name}")?;
                }
            }
            writeln!(f)?;
        }
        for (number, pooler) in self.poolers.iter().enumerate() {
            writeln!(
                f,
                "  pooler{} leads to node{}, knows {:?}",
                number + 1,
                pooler.target + 1,
                pooler.known
            )?;
        }
        write!(
            f,
            "  acknowledged {:b}, told {:b}, cut {:b}",
            self.acknowledged, self.told, self.cut
        )
    }
}
