//! The cluster as it was declared, and what pgha plans for it and says of it: the shipped playbooks, without the steps that have
//! nothing to do with roles.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pgha::inventory::{self, Inventory, Sources};
use pgha::plan::{Declaration, Intent, Plan, Seen};
use pgha::playbook::{self, Playbook};
use pgha::problem::{Problem, Problems, Source};
use pgha::resource;
use pgha::secret::Secrets;
use pgha::status::{Status, assess};
use pgha::template::Engine;
use serde_json::json;

use crate::facts;
use crate::state::{POOLERS, Shape, State};

/// Resources that decide or change who is what. The others are as a healthy host has them, and nothing of the model's.
const DECIDING: [&str; 12] = [
    "failover_gate",
    "service",
    "dead_man",
    "primary_fence",
    "standby_promotion",
    "pgbouncer_primary",
    "pgbouncer_config",
    "standby_upstream",
    "standby_rejoin",
    "diverged_wal",
    "postgresql_server",
    "repmgrd_pause",
];

/// A playbook that a verb runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Book {
    Apply,
    Failover,
    Save,
    Rejoin,
}

pub struct Site {
    pub shape: Shape,
    pub inventory: Inventory,
    books: BTreeMap<Book, Playbook>,
    engine: Engine,
    secrets: Secrets,
}

impl Site {
    pub fn new(shape: Shape) -> Self {
        let hosts = |nodes: Vec<usize>| -> serde_json::Value {
            let hosts = nodes.into_iter();
            let hosts = hosts.map(|node| {
                (
                    shape.name(node),
                    json!({ "ansible_host": shape.address(node) }),
                )
            });
            json!({ "hosts": hosts.collect::<serde_json::Map<_, _>>() })
        };
        let mut groups = json!({
            "postgres": hosts((0..shape.members).collect()),
            "pgbouncer": hosts((0..POOLERS).map(|pooler| shape.pooler(pooler)).collect()),
        });
        if let Some(witness) = shape.witness() {
            groups["witness"] = hosts(vec![witness]);
        }
        let vars = json!({
            "postgresql_databases": [{ "name": "app" }],
            "cluster_isolation_timeout": 6,
        });
        let text = json!({ "all": { "vars": vars, "children": groups } }).to_string();
        let inventory = inventory::load(&Sources::of(source("inventory.yml", text), "/"))
            .unwrap_or_else(|problems| panic!("{problems}"));
        let mut secrets = inventory.secrets.clone();
        for name in ["pgha_watch", "repmgr", "ssh_private_key", "ssh_public_key"] {
            secrets.insert(name, format!("the {name}"));
        }
        let books = [
            (Book::Apply, "site.yml"),
            (Book::Failover, "failover.yml"),
            (Book::Save, "rejoin/save.yml"),
            (Book::Rejoin, "rejoin.yml"),
        ];
        Self {
            shape,
            inventory,
            books: books
                .into_iter()
                .map(|(book, name)| (book, play(name)))
                .collect(),
            engine: Engine::new(|name| shipped("templates", name))
                .with_programs(|name: &str| shipped("programs", name)),
            secrets,
        }
    }

    /// What pgha sees of a state.
    fn seen(&self, state: &State) -> Seen {
        let shape = self.shape;
        let hosts = (0..shape.pgha()).map(|node| {
            let seen = match state.reaches(shape.pgha(), node) {
                true => Ok(facts::of(shape, state, node)),
                false => Err(Problem::unreachable("cannot connect")
                    .on(shape.name(node))
                    .hint("is it up?")),
            };
            (shape.name(node), seen)
        });
        hosts.collect()
    }

    /// What a verb would do.
    pub fn plan(&self, state: &State, book: Book, intent: Intent) -> Result<Plan, Problems> {
        let declaration = Declaration {
            inventory: &self.inventory,
            playbook: &self.books[&book],
            engine: &self.engine,
            limit: None,
            allow_restart_primary: false,
            intent,
        };
        let planned = declaration.plan_from(self.seen(state), &self.secrets);
        planned.map(|(plan, _)| plan)
    }

    pub fn status(&self, state: &State) -> Status {
        assess(&self.inventory, &self.seen(state))
    }
}

fn source(name: &str, text: String) -> Arc<Source> {
    let name = name.to_owned();
    Arc::new(Source {
        name,
        text,
        vaulted: false,
    })
}

fn shipped(folder: &str, name: &str) -> Option<Arc<Source>> {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(repository.join(folder).join(name)).ok()?;
    Some(source(name, text))
}

fn play(name: &str) -> Playbook {
    let mut playbook = playbook::parse(name, resource::NAMES, &|name| shipped("playbooks", name))
        .unwrap_or_else(|problems| panic!("{problems}"));
    for play in &mut playbook.plays {
        play.steps
            .retain(|step| DECIDING.contains(&step.kind.text.as_str()));
    }
    playbook
}
