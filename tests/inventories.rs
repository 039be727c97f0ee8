//! The worked examples in `inventories/` hold what they promise: each is read, and planned on imaginary bare hosts of every
//! release. No host takes part, and no key file must exist.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgha::facts::{Release, bare};
use pgha::inventory::{self, Inventory, Sources, VarsFile, Way};
use pgha::plan::{Declaration, Intent, Plan};
use pgha::playbook::{self, Playbook};
use pgha::problem::Source;
use pgha::resource;
use pgha::secret::Secrets;
use pgha::template::Engine;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn source(path: &Path) -> Option<Arc<Source>> {
    let text = fs::read_to_string(path).ok()?;
    Some(Arc::new(Source {
        name: path.display().to_string(),
        text,
        vaulted: false,
    }))
}

/// The files of variables in one folder.
fn variables(folder: &Path) -> Vec<VarsFile> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths
        .map(|path| VarsFile::new(name(&path), source(&path).expect("it can be read")))
        .collect()
}

fn load(example: &str) -> Inventory {
    let folder = root("inventories").join(example);
    let text = source(&folder.join("inventory.yml")).expect("it can be read");
    let mut sources = Sources::of(text, &folder);
    sources.origins[0].group_vars = variables(&folder.join("group_vars"));
    sources.origins[0].host_vars = variables(&folder.join("host_vars"));
    sources.home = Some("/home/user".into());
    inventory::load(&sources).unwrap_or_else(|problems| panic!("{example}: {problems}"))
}

fn site() -> (Playbook, Engine) {
    let playbook = playbook::parse("site.yml", resource::NAMES, &|name| {
        source(&root("playbooks").join(name))
    })
    .expect("the shipped playbook is valid");
    let engine = Engine::new(|name| source(&root("templates").join(name)))
        .with_programs(|name: &str| source(&root("programs").join(name)));
    (playbook, engine)
}

/// The plan that builds the example's cluster on bare hosts.
fn bootstrap(example: &str) -> Plan {
    let inventory = load(example);
    let (playbook, engine) = site();
    let declaration = Declaration {
        inventory: &inventory,
        playbook: &playbook,
        engine: &engine,
        limit: None,
        allow_restart_primary: false,
        intent: Intent::Converge,
    };
    let questions = declaration
        .questions()
        .unwrap_or_else(|problems| panic!("{example}: {problems}"));
    assert_eq!(questions.len(), inventory.hosts.len(), "{example}");
    let hosts = inventory.hosts.keys();
    let world = hosts.map(|host| (host.clone(), bare(Release::Debian12)));
    declaration
        .plan(world.collect(), &Secrets::default())
        .unwrap_or_else(|problems| panic!("{example}: {problems}"))
}

/// What the plan leaves in `path` on `host`.
fn written(plan: &Plan, host: &str, path: &str) -> String {
    let mut changes: Vec<_> = plan.changes().collect();
    changes.reverse();
    changes
        .into_iter()
        .find(|change| change.host == host && change.subject == path)
        .and_then(|change| change.diff.as_ref())
        .unwrap_or_else(|| panic!("nothing is written to {path} on {host}"))
        .after
        .rendered()
}

#[test]
fn every_example_is_planned_on_bare_hosts() {
    let mut examples: Vec<String> = fs::read_dir(root("inventories"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    examples.sort();
    let listed = fs::read_to_string(root("inventories/README.md")).unwrap();
    assert!(!examples.is_empty());
    for example in examples {
        // A witness is registered once the members are, and they count on it from then on.
        let stages = if example == "witness" { 4 } else { 2 };
        assert_eq!(bootstrap(&example).stages.len(), stages, "{example}");
        let link = format!("[{example}]({example}/inventory.yml)");
        assert!(listed.contains(&link), "README.md does not list {example}");
    }
}

#[test]
fn the_jump_host_is_passed_on_and_paths_are_relative_to_the_inventory() {
    let inventory = load("jump-host");
    for host in inventory.hosts.values() {
        assert_eq!(host.connection.become_user.as_deref(), Some("root"));
        let Way::Ssh { options, .. } = &host.connection.way else {
            panic!("it is reached over SSH");
        };
        let option = |name: &str| {
            let found = options.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str()).unwrap()
        };
        assert_eq!(option("ProxyJump"), "deploy@bastion.example.com");
        assert!(option("UserKnownHostsFile").ends_with("inventories/jump-host/known_hosts"));
    }
}

#[test]
fn variables_of_groups_and_hosts_are_laid_over_each_other() {
    let inventory = load("two-data-centres");
    let of = |host: &str| {
        let variables = &inventory.hosts[host].variables;
        (
            variables.repmgr_location.as_str(),
            variables.repmgr_priority,
        )
    };
    assert_eq!(of("paris3"), ("paris", 100));
    assert_eq!(of("lyon1"), ("lyon", 50));
    assert_eq!(of("lyon2"), ("lyon", 0));
    let plan = bootstrap("two-data-centres");
    let conf = written(&plan, "lyon2", "/etc/repmgr.conf");
    for line in ["\nlocation='lyon'\n", "\npriority='0'\n"] {
        assert!(conf.contains(line), "{conf}");
    }
}

#[test]
fn failover_is_automatic_from_three_on() {
    for (example, mode) in [
        ("three-nodes", "automatic"),
        ("two-members", "manual"),
        ("witness", "automatic"),
    ] {
        let conf = written(&bootstrap(example), "node1", "/etc/repmgr.conf");
        assert!(conf.contains(&format!("\nfailover='{mode}'\n")), "{conf}");
    }
}

#[test]
fn synchronous_standbys_are_known_by_their_names() {
    let plan = bootstrap("synchronous");
    for host in ["node1", "node2", "node3"] {
        let conf = written(&plan, host, "/etc/postgresql/15/main/conf.d/pgha.conf");
        let line = "synchronous_standby_names = 'ANY 1 (node1, node2, node3)'";
        assert!(conf.contains(line), "{conf}");
    }
}

#[test]
fn a_local_member_has_an_address_for_the_others() {
    let inventory = load("local");
    let node1 = &inventory.hosts["node1"];
    assert_eq!(node1.connection.way, Way::Local);
    assert_eq!(node1.address(), "192.0.2.11");
}
