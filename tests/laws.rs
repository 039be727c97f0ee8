//! The laws of planning, on the shipped playbook: plans are deterministic, predict what they do, and name secrets without
//! holding them. No host takes part.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pgha::facts::{Facts, Instance, Path, Release, Role, Setting, Time, bare};
use pgha::inventory::{self, Inventory, Sources};
use pgha::plan::{Action, Declaration, Intent, Plan};
use pgha::playbook::{self, Playbook};
use pgha::postgres::setting::parse;
use pgha::problem::{Problems, Source};
use pgha::resource;
use pgha::secret::Secrets;
use pgha::template::Engine;

const INVENTORY: &str = "
all:
  vars:
    postgresql_users: [{ name: app, password: \"it's $secret\" }]
    postgresql_databases: [{ name: app, owner: app, extensions: [citext] }]
  children:
    postgres:
      hosts:
        node1: { ansible_host: 10.0.0.1 }
        node2: { ansible_host: 10.0.0.2 }
        node3: { ansible_host: 10.0.0.3 }
    pgbouncer:
      hosts:
        pooler1: { ansible_host: 10.0.0.4 }
";

fn shipped(folder: &str, name: &str) -> Option<Arc<Source>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(name);
    let text = std::fs::read_to_string(path).ok()?;
    Some(Arc::new(Source {
        name: name.to_owned(),
        text,
        vaulted: false,
    }))
}

struct Site {
    inventory: Inventory,
    playbook: Playbook,
    engine: Engine,
    secrets: Secrets,
    allow_restart_primary: bool,
}

impl Site {
    fn new(text: &str) -> Self {
        let source = |text: &str| {
            Arc::new(Source {
                name: "inventory.yml".to_owned(),
                text: text.to_owned(),
                vaulted: false,
            })
        };
        let inventory =
            inventory::load(&Sources::of(source(text), "/")).expect("the inventory is valid");
        let playbook = playbook::parse("site.yml", resource::NAMES, &|name| {
            shipped("playbooks", name)
        })
        .expect("the shipped playbook is valid");
        let mut secrets = inventory.secrets.clone();
        for name in ["pgha_watch", "repmgr", "ssh_private_key", "ssh_public_key"] {
            secrets.insert(name, format!("the {name}"));
        }
        Self {
            inventory,
            playbook,
            engine: Engine::new(|name| shipped("templates", name))
                .with_programs(|name: &str| shipped("programs", name)),
            secrets,
            allow_restart_primary: true,
        }
    }

    fn bare(&self, release: Release) -> BTreeMap<String, Facts> {
        let hosts = self.inventory.hosts.keys();
        hosts.map(|host| (host.clone(), bare(release))).collect()
    }

    fn predict(
        &self,
        world: &BTreeMap<String, Facts>,
    ) -> Result<(Plan, BTreeMap<String, Facts>), Problems> {
        self.declaration().predict(world.clone(), &self.secrets)
    }

    fn declaration(&self) -> Declaration<'_> {
        Declaration {
            inventory: &self.inventory,
            playbook: &self.playbook,
            engine: &self.engine,
            limit: None,
            allow_restart_primary: self.allow_restart_primary,
            intent: Intent::Converge,
        }
    }

    /// A cluster as it stands after a bootstrap.
    fn converged(&self) -> BTreeMap<String, Facts> {
        let (_, mut world) = self.predict(&self.bare(Release::Debian12)).unwrap();
        come_true(&mut world);
        world
    }
}

/// Fills in what only real hosts know: times, the system identifier, and the running values of settings.
fn come_true(world: &mut BTreeMap<String, Facts>) {
    for (host, facts) in world {
        for path in facts.paths.values_mut() {
            if let Path::File { modified, .. } = path {
                *modified = Time::At(1.0);
            }
        }
        for unit in facts.units.values_mut() {
            unit.started = Time::At(2.0);
            unit.changed = Time::At(2.0);
        }
        if let Some(server) = facts.server.answers_mut() {
            server.started = Time::At(2.0);
            server.loaded = Time::At(2.0);
        }
        let (Some(data), Some(server)) = (&mut facts.data, facts.server.answers_mut()) else {
            continue;
        };
        // A witness is a cluster of its own.
        let identifier = if host.starts_with("node") { "7" } else { "8" };
        data.system_identifier = Some(identifier.to_owned());
        server.system_identifier = Some(identifier.to_owned());
        let file = facts
            .paths
            .iter()
            .find(|(path, _)| path.ends_with("conf.d/pgha.conf"));
        let Some((
            _,
            Path::File {
                content: Some(content),
                ..
            },
        )) = file
        else {
            panic!("the settings are in a file");
        };
        for (name, value) in parse(content).unwrap() {
            let whole = value.parse::<u32>().is_ok();
            let setting = Setting {
                raw: value.clone(),
                value,
                context: "postmaster".to_owned(),
                vartype: if whole { "integer" } else { "string" }.to_owned(),
                ..Setting::default()
            };
            server.settings.insert(name, setting);
        }
    }
}

/// `host: resource subject` of every change.
fn changes(plan: &Plan) -> Vec<String> {
    plan.changes()
        .map(|change| format!("{}: {} {}", change.host, change.resource, change.subject))
        .collect()
}

#[test]
fn the_same_declaration_and_facts_give_the_same_bytes() {
    let site = Site::new(INVENTORY);
    let world = site.bare(Release::Debian12);
    let bytes = |plan: &Plan| serde_json::to_string(plan).unwrap();
    let first = bytes(&site.predict(&world).unwrap().0);
    assert_eq!(
        first,
        bytes(&Site::new(INVENTORY).predict(&world).unwrap().0)
    );
    let stored: Plan = serde_json::from_str(&first).unwrap();
    assert_eq!(bytes(&stored), first);
}

#[test]
fn what_a_bootstrap_predicts_needs_no_further_change() {
    for release in Release::ALL {
        let site = Site::new(INVENTORY);
        let (plan, mut after) = site.predict(&site.bare(release)).unwrap();
        come_true(&mut after);
        assert_eq!(plan.stages.len(), 2, "the primary, then the standbys");
        let (second, _) = site.predict(&after).unwrap();
        assert_eq!(changes(&second), Vec::<String>::new(), "{release}");
    }
}

/// Two members that a witness helps: the pooler, or a host of its own.
fn with_a_witness(host: &str) -> String {
    let two = INVENTORY.replace("        node3: { ansible_host: 10.0.0.3 }\n", "");
    two + "    witness: { hosts: { " + host + " } }\n"
}

#[test]
fn two_members_count_on_a_witness_once_it_is_registered() {
    for host in ["witness1: { ansible_host: 10.0.0.5 }", "pooler1:"] {
        let text = with_a_witness(host);
        let site = Site::new(&text);
        for release in Release::ALL {
            let (plan, mut after) = site.predict(&site.bare(release)).unwrap();
            let modes = plan.stages.iter().map(|stage| {
                let changes = stage.hosts.get("node2").into_iter().flatten();
                let conf = changes.filter(|change| change.subject == "/etc/repmgr.conf");
                conf.filter_map(|change| change.diff.as_ref())
                    .map(|diff| diff.after.rendered().contains("failover='automatic'"))
                    .collect::<Vec<_>>()
            });
            assert_eq!(
                modes.collect::<Vec<_>>(),
                [vec![false], vec![], vec![], vec![true]],
                "{release}"
            );
            come_true(&mut after);
            let (second, _) = site.predict(&after).unwrap();
            assert_eq!(changes(&second), Vec::<String>::new(), "{release}");
        }
        // Only where it may be built.
        let world = site.bare(Release::Debian12);
        let limit = ["node1", "node2"].map(str::to_owned).into();
        let declaration = Declaration {
            limit: Some(limit),
            ..site.declaration()
        };
        let (plan, _) = declaration.predict(world, &site.secrets).unwrap();
        assert_eq!(plan.stages.len(), 2);
    }
}

#[test]
fn a_cluster_needs_no_pooler() {
    let (without, _) = INVENTORY.split_once("    pgbouncer:").unwrap();
    let site = Site::new(without);
    assert!(site.predict(&site.bare(Release::Debian12)).is_ok());
}

#[test]
fn a_plan_holds_no_secret() {
    let site = Site::new(INVENTORY);
    let (plan, _) = site.predict(&site.bare(Release::Debian12)).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    for secret in ["it's $secret", "the repmgr", "the ssh_private_key"] {
        assert!(!json.contains(secret), "`{secret}` is in the plan");
    }
    assert_eq!(
        plan.secrets(),
        [
            "app",
            "pgha_watch",
            "repmgr",
            "ssh_private_key",
            "ssh_public_key"
        ]
    );
}

#[test]
fn the_order_of_an_inventory_means_nothing_to_a_cluster_that_exists() {
    let world = Site::new(INVENTORY).converged();
    let mut lines: Vec<&str> = INVENTORY.lines().collect();
    let node1 = lines
        .iter()
        .position(|line| line.contains("node1"))
        .unwrap();
    lines.swap(node1, node1 + 2);
    let (plan, _) = Site::new(&lines.join("\n")).predict(&world).unwrap();
    assert_eq!(changes(&plan), Vec::<String>::new());
}

#[test]
fn a_member_can_be_a_pooler_too() {
    let both = INVENTORY.replace(
        "pooler1: { ansible_host: 10.0.0.4 }",
        "pooler1: { ansible_host: 10.0.0.4 }\n        node3:",
    );
    let site = Site::new(&both);
    let plan = site.predict(&site.bare(Release::Debian12)).unwrap().0;
    let written = changes(&plan);
    let scripts = "node3: file /usr/local/lib/pgha/find-primary";
    assert_eq!(
        written.iter().filter(|change| *change == scripts).count(),
        1
    );
    let again = site.predict(&site.converged()).unwrap().0;
    assert_eq!(changes(&again), Vec::<String>::new());
}

#[test]
fn each_drift_appears_alone() {
    let site = Site::new(INVENTORY);
    type Drift = fn(&mut BTreeMap<String, Facts>);
    let cases: [(&str, Drift); 4] = [
        (
            "node3: postgresql_hba /etc/postgresql/15/main/pg_hba.conf",
            |world| {
                let facts = world.get_mut("node3").unwrap();
                let path = facts
                    .paths
                    .get_mut("/etc/postgresql/15/main/pg_hba.conf")
                    .unwrap();
                if let Path::File { sha256, .. } = path {
                    *sha256 = Some("0".repeat(64));
                }
            },
        ),
        ("node2: template /etc/pgha/pgpass", |world| {
            let facts = world.get_mut("node2").unwrap();
            if let Some(Path::File { mode, .. }) = facts.paths.get_mut("/etc/pgha/pgpass") {
                "0644".clone_into(mode);
            }
        }),
        ("node1: postgresql_role app", |world| {
            let server = world
                .get_mut("node1")
                .unwrap()
                .server
                .answers_mut()
                .unwrap();
            server.roles.insert("app".to_owned(), Role::default());
        }),
        ("node2: service repmgrd", |world| {
            let unit = world
                .get_mut("node2")
                .unwrap()
                .units
                .get_mut("repmgrd")
                .unwrap();
            "failed".clone_into(&mut unit.active);
        }),
    ];
    for (expected, drift) in cases {
        let mut world = site.converged();
        drift(&mut world);
        let (plan, after) = site.predict(&world).unwrap();
        assert_eq!(changes(&plan), [expected]);
        assert!(site.predict(&after).unwrap().0.is_empty(), "{expected}");
    }
}

/// The hosts whose PostgreSQL is restarted, stage by stage.
fn restarts(plan: &Plan) -> Vec<Vec<&str>> {
    plan.stages
        .iter()
        .map(|stage| {
            let changes = stage.hosts.values().flatten();
            changes
                .filter(|change| change.action == Action::Restart)
                .map(|change| change.host.as_str())
                .collect::<Vec<_>>()
        })
        .filter(|hosts| !hosts.is_empty())
        .collect()
}

#[test]
fn a_standby_never_has_less_than_its_primary() {
    let world = Site::new(INVENTORY).converged();
    let with = |settings: &str| {
        let vars = format!("all:\n  vars:\n    postgresql_settings: {{ {settings} }}");
        Site::new(&INVENTORY.replace("all:\n  vars:", &vars))
    };
    let raise = with("max_connections: 200").predict(&world).unwrap().0;
    assert_eq!(restarts(&raise), [["node2"], ["node3"], ["node1"]]);
    let lower = with("max_connections: 50").predict(&world).unwrap().0;
    assert_eq!(restarts(&lower), [["node1"], ["node2"], ["node3"]]);
    let mixed = with("max_connections: 50, max_worker_processes: 16")
        .predict(&world)
        .unwrap()
        .0;
    assert_eq!(
        restarts(&mixed),
        [["node2"], ["node3"], ["node1"], ["node2"], ["node3"]]
    );
}

#[test]
fn the_primary_is_not_restarted_unasked() {
    let vars = "all:\n  vars:\n    postgresql_settings: { max_connections: 50 }";
    let mut site = Site::new(&INVENTORY.replace("all:\n  vars:", vars));
    site.allow_restart_primary = false;
    let world = Site::new(INVENTORY).converged();
    let (plan, after) = site.predict(&world).unwrap();
    assert_eq!(restarts(&plan), Vec::<Vec<&str>>::new());
    assert_eq!(plan.held.len(), 1);
    let (second, _) = site.predict(&after).unwrap();
    assert!(second.is_empty());
    assert_eq!(second.held, plan.held);
}

#[test]
fn a_former_primary_is_never_started_beside_the_new_one() {
    let site = Site::new(INVENTORY);
    let mut world = site.converged();
    let old = world.get_mut("node1").unwrap();
    old.server = Instance::Down;
    old.units.get_mut("repmgrd").unwrap().active = "activating".to_owned();
    world
        .get_mut("node2")
        .unwrap()
        .server
        .answers_mut()
        .unwrap()
        .in_recovery = false;
    world
        .get_mut("node2")
        .unwrap()
        .data
        .as_mut()
        .unwrap()
        .standby_signal = false;
    let (plan, after) = site.predict(&world).unwrap();
    let touched = changes(&plan);
    assert!(touched.contains(&"pooler1: template /etc/pgbouncer/databases.ini".to_owned()));
    assert!(
        touched
            .iter()
            .all(|change| !change.starts_with("node1: postgresql_server")),
        "{touched:?}"
    );
    assert!(
        plan.held[0].what.contains("former primary"),
        "{:?}",
        plan.held
    );
    assert!(after["node1"].server.is_down());
    let slots = &after["node2"].server.answers().unwrap().slots;
    assert!(
        !slots.contains_key("repmgr_slot_1"),
        "WAL would pile up in it"
    );
}

#[test]
fn states_that_could_cost_data_are_refused() {
    let site = Site::new(INVENTORY);
    type Harm = fn(&mut BTreeMap<String, Facts>);
    let cases: [(&str, Harm); 4] = [
        ("writable primaries at the same time", |world| {
            let server = world
                .get_mut("node2")
                .unwrap()
                .server
                .answers_mut()
                .unwrap();
            server.in_recovery = false;
        }),
        ("belongs to another cluster", |world| {
            let data = world.get_mut("node3").unwrap().data.as_mut().unwrap();
            data.system_identifier = Some("8".to_owned());
        }),
        ("no member is a primary", |world| {
            for facts in world.values_mut() {
                facts.server = Instance::Down;
                if let Some(data) = &mut facts.data {
                    data.standby_signal = true;
                }
            }
        }),
        ("no primary answers", |world| {
            world.remove("node1");
        }),
    ];
    for (expected, harm) in cases {
        let mut world = site.converged();
        harm(&mut world);
        let problems = site.predict(&world).unwrap_err();
        assert!(problems.to_string().contains(expected), "{problems}");
        assert_eq!(problems.exit_code(), 3);
    }
}

#[test]
fn what_is_planned_is_later_than_what_was_seen() {
    assert!(Time::Planned(0) > Time::At(f64::MAX));
}
