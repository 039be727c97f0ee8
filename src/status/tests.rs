use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::facts::{
    self, DataDirectory, Facts, Instance, NodeRecord, PoolerDatabase, Probe, Receiver, Release,
    Sender, Server, Setting, Slot, Time, Unit, Untold, Why, bare,
};
use crate::inventory::{self, Inventory, Sources};
use crate::postgres::lsn::Lsn;
use crate::problem::{Problem, Source};

type World = BTreeMap<String, Result<Facts, Problem>>;

const HOSTS: &str = "
all:
  vars: { cluster_name: main }
  children:
    postgres:
      hosts:
        node1: { ansible_host: 10.0.0.1 }
        node2: { ansible_host: 10.0.0.2 }
        node3: { ansible_host: 10.0.0.3, postgresql_port: 5433 }
    witness:
      hosts:
        watcher: { ansible_host: 10.0.0.4 }
    pgbouncer:
      hosts:
        pooler1: { ansible_host: 10.0.0.5 }
    apps:
      hosts:
        app1:
";

fn inventory() -> Inventory {
    let source = Source {
        name: "hosts.yml".into(),
        text: HOSTS.into(),
        vaulted: false,
    };
    inventory::load(&Sources::of(Arc::new(source), "/inv"))
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn running() -> Unit {
    Unit {
        load: "loaded".into(),
        active: "active".into(),
        sub: "running".into(),
        enabled: true,
        ..Unit::default()
    }
}

fn record(node_id: u32, kind: &str, upstream_node_id: Option<u32>) -> NodeRecord {
    NodeRecord {
        node_id,
        upstream_node_id,
        active: true,
        kind: kind.into(),
        slot_name: (kind != "witness").then(|| format!("repmgr_slot_{node_id}")),
        ..NodeRecord::default()
    }
}

/// A host with a server that is registered as all others are.
fn host(identifier: &str, in_recovery: bool) -> Facts {
    let nodes = [
        ("node1", record(1, "primary", None)),
        ("node2", record(2, "standby", Some(1))),
        ("node3", record(3, "standby", Some(1))),
        ("watcher", record(4, "witness", Some(1))),
    ];
    Facts {
        data: Some(DataDirectory {
            version: "15".into(),
            system_identifier: Some(identifier.into()),
            timeline: Some(2),
            ..DataDirectory::default()
        }),
        server: Server {
            in_recovery,
            system_identifier: Some(identifier.into()),
            timeline: Some(3),
            position: Some(Lsn(1 << 30)),
            nodes: nodes.map(|(name, record)| (name.into(), record)).into(),
            repmgrd_paused: Some(false),
            ..Server::default()
        }
        .into(),
        units: [("repmgrd".into(), running())].into(),
        ..bare(Release::Debian12)
    }
}

fn receiver() -> Receiver {
    Receiver {
        status: "streaming".into(),
        host: Some("10.0.0.1".into()),
        port: Some(5432),
        slot: None,
        timeline: Some(3),
    }
}

fn healthy() -> World {
    let mut node1 = host("7", false);
    let server = node1.server.answers_mut().unwrap();
    for (name, slot) in [("node2", "repmgr_slot_2"), ("node3", "repmgr_slot_3")] {
        let sender = Sender {
            state: "streaming".into(),
            ..Sender::default()
        };
        server.senders.insert(name.into(), sender);
        let slot_seen = Slot {
            active: true,
            wal_status: Some("reserved".into()),
            ..Slot::default()
        };
        server.slots.insert(slot.into(), slot_seen);
    }
    let mut standby = host("7", true);
    standby.server.answers_mut().unwrap().receiver = Some(receiver());
    let pooler = Facts {
        pooler: Some(facts::Pooler {
            databases: [("app".into(), leads_to("10.0.0.1", 5432))].into(),
            ..facts::Pooler::default()
        }),
        units: [("pgbouncer".into(), running())].into(),
        ..bare(Release::Debian12)
    };
    [
        ("node1", node1),
        ("node2", standby.clone()),
        ("node3", standby),
        ("watcher", host("8", false)),
        ("pooler1", pooler),
    ]
    .map(|(name, facts)| (name.to_owned(), Ok(facts)))
    .into()
}

fn leads_to(host: &str, port: u16) -> PoolerDatabase {
    PoolerDatabase {
        host: host.into(),
        port,
        paused: false,
        ..PoolerDatabase::default()
    }
}

fn unreachable() -> Result<Facts, Problem> {
    Err(Problem::unreachable("cannot connect")
        .because("timed out\n")
        .hint("is it up?"))
}

fn on<'a>(world: &'a mut World, host: &str) -> &'a mut Facts {
    world.get_mut(host).unwrap().as_mut().unwrap()
}

fn server<'a>(world: &'a mut World, host: &str) -> &'a mut Server {
    on(world, host).server.answers_mut().unwrap()
}

fn pooler(world: &mut World) -> &mut facts::Pooler {
    on(world, "pooler1").pooler.as_mut().unwrap()
}

fn untold(why: Why, said: &str) -> Instance {
    let said = said.to_owned();
    Untold { why, said }.into()
}

fn stop(world: &mut World, host: &str) {
    on(world, host).server = Instance::Down;
}

fn assessed(change: impl FnOnce(&mut World)) -> Status {
    let mut world = healthy();
    change(&mut world);
    assess(&inventory(), &world)
}

#[test]
fn a_healthy_cluster_has_no_problem() {
    let status = assessed(|_| {});
    assert_eq!(status.problems, Vec::<String>::new());
    assert!(status.healthy);
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(
        json["nodes"][2],
        serde_json::json!({
            "name": "node3", "role": "standby", "state": "streaming", "timeline": 3, "upstream": "node1",
            "lag_bytes": 0, "repmgrd": "running", "address": "10.0.0.3:5433"
        })
    );
    let roles: Vec<_> = status.nodes.iter().map(|node| node.role).collect();
    assert_eq!(
        roles,
        [Role::Primary, Role::Standby, Role::Standby, Role::Witness]
    );
    assert_eq!(status.nodes[3].lag_bytes, None);
    assert_eq!(
        json["poolers"],
        serde_json::json!([{"name": "pooler1", "target": "node1", "paused": false}])
    );
}

/// What one thing that is wrong makes `pgha status` say.
#[test]
fn each_fault_is_told() {
    type Case = (fn(&mut World), &'static [&'static str]);
    let cases: &[Case] = &[
        (
            |world| server(world, "node2").position = Some(Lsn((1 << 30) - (17 << 20))),
            &["`node2` is 17 MiB of WAL behind the primary"],
        ),
        (
            |world| server(world, "node2").position = Some(Lsn((1 << 30) - (16 << 20))),
            &[],
        ),
        (
            |world| {
                let sender = server(world, "node1").senders.get_mut("node2").unwrap();
                sender.state = "catchup".into();
            },
            &["`node2` does not stream yet: it is in `catchup`"],
        ),
        (
            |world| {
                server(world, "node1").senders.remove("node2");
                server(world, "node2").receiver = None;
            },
            &[
                "`node2` is not replicating (hint: `pgha rejoin INVENTORY node2` lets it follow the primary)",
            ],
        ),
        (
            |world| server(world, "node3").receiver.as_mut().unwrap().timeline = Some(2),
            &["`node3` is on timeline 2, and the primary `node1` on 3"],
        ),
        // It has left the primary's branch, and tries again for ever.
        (
            |world| {
                let sender = server(world, "node1").senders.get_mut("node3").unwrap();
                sender.state = "startup".into();
                server(world, "node3").receiver.as_mut().unwrap().timeline = Some(2);
            },
            &[
                "`node3` does not stream yet: it is in `startup`",
                "`node3` is on timeline 2, and the primary `node1` on 3 (hint: `pgha rejoin INVENTORY node3` lets it follow the primary)",
            ],
        ),
        (
            |world| server(world, "node2").receiver.as_mut().unwrap().host = Some("fe80::9".into()),
            &[
                "`node2` streams from `[fe80::9]:5432`, which is no member",
                "`node2` streams from `[fe80::9]:5432`, and is registered with repmgr as following `node1`",
            ],
        ),
        (
            |world| server(world, "node2").in_recovery = false,
            &["`node1` and `node2` are writable primaries at the same time: split brain"],
        ),
        (
            |world| server(world, "node3").system_identifier = Some("9".into()),
            &["`node3` holds another cluster than `node1`: system identifier 9 instead of 7"],
        ),
        (
            |world| on(world, "node3").server = untold(Why::Frozen, ""),
            &[
                "`node3`: PostgreSQL is there, and does not tell what it is: its process was stopped by a signal (hint: `kill -CONT` lets it go on)",
            ],
        ),
        (
            |world| {
                on(world, "node1").server =
                    untold(Why::Starting, "the database system is starting up")
            },
            &[
                "no primary answers, and `node1` did not tell",
                "`node1`: PostgreSQL is there, and does not tell what it is: it is starting up: the database system is starting up (hint: run the same again once it is up; its log says what it waits for)",
            ],
        ),
        (
            |world| {
                let data = on(world, "node1").data.as_mut().unwrap();
                (data.standby_signal, data.signal) = (true, Some(Time::At(1_700_000_000.5)));
            },
            &[
                "`node1`: `standby.signal` is there since 2023-11-14 22:13:20 UTC, and PostgreSQL takes writes: it would not do so any more after a restart",
            ],
        ),
        (
            |world| {
                let file = facts::Path::File {
                    mode: "0644".into(),
                    owner: "root".into(),
                    group: "root".into(),
                    modified: Time::At(1_700_000_000.5),
                    sha256: None,
                    witness: None,
                    content: None,
                };
                let paths = &mut on(world, "node2").paths;
                paths.insert("/run/pgha-guard-off".into(), file);
            },
            &[
                "`node2`: `/run/pgha-guard-off` is there since 2023-11-14 22:13:20 UTC: a primary here that has been replaced is neither stopped nor kept from starting; it ends an hour after that",
            ],
        ),
        (
            |world| {
                let unit = Unit {
                    active: "inactive".into(),
                    sub: "dead".into(),
                    changed: Time::At(1_700_000_000.5),
                    ..running()
                };
                let units = &mut on(world, "pooler1").units;
                units.insert("pgha-follow".into(), unit);
            },
            &[
                "`pooler1`: `pgha-follow` is stopped since 2023-11-14 22:13:20 UTC: clients are not led to a new primary",
            ],
        ),
        (
            |world| {
                server(world, "node3").repmgrd_paused = Some(true);
                server(world, "node1").repmgrd_paused = Some(true);
                on(world, "node2")
                    .units
                    .insert("repmgrd".into(), Unit::default());
            },
            &[
                "`node1`: repmgrd is paused here: it takes no part in a failover",
                "`node2`: `repmgrd` is not there: it takes no part in a failover",
                "`node3`: repmgrd is paused here: it takes no part in a failover",
            ],
        ),
        (
            |world| {
                let nodes = &mut server(world, "node1").nodes;
                nodes.get_mut("node1").unwrap().kind = "standby".into();
                nodes.get_mut("node2").unwrap().kind = "primary".into();
            },
            &[
                "`repmgr.nodes` says that `node2` is the primary, and PostgreSQL says that it is `node1`",
            ],
        ),
        (
            |world| {
                let nodes = &mut server(world, "watcher").nodes;
                nodes.get_mut("node1").unwrap().active = false;
            },
            &[
                "the copy of `repmgr.nodes` on the witness `watcher` knows no active primary, and PostgreSQL says that it is `node1`",
            ],
        ),
        (
            |world| {
                let nodes = &mut server(world, "node1").nodes;
                nodes.get_mut("watcher").unwrap().upstream_node_id = Some(2);
            },
            &[
                "the witness `watcher` is registered with repmgr as following `node2`: who follows `node1` does not ask it in an election",
            ],
        ),
        (
            |world| {
                let nodes = &mut server(world, "node1").nodes;
                nodes.remove("node3");
                nodes.get_mut("node2").unwrap().active = false;
                nodes.insert("node9".into(), record(9, "standby", Some(1)));
            },
            &[
                "`node2` runs, and is registered with repmgr as inactive",
                "`node3` is not registered with repmgr",
                "`node9` is registered with repmgr, and is not in the inventory",
            ],
        ),
        (
            |world| server(world, "node1").nodes.clear(),
            &["no node is registered with repmgr"],
        ),
        (
            |world| {
                let nodes = &mut server(world, "node1").nodes;
                nodes.get_mut("node2").unwrap().upstream_node_id = Some(3);
                nodes.get_mut("node3").unwrap().upstream_node_id = None;
            },
            &[
                "`node2` streams from `node1`, and is registered with repmgr as following `node3`",
                "`node3` streams from `node1`, and is registered with repmgr as following nobody",
            ],
        ),
        (
            |world| {
                let slots = &mut server(world, "node1").slots;
                slots.get_mut("repmgr_slot_2").unwrap().active = false;
                slots.remove("repmgr_slot_3");
                slots.insert("repmgr_slot_9".into(), Slot::default());
                slots.insert("somebody_elses".into(), Slot::default());
                let slots = &mut server(world, "node2").slots;
                slots.insert("repmgr_slot_1".into(), Slot::default());
            },
            &[
                "the slot `repmgr_slot_2` of `node2` on `node1` is inactive: WAL piles up until it is used",
                "the slot `repmgr_slot_3` of `node3` is missing on `node1`: no WAL is kept for it",
                "the slot `repmgr_slot_9` on `node1` is orphaned: it keeps WAL for nobody",
                "the slot `somebody_elses` on `node1` is no member's, and nobody uses it: WAL piles up (hint: `select pg_drop_replication_slot('somebody_elses')` there, unless somebody comes back for it)",
                "the slot `repmgr_slot_1` on `node2` is orphaned: it keeps WAL for nobody",
            ],
        ),
        (
            |world| {
                let slots = &mut server(world, "node1").slots;
                slots.get_mut("repmgr_slot_2").unwrap().wal_status = Some("lost".into());
            },
            &[
                "the slot `repmgr_slot_2` of `node2` on `node1` is lost: WAL that `node2` may need is gone",
            ],
        ),
        (
            |world| {
                let pending = Setting {
                    pending_restart: true,
                    ..Setting::default()
                };
                let settings = &mut server(world, "node2").settings;
                settings.insert("max_connections".into(), pending.clone());
                settings.insert("max_wal_senders".into(), pending.clone());
                settings.insert("work_mem".into(), Setting::default());
                let settings = &mut server(world, "node1").settings;
                settings.insert("max_connections".into(), pending);
            },
            &[
                "`max_connections` on `node1` waits for a restart",
                "`max_connections` and `max_wal_senders` on `node2` wait for a restart",
            ],
        ),
        (
            |world| stop(world, "watcher"),
            &["PostgreSQL on `watcher` is stopped (hint: `pgha apply INVENTORY` starts it)"],
        ),
        (
            |world| {
                *world.get_mut("node3").unwrap() = unreachable();
                let slots = &mut server(world, "node1").slots;
                slots.get_mut("repmgr_slot_3").unwrap().active = false;
            },
            &[
                "`node3`: cannot connect: timed out (hint: is it up?)",
                "the slot `repmgr_slot_3` of `node3` on `node1` is inactive: WAL piles up until it is used",
            ],
        ),
        (
            |world| *world.get_mut("pooler1").unwrap() = unreachable(),
            &["`pooler1`: cannot connect: timed out (hint: is it up?)"],
        ),
        (
            |world| on(world, "pooler1").pooler = None,
            &["pgbouncer on `pooler1` runs, and its admin console does not answer"],
        ),
        (
            |world| {
                let facts = on(world, "pooler1");
                facts.pooler = None;
                facts.units.get_mut("pgbouncer").unwrap().active = "failed".into();
            },
            &["pgbouncer on `pooler1` is stopped"],
        ),
        (
            |world| pooler(world).databases.get_mut("app").unwrap().paused = true,
            &["`pooler1`: pgbouncer is paused here: it holds back the clients of `app`"],
        ),
        (
            |world| {
                let databases = &mut pooler(world).databases;
                databases.insert("app".into(), leads_to("10.0.0.3", 5433));
            },
            &["`pooler1` sends clients to `node3`, and the primary is `node1`"],
        ),
        (
            |world| {
                let databases = &mut pooler(world).databases;
                databases.insert("app".into(), leads_to("10.0.0.3", 5432));
            },
            &["`pooler1` sends clients to `10.0.0.3:5432`, which is no member"],
        ),
        (
            |world| {
                let databases = &mut pooler(world).databases;
                databases.insert("old".into(), leads_to("10.0.0.2", 5432));
            },
            &["`pooler1` sends clients to different servers: `node1` and `node2`"],
        ),
        (
            |world| pooler(world).databases.clear(),
            &["`pooler1` serves no database"],
        ),
    ];
    for (change, expected) in cases {
        let status = assessed(change);
        assert_eq!(status.problems, *expected);
        assert_eq!(status.healthy, expected.is_empty());
    }
}

#[test]
fn without_a_primary_the_rest_is_still_shown() {
    let status = assessed(|world| {
        stop(world, "node1");
        server(world, "node2").receiver = None;
    });
    assert_eq!(
        status.problems,
        [
            "no member is a primary",
            "PostgreSQL on `node1` is stopped (hint: `pgha apply INVENTORY` starts it, `pgha failover INVENTORY` puts another in its place)",
            "`node2` is not replicating",
        ]
    );
    let node1 = &status.nodes[0];
    assert_eq!((node1.role, node1.state.as_str()), (Role::Down, "stopped"));
    assert_eq!((node1.timeline, node1.lag_bytes), (Some(2), None));
    assert_eq!(node1.repmgrd.as_deref(), Some("running"));
}

#[test]
fn a_standby_of_a_host_that_is_not_reachable_speaks_for_itself() {
    let status = assessed(|world| *world.get_mut("node1").unwrap() = unreachable());
    assert_eq!(
        status.problems,
        [
            "`node1`: cannot connect: timed out (hint: is it up?)",
            "no primary answers, and `node1` did not tell",
        ]
    );
    let (node1, node2) = (&status.nodes[0], &status.nodes[1]);
    assert_eq!(
        (node1.role, node1.state.as_str()),
        (Role::Unknown, "unreachable")
    );
    assert_eq!(node1.repmgrd, None);
    assert_eq!(node2.state, "streaming");
    assert_eq!(node2.upstream.as_deref(), Some("node1"));
}

#[test]
fn a_cascade_is_no_fault() {
    let status = assessed(|world| {
        server(world, "node3").receiver.as_mut().unwrap().host = Some("10.0.0.2".into());
        let upstream = server(world, "node1");
        let sender = upstream.senders.remove("node3").unwrap();
        let slot = upstream.slots.remove("repmgr_slot_3").unwrap();
        upstream.nodes.get_mut("node3").unwrap().upstream_node_id = Some(2);
        // pgha keeps a slot for every member on the primary.
        upstream
            .slots
            .insert("repmgr_slot_3".into(), Slot::default());
        let cascading = server(world, "node2");
        cascading.senders.insert("node3".into(), sender);
        cascading.slots.insert("repmgr_slot_3".into(), slot);
    });
    assert_eq!(status.problems, Vec::<String>::new());
    assert_eq!(status.nodes[2].upstream.as_deref(), Some("node2"));
    assert_eq!(status.nodes[2].state, "streaming");
}

#[test]
fn a_server_that_is_down_is_told_from_one_that_starts_or_is_not_there() {
    let state = |change: fn(&mut World)| {
        let node = assessed(change).nodes.swap_remove(2);
        (node.role, node.state, node.repmgrd)
    };
    let running_as = |state: &str| (Role::Down, state.to_owned(), Some("running".to_owned()));
    assert_eq!(state(|world| stop(world, "node3")), running_as("stopped"));
    assert_eq!(
        state(|world| {
            stop(world, "node3");
            let unit = ("postgresql@15-main".to_owned(), running());
            on(world, "node3").units.extend([unit]);
        }),
        running_as("starting")
    );
    assert_eq!(
        state(|world| *on(world, "node3") = bare(Release::Debian12)),
        (Role::Down, "not installed".to_owned(), None)
    );
    assert_eq!(
        state(|world| on(world, "node3").server = untold(Why::Hung, "")),
        (Role::Unknown, "hung".to_owned(), Some("running".to_owned()))
    );
    assert_eq!(
        state(|world| *world.get_mut("node3").unwrap() = Err(Problem::failed("mute"))),
        (Role::Unknown, "unknown".to_owned(), None)
    );
}

#[test]
fn hosts_outside_the_limit_are_left_out() {
    let status = assessed(|world| world.retain(|host, _| host == "node2"));
    assert_eq!(status.nodes.len(), 1);
    assert_eq!(status.poolers, []);
    assert_eq!(
        status.problems,
        ["no primary is among the hosts that were asked: what depends on it was not looked at"]
    );
    let status = assessed(|world| world.retain(|host, _| host == "node1"));
    assert_eq!(status.problems, Vec::<String>::new());
}

#[test]
fn every_host_is_asked_for_its_part() {
    let questions = questions(&inventory());
    let hosts: Vec<&String> = questions.keys().collect();
    assert_eq!(hosts, ["node1", "node2", "node3", "pooler1", "watcher"]);
    let unit = |name: &str| Probe::Unit(name.into());
    let path = |path: &str| Probe::Path(path.into());
    let [replaced, outvoted] = facts::marks::probes();
    assert_eq!(
        questions["node3"][&Release::Debian13],
        [
            replaced,
            outvoted,
            Probe::Cluster {
                version: 17,
                data_directory: "/var/lib/postgresql/17/main".into(),
                port: 5433,
                repmgr_database: "repmgr".into(),
            },
            unit("postgresql@17-main"),
            unit("repmgrd"),
            unit("pgha-guard"),
            path("/run/pgha-guard-off"),
            path("/run/pgha-isolated"),
            path("/var/lib/pgha/repmgrd-paused"),
        ]
        .into()
    );
    assert_eq!(
        questions["pooler1"][&Release::Debian12],
        [Probe::Pooler(6432), unit("pgbouncer"), unit("pgha-follow")].into()
    );
}

/// A former primary says why it is stopped, as long as its data are not past that.
#[test]
fn a_former_primary_says_who_took_its_place() {
    let mark = |file: &str, holds: &str, signal: bool| {
        let told = assessed(|world| {
            stop(world, "node3");
            let facts = world.get_mut("node3").unwrap().as_mut().unwrap();
            facts.data.as_mut().unwrap().standby_signal = signal;
            let path = facts::Path::File {
                mode: "0644".into(),
                owner: "root".into(),
                group: "root".into(),
                modified: facts::Time::At(1.0),
                sha256: None,
                witness: None,
                content: Some(holds.into()),
            };
            facts.paths.insert(format!("/var/lib/pgha/{file}"), path);
        });
        let of_it = |told: &&String| told.contains("PostgreSQL on `node3`");
        told.problems.iter().find(of_it).cloned().unwrap()
    };
    let world = healthy();
    let data = world["node3"].as_ref().unwrap().data.as_ref().unwrap();
    let system = data.system_identifier.clone().unwrap();
    let stopped = |starts: &str| format!("PostgreSQL on `node3` is stopped (hint: {starts})");
    let comes_back = stopped("`pgha rejoin INVENTORY node3` brings it back as a standby");
    for (file, name, timeline, expected) in [
        (
            "replaced",
            &system,
            3,
            "`node1` was promoted, on timeline 3",
        ),
        ("replaced", &system, 2, ""),
        (
            "outvoted",
            &system,
            2,
            "`node1` took writes on the same timeline 2, too, and goes on",
        ),
        ("outvoted", &system, 1, ""),
        ("outvoted", &"8".to_owned(), 2, ""),
    ] {
        let told = mark(file, &format!("node1 {name} {timeline}\n"), false);
        let expected = match expected {
            "" => comes_back.clone(),
            why => format!(
                "PostgreSQL on `node3` stays stopped: {why} (hint: `pgha rejoin INVENTORY node3` brings it back as a standby)"
            ),
        };
        assert_eq!(told, expected, "{file} {timeline}");
    }
    assert_eq!(
        mark("outvoted", &format!("node1 {system} 2\n"), true),
        stopped("`pgha apply INVENTORY` starts it")
    );
    assert_eq!(mark("outvoted", "node1\n", false), comes_back);
}
