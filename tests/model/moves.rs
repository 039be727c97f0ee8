//! What may happen to a cluster: faults and their ends, what people do, what repmgrd does, what the programs on hosts do, and writes.

use crate::model::Model;
use crate::programs::Fired;
use crate::state::{Event, Node, POOLERS, Server, Shape, State, line};
use crate::verbs::{Ended, Verb};

/// As many as any plan of these verbs has.
const STAGES: u8 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// Its server ends at once.
    Crash(Node),
    PowerOff(Node),
    /// The server's process gets SIGSTOP.
    Freeze(Node),
    /// Lines are cut, those of one of [`cuts`].
    Cut(u32),
    Boot(Node),
    Start(Node),
    Thaw(Node),
    Heal,
    /// Somebody promotes a standby past pgha.
    PromoteByHand(Node),
    GuardOff(Node),
    /// repmgrd promotes its standby.
    Elect(Node),
    /// repmgrd lets its standby follow who was promoted.
    FollowElected(Node),
    Watch(Node),
    Follow(usize),
    Write(usize),
    /// pgha runs, or is killed after so many stages.
    Pgha(Verb, Option<u8>),
}

/// A cut line by line: the name, and the bits.
pub fn cuts(shape: Shape) -> Vec<(String, u32)> {
    let name = |node| shape.name(node);
    let away = |inside: &[Node]| {
        let mut bits = 0;
        for one in inside {
            for other in (0..=shape.pgha()).filter(|other| !inside.contains(other)) {
                bits |= line(*one, other);
            }
        }
        bits
    };
    let members = 0..shape.members;
    let mut cuts = Vec::new();
    for member in members.clone() {
        cuts.push((
            format!("{} is cut off from all", name(member)),
            away(&[member]),
        ));
        let pooler = shape.pooler(0);
        cuts.push((
            format!("{} and {} are cut off together", name(member), name(pooler)),
            away(&[member, pooler]),
        ));
        let among = members
            .clone()
            .chain(shape.witness())
            .filter(|other| *other != member);
        let bits = among.fold(0, |bits, other| bits | line(member, other));
        cuts.push((
            format!("{} is cut off from the other members", name(member)),
            bits,
        ));
        for other in member + 1..shape.members {
            cuts.push((
                format!("the line from {} to {} is cut", name(member), name(other)),
                line(member, other),
            ));
        }
        cuts.push((
            format!("the line from {} to {} is cut", name(pooler), name(member)),
            line(pooler, member),
        ));
    }
    cuts
}

impl Move {
    /// All that might be made; what cannot be is no move where it is tried.
    pub fn all(shape: Shape) -> Vec<Self> {
        let of_members = |make: fn(Node) -> Self| (0..shape.members).map(make);
        let mut all: Vec<Self> = of_members(Self::Watch).collect();
        all.extend((0..POOLERS).map(Self::Follow));
        all.extend((0..POOLERS).map(Self::Write));
        for make in [
            Self::Crash,
            Self::PowerOff,
            Self::Freeze,
            Self::Boot,
            Self::Start,
            Self::Thaw,
            Self::PromoteByHand,
            Self::GuardOff,
            Self::Elect,
            Self::FollowElected,
        ] {
            all.extend(of_members(make));
        }
        all.extend(cuts(shape).into_iter().map(|(_, bits)| Self::Cut(bits)));
        all.push(Self::Heal);
        let rejoins = (0..shape.members).map(|node| Verb::Rejoin(node, false));
        for verb in [Verb::Apply, Verb::Failover].into_iter().chain(rejoins) {
            all.push(Self::Pgha(verb, None));
            all.extend((1..=STAGES).map(|stages| Self::Pgha(verb, Some(stages))));
        }
        all
    }

    /// Whether it is what goes wrong, or what a person does: these are few in a sequence.
    fn is_fault(self) -> bool {
        matches!(
            self,
            Self::Crash(_) | Self::PowerOff(_) | Self::Freeze(_) | Self::Cut(_)
        )
    }

    fn is_deed(self) -> bool {
        matches!(
            self,
            Self::PromoteByHand(_) | Self::GuardOff(_) | Self::Pgha(..)
        )
    }

    /// Makes it; leaves the state as it is where there is nothing to it.
    pub fn make(self, state: &mut State, model: &mut Model, fired: &mut Vec<Fired>) {
        let shape = model.programs.shape;
        let before = *state;
        if self.is_fault() {
            match state.faults.checked_sub(1) {
                Some(left) => state.faults = left,
                None => return,
            }
        }
        if self.is_deed() {
            match state.deeds.checked_sub(1) {
                Some(left) => state.deeds = left,
                None => return,
            }
        }
        match self.happens(shape, state, model, fired) {
            true => state.stream(),
            false => *state = before,
        }
    }

    /// Whether it could.
    fn happens(
        self,
        shape: Shape,
        state: &mut State,
        model: &mut Model,
        fired: &mut Vec<Fired>,
    ) -> bool {
        match self {
            Self::Crash(node) => {
                let member = &mut state.members[node];
                let runs = member.server == Server::Up;
                member.server = Server::Down;
                runs
            }
            Self::PowerOff(node) => {
                let member = &mut state.members[node];
                let was_on = member.on;
                member.on = false;
                member.server = Server::Down;
                // What is below /run is gone.
                (member.guard_off, member.isolated) = (false, false);
                was_on
            }
            Self::Freeze(node) => {
                let member = &mut state.members[node];
                let runs = member.server == Server::Up;
                if runs {
                    member.server = Server::Frozen;
                }
                runs
            }
            Self::Cut(bits) => {
                let whole = state.cut == 0;
                state.cut |= bits;
                whole
            }
            Self::Heal => {
                let was_cut = state.cut != 0;
                state.cut = 0;
                was_cut
            }
            Self::Boot(node) => {
                if state.members[node].on {
                    return false;
                }
                state.members[node].on = true;
                model.programs.start(state, node, fired);
                true
            }
            Self::Start(node) => {
                let member = &state.members[node];
                if !member.on || member.server != Server::Down {
                    return false;
                }
                model.programs.start(state, node, fired);
                true
            }
            Self::Thaw(node) => {
                let member = &mut state.members[node];
                let is_frozen = member.server == Server::Frozen;
                if is_frozen {
                    member.server = Server::Up;
                }
                is_frozen
            }
            Self::PromoteByHand(node) => promote(state, node),
            Self::GuardOff(node) => {
                let member = &mut state.members[node];
                let is_new = member.on && !member.guard_off;
                member.guard_off |= is_new;
                is_new
            }
            Self::Elect(node) => {
                // It takes longer than a primary that is cut off takes to stop: whatever that one's watch does, it has done before.
                let primary = state.members[node].follows.map_or(node, usize::from);
                let mut watched = *state;
                model.programs.watch(&mut watched, primary, &mut Vec::new());
                let stops = watched.members[primary].server != state.members[primary].server;
                !stops && is_elected(shape, state, node) && promote(state, node)
            }
            Self::FollowElected(node) => follow_elected(state, node),
            Self::Watch(node) => {
                model.programs.watch(state, node, fired);
                true
            }
            Self::Follow(pooler) => {
                model.programs.follow(state, pooler, fired);
                true
            }
            Self::Write(pooler) => write(shape, state, pooler),
            Self::Pgha(verb, killed_after) => {
                let killed_after = killed_after.map(usize::from);
                let ended = model
                    .verbs
                    .run(&mut model.programs, state, verb, killed_after, fired);
                // A run that is not killed is another move.
                killed_after.is_none() || matches!(ended, Ended::Killed)
            }
        }
    }

    pub fn told(self, shape: Shape) -> String {
        let name = |node: Node| shape.name(node);
        let pooler = |pooler: usize| shape.name(shape.pooler(pooler));
        match self {
            Self::Crash(node) => format!("PostgreSQL on {} is killed", name(node)),
            Self::PowerOff(node) => format!("{} loses its power", name(node)),
            Self::Freeze(node) => format!("PostgreSQL on {} is frozen", name(node)),
            Self::Cut(bits) => {
                let cut = cuts(shape).into_iter().find(|(_, other)| *other == bits);
                cut.expect("it is one of them").0
            }
            Self::Heal => "all lines are whole again".to_owned(),
            Self::Boot(node) => format!("{} boots", name(node)),
            Self::Start(node) => format!("somebody starts PostgreSQL on {}", name(node)),
            Self::Thaw(node) => format!("PostgreSQL on {} goes on", name(node)),
            Self::PromoteByHand(node) => format!("somebody promotes {} by hand", name(node)),
            Self::GuardOff(node) => format!("somebody takes the guard off on {}", name(node)),
            Self::Elect(node) => format!("repmgrd promotes {}", name(node)),
            Self::FollowElected(node) => {
                format!("repmgrd lets {} follow who was promoted", name(node))
            }
            Self::Watch(node) => format!("primary-watch looks on {}", name(node)),
            Self::Follow(number) => format!("pooler-follow looks on {}", pooler(number)),
            Self::Write(number) => format!("a client writes through {}", pooler(number)),
            Self::Pgha(verb, None) => verb.told(shape),
            Self::Pgha(verb, Some(stages)) => {
                format!("{}, killed after {stages} stages", verb.told(shape))
            }
        }
    }
}

pub fn promote(state: &mut State, node: Node) -> bool {
    let member = &mut state.members[node];
    if !member.on || !member.is_standby() {
        return false;
    }
    member.signal = false;
    member.log.push(Event::PromotionOf(node as u8))
}

/// repmgrd (`do_election`, as `programs/quorum.sh` tells it; `primary_visibility_consensus`): its primary gives no answer to it nor to
/// anybody who votes and whom it sees; and of those that vote more than half see each other; the one that has the most, then the
/// first.
fn is_elected(shape: Shape, state: &State, node: Node) -> bool {
    let own = &state.members[node];
    let Some(primary) = own
        .follows
        .map(usize::from)
        .filter(|_| own.is_standby() && own.repmgrd)
    else {
        return false;
    };
    // Siblings by its own copy of repmgr's table, which is part of its log: all but the primary.
    let is_down =
        |other: &Node| state.members[*other].on && state.members[*other].server == Server::Down;
    let followers: Vec<Node> = (0..shape.members)
        .filter(|other| *other != primary && !is_down(other))
        .collect();
    let seen = |other: &Node| *other == node || state.answers(node, *other);
    let seen: Vec<Node> = followers.iter().copied().filter(seen).collect();
    let witness = shape.witness();
    let witness_seen = witness.filter(|witness| state.reaches(node, *witness));
    let votes = seen.len() + witness_seen.iter().count();
    let all = followers.len() + witness.iter().count();
    let see_it = seen
        .iter()
        .chain(&witness_seen)
        .any(|voter| state.answers(*voter, primary));
    let best = seen
        .iter()
        .max_by_key(|other| (state.members[**other].log.len(), usize::MAX - **other));
    let is_over = seen
        .iter()
        .any(|other| state.members[*other].takes_writes());
    !see_it && !is_over && votes * 2 > all && best == Some(&node)
}

/// A standby whose primary gives no answer, or is none any more, follows who was promoted, if that has all that it has.
fn follow_elected(state: &mut State, node: Node) -> bool {
    let own = &state.members[node];
    let is_lost = own.follows.is_none_or(|from| {
        !state.answers(node, from.into()) || !state.members[usize::from(from)].takes_writes()
    });
    if !own.is_standby() || !own.repmgrd || !is_lost {
        return false;
    }
    let promoted = (0..state.members.len()).find(|other| {
        let member = &state.members[*other];
        state.answers(node, *other)
            && member.takes_writes()
            && member.log.has_all_of(&own.log)
            && member.log.timeline() > own.log.timeline()
    });
    let Some(promoted) = promoted else {
        return false;
    };
    state.members[node].follows = Some(promoted as u8);
    true
}

/// Commits wait for one standby.
fn write(shape: Shape, state: &mut State, pooler: usize) -> bool {
    let target = usize::from(state.poolers[pooler].target);
    if state.writes >= 2
        || !state.answers(shape.pooler(pooler), target)
        || !state.members[target].takes_writes()
    {
        return false;
    }
    let number = state.writes;
    state.writes += 1;
    state.members[target].log.push(Event::Write(number));
    state.stream();
    let has = |other: Node| state.members[other].log.writes() & 1 << number != 0;
    let is_acknowledged = (0..shape.members).any(|other| other != target && has(other));
    if is_acknowledged {
        state.acknowledged |= 1 << number;
    }
    true
}
