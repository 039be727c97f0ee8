//! The facts that a probe would have of a host in some state.

use std::collections::BTreeMap;

use pgha::facts::{
    DataDirectory, Facts, Instance, NodeRecord, Path, Pooler, PoolerDatabase, Receiver, Release,
    Saved, Sender, Server, Slot, Time, Unit, Untold, Wal, Why, bare,
};
use pgha::postgres::lsn::Lsn;
use pgha::postgres::timeline::{Branch, Switch};

use crate::state::{self, Log, Mark, Member, Node, Shape, State};

/// A host of a shape, which has power.
pub fn of(shape: Shape, state: &State, node: Node) -> Facts {
    let bare = bare(Release::Debian12);
    if node >= shape.pooler(0) {
        return pooler(shape, &state.poolers[node - shape.pooler(0)], bare);
    }
    if shape.witness() == Some(node) {
        return witness(shape, state, bare);
    }
    let member = &state.members[node];
    let runs = member.server != state::Server::Down;
    let units = [
        ("repmgrd", unit(member.repmgrd)),
        ("pgha-guard", unit(true)),
        ("postgresql@15-main", unit(runs)),
    ];
    let paths = [
        ("/var/lib/pgha/replaced", text(shape, member.replaced)),
        ("/var/lib/pgha/outvoted", text(shape, member.outvoted)),
        ("/run/pgha-guard-off", member.guard_off.then(String::new)),
        ("/run/pgha-isolated", member.isolated.then(String::new)),
    ];
    Facts {
        units: units.map(|(name, unit)| (name.to_owned(), unit)).into(),
        paths: paths
            .map(|(path, content)| (path.to_owned(), file(content)))
            .into(),
        data: Some(data(member)),
        server: match member.server {
            state::Server::Down => Instance::Down,
            state::Server::Frozen => Untold {
                why: Why::Frozen,
                said: String::new(),
            }
            .into(),
            state::Server::Up => server(shape, state, node).into(),
        },
        wal: Some(wal(member)),
        ..bare
    }
}

fn unit(runs: bool) -> Unit {
    let (active, sub) = if runs {
        ("active", "running")
    } else {
        ("inactive", "dead")
    };
    Unit {
        load: "loaded".to_owned(),
        active: active.to_owned(),
        sub: sub.to_owned(),
        enabled: true,
        started: Time::At(5.0),
        changed: Time::At(5.0),
        ..Unit::default()
    }
}

fn file(content: Option<String>) -> Path {
    match content {
        None => Path::Absent,
        Some(content) => Path::File {
            mode: "0644".to_owned(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            modified: Time::At(1.0),
            sha256: None,
            witness: None,
            content: Some(content),
        },
    }
}

fn text(shape: Shape, mark: Mark) -> Option<String> {
    let (by, timeline) = mark?;
    Some(format!("{} 7 {timeline}\n", shape.name(by.into())))
}

fn data(member: &Member) -> DataDirectory {
    let state = match (member.server, member.signal) {
        (state::Server::Down, true) => "shut down in recovery",
        (_, true) => "in archive recovery",
        (_, false) => "in production",
    };
    DataDirectory {
        path: "/var/lib/postgresql/15/main".to_owned(),
        version: "15".to_owned(),
        system_identifier: Some("7".to_owned()),
        state: state.to_owned(),
        standby_signal: member.signal,
        fenced: member.fenced,
        checksums: true,
        timeline: Some(member.log.timeline().into()),
        ..DataDirectory::default()
    }
}

/// Where an event of a log is, or would be.
fn lsn(event: usize) -> Lsn {
    Lsn(0x300_0000 + 0x1000 * event as u64)
}

fn branch(log: &Log) -> Branch {
    let switches = (1..).zip(log.promotions());
    let switches = switches.map(|(timeline, (at, _))| Switch {
        timeline,
        at: lsn(at),
    });
    Branch {
        switches: switches.collect(),
        timeline: log.timeline().into(),
    }
}

fn wal(member: &Member) -> Wal {
    let log = &member.log;
    let birth = log.promotions().last();
    let saved = member.saved.map(|from| Saved {
        path: "/var/lib/pgha/diverged/1".to_owned(),
        from: Some(from_switch(log, from.into())),
        commits: 1,
        ..Saved::default()
    });
    Wal {
        branch: branch(log),
        birth: birth.map(|(at, member)| format!("promotion of {member} at {at}")),
        last: Some(Lsn(lsn(log.len()).0 - 0x1000)),
        oldest: Some(Lsn(0)),
        saved,
        ..Wal::default()
    }
}

/// A place in a log, with the timeline on which it is.
fn from_switch(log: &Log, at: usize) -> Switch {
    let before = log.promotions().filter(|(place, _)| *place < at).count();
    Switch {
        timeline: 1 + before as u32,
        at: lsn(at),
    }
}

fn server(shape: Shape, state: &State, node: Node) -> Server {
    let member = &state.members[node];
    let end = lsn(member.log.len());
    let others = || (0..shape.members).filter(|other| *other != node);
    let follows = member.follows.map(usize::from).filter(|_| member.signal);
    let receiver = follows
        .filter(|from| state.streams(node, *from))
        .map(|from| Receiver {
            status: "streaming".to_owned(),
            host: Some(shape.address(from)),
            port: Some(5432),
            slot: Some(slot(node)),
            timeline: Some(member.log.timeline().into()),
        });
    let sender = |standby: Node| Sender {
        state: "streaming".to_owned(),
        address: Some(shape.address(standby)),
        ..Sender::default()
    };
    let held = |standby: Node| Slot {
        active: state.streams(standby, node),
        wal_status: Some("reserved".to_owned()),
    };
    let senders = others().filter(|other| state.streams(*other, node));
    let slots = others().filter(|other| !member.signal || state.streams(*other, node));
    let overrides = follows.map(|from| {
        let conninfo = format!(
            "host={} port=5432 application_name={}",
            shape.address(from),
            shape.name(node)
        );
        [
            ("primary_conninfo".to_owned(), conninfo),
            ("primary_slot_name".to_owned(), slot(node)),
        ]
    });
    Server {
        in_recovery: member.signal,
        system_identifier: Some("7".to_owned()),
        timeline: Some(member.log.timeline().into()),
        position: Some(end),
        received: member.signal.then_some(end),
        started: Time::At(5.0),
        loaded: Time::At(5.0),
        overrides: overrides.into_iter().flatten().collect(),
        slots: slots.map(|other| (slot(other), held(other))).collect(),
        senders: senders
            .map(|other| (shape.name(other), sender(other)))
            .collect(),
        receiver,
        nodes: table(shape, state, &member.log),
        repmgrd_paused: Some(false),
        ..Server::default()
    }
}

fn slot(node: Node) -> String {
    format!("repmgr_slot_{}", node + 1)
}

/// repmgr's table as a log has it; who follows whom is always registered as it is.
fn table(shape: Shape, state: &State, log: &Log) -> BTreeMap<String, NodeRecord> {
    let primary = log
        .promotions()
        .last()
        .map_or(0, |(_, member)| usize::from(member));
    let nodes = (0..shape.members).chain(shape.witness());
    let record = |node: Node| {
        let kind = match node {
            _ if node == primary => "primary",
            _ if shape.witness() == Some(node) => "witness",
            _ => "standby",
        };
        let follows = state.members.get(node).and_then(|member| member.follows);
        let upstream = follows
            .filter(|_| node < shape.members)
            .map_or(primary, usize::from);
        NodeRecord {
            node_id: node as u32 + 1,
            upstream_node_id: (node != primary).then_some(upstream as u32 + 1),
            active: true,
            kind: kind.to_owned(),
            slot_name: (kind != "witness").then(|| slot(node)),
            ..NodeRecord::default()
        }
    };
    nodes.map(|node| (shape.name(node), record(node))).collect()
}

fn witness(shape: Shape, state: &State, bare: Facts) -> Facts {
    let members = state.members[..shape.members].iter();
    let newest = members.max_by_key(|member| (member.takes_writes(), member.log.timeline()));
    let server = Server {
        system_identifier: Some("8".to_owned()),
        timeline: Some(1),
        nodes: table(shape, state, &newest.expect("there are members").log),
        repmgrd_paused: Some(false),
        ..Server::default()
    };
    let data = DataDirectory {
        system_identifier: Some("8".to_owned()),
        timeline: Some(1),
        ..data(&Member::default())
    };
    let units = ["repmgrd", "postgresql@15-main"];
    Facts {
        units: units.map(|name| (name.to_owned(), unit(true))).into(),
        data: Some(data),
        server: server.into(),
        ..bare
    }
}

fn pooler(shape: Shape, pooler: &state::Pooler, bare: Facts) -> Facts {
    let leads = PoolerDatabase {
        host: shape.address(pooler.target.into()),
        port: 5432,
        ..PoolerDatabase::default()
    };
    let units = ["pgbouncer", "pgha-follow"];
    Facts {
        units: units.map(|name| (name.to_owned(), unit(true))).into(),
        pooler: Some(Pooler {
            databases: [("app".to_owned(), leads)].into(),
            config: [("listen_port", "6432"), ("listen_addr", "*")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..Pooler::default()
        }),
        ..bare
    }
}
