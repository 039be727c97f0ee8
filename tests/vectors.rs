//! Resources as data: each `tests/vectors/*/*.yml` is a play and the facts of its hosts, and beside it the `.plan` that pgha
//! makes of them, or the problem that it tells. `PGHA_BLESS=1` writes the `.plan` anew.
//!
//! A vector is two YAML documents: what was seen ([`Given`]), and the playbook. The facts lie over those of bare hosts, or of
//! `world: cluster` (`tests/vectors/cluster.yml`); only what matters is written:
//! - a file is `{ file: { holds: … } }`; `<secret NAME>`, `<scram NAME>` and `<pgpass NAME>` in it stand for secrets;
//! - in `world: cluster` those are registered that the inventory has;
//! - a unit is loaded, enabled and runs since 5 s, unless it says otherwise;
//! - a time is a number of seconds;
//! - a role's `password` is the password itself;
//! - `conditions` lists those that hold;
//! - the text `gone` removes what the world has;
//! - a server that is there and does not tell is `{ untold: { why: frozen } }`, whatever the world says of it;
//! - what `readiness` says a host tried has succeeded, unless it has a `code`.
//!
//! Beside the golden file, each vector shows the laws: the same bytes twice, nothing more to do on the predicted facts, no
//! secret in the plan, no fact used that was not asked for, nothing told by its hash that is not the file of that name, and scripts
//! that `/bin/sh` can read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as File, PathBuf};
use std::sync::Arc;

use pgha::facts::{Facts, Instance, Path, Probe, Probes, Release, Server, Time, bare};
use pgha::inventory::{self, Inventory, Sources};
use pgha::plan::{
    Action, Change, Condition, Declaration, Failover, Handover, Intent, Plan, Removal, Returning,
};
use pgha::playbook::{self, Playbook};
use pgha::problem::{Problem, Problems, Source};
use pgha::render;
use pgha::resource;
use pgha::secret::{Form, Secrets, Text, marker};
use pgha::template::Engine;
use pgha::yaml;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What a vector says beside its playbook.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    /// A file of facts that those of `hosts` lie over.
    #[serde(default)]
    world: Option<String>,
    #[serde(default = "debian_12")]
    release: Release,
    /// In place of three members and a pooler.
    #[serde(default)]
    inventory: Option<Value>,
    /// Variables of all hosts.
    #[serde(default)]
    vars: Map<String, Value>,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// Programs beside those that are shipped, as if they were.
    #[serde(default)]
    programs: BTreeMap<String, String>,
    /// Programs of the user's folder.
    #[serde(default)]
    own_programs: BTreeMap<String, String>,
    /// Template files beside those that are shipped.
    #[serde(default)]
    templates: BTreeMap<String, String>,
    #[serde(default)]
    allow_restart_primary: bool,
    /// A change of primary that is asked for.
    #[serde(default)]
    handover: Option<Handover>,
    /// A dead primary's replacement that is asked for.
    #[serde(default)]
    failover: Option<Failover>,
    /// A member that is to come back.
    #[serde(default)]
    returning: Option<Returning>,
    /// A node that is to leave.
    #[serde(default)]
    removal: Option<Removal>,
    /// A new cluster is asked for where there was one.
    #[serde(default)]
    new_cluster: bool,
    /// Resources whose steps are left out of a playbook that is shipped.
    #[serde(default)]
    without: Vec<String>,
    #[serde(default)]
    limit: Option<BTreeSet<String>>,
    /// A second plan is not empty: the vector's comment says why.
    #[serde(default)]
    repeats: bool,
    #[serde(default)]
    hosts: Map<String, Value>,
}

impl Given {
    fn intent(&self) -> Intent {
        let asked = [
            self.new_cluster.then_some(Intent::NewCluster),
            self.handover.clone().map(Intent::Handover),
            self.failover.clone().map(Intent::Failover),
            self.returning.clone().map(Intent::Returning),
            self.removal.clone().map(Intent::Removal),
        ];
        let mut asked = asked.into_iter().flatten();
        let intent = asked.next().unwrap_or_default();
        assert!(asked.next().is_none(), "a plan is for one thing");
        intent
    }
}

fn debian_12() -> Release {
    Release::Debian12
}

fn folder() -> PathBuf {
    File::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn source(name: &str, text: String) -> Arc<Source> {
    Arc::new(Source {
        name: name.to_owned(),
        text,
        vaulted: false,
    })
}

fn read(path: &File) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn from_yaml(name: &str, text: String) -> Value {
    let node = yaml::parse(&source(name, text));
    node.unwrap_or_else(|problem| panic!("{problem}")).to_json()
}

/// `over` laid over `under`: maps are merged, all else is replaced.
fn lay(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            // What is at a path is one of several kinds: another kind replaces it whole.
            let kinds = ["file", "directory", "other"];
            if over.keys().any(|key| kinds.contains(&key.as_str())) {
                under.retain(|key, _| over.contains_key(key));
            }
            for (key, value) in over {
                if value == "gone" {
                    under.remove(&key);
                } else {
                    lay(under.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (under, over) => *under = over,
    }
}

/// `value` with what it leaves out.
fn over_default<T: serde::Serialize>(default: &T, value: &mut Value) {
    let mut whole = serde_json::to_value(default).unwrap();
    lay(&mut whole, value.take());
    *value = whole;
}

fn entries<'a>(of: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    let map = of.get_mut(key).and_then(Value::as_object_mut);
    map.into_iter().flat_map(|map| map.values_mut())
}

/// Text with `<secret NAME>` for secrets.
fn text(written: &str) -> Text {
    let mut rendered = String::new();
    let mut rest = written;
    while let Some((before, tag)) = rest.split_once('<') {
        rendered.push_str(before);
        let parts = tag.split_once('>').and_then(|(inside, behind)| {
            let (form, name) = inside.split_once(' ')?;
            Some((form, name, behind))
        });
        let form = parts.and_then(|(form, ..)| match form {
            "secret" => Some(Form::Plain),
            "scram" => Some(Form::Scram),
            "pgpass" => Some(Form::PgPass),
            _ => None,
        });
        rest = match (parts, form) {
            (Some((_, name, behind)), Some(form)) => {
                rendered.push_str(&marker(name, form));
                behind
            }
            _ => {
                rendered.push('<');
                tag
            }
        };
    }
    rendered.push_str(rest);
    Text::parse(&rendered)
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_secret(text: &Text) -> bool {
    text.secrets().next().is_some()
}

/// The short spellings of a vector in full.
fn complete(facts: &mut Value, secrets: &Secrets) {
    times(facts);
    for path in entries(facts, "paths") {
        let Some(file) = path.get_mut("file") else {
            continue;
        };
        if let Some(holds) = file.as_object_mut().and_then(|file| file.remove("holds")) {
            let text = text(holds.as_str().expect("`holds` is a text"));
            let revealed = text.reveal(secrets).expect("the secret is in `secrets`");
            file["sha256"] = sha256(&revealed).into();
            if !is_secret(&text) {
                file["content"] = revealed.into();
            }
        }
        let default = json!({
            "mode": "0644", "owner": "root", "group": "root", "modified": {"at": 1.0},
            "sha256": "0".repeat(64), "witness": "7 42 1.000000000", "content": null,
        });
        over_default(&default, file);
    }
    for unit in entries(facts, "units") {
        let default = json!({
            "load": "loaded", "active": "active", "sub": "running", "enabled": true, "main_pid": null,
            "started": {"at": 5.0}, "changed": {"at": 5.0}, "needs_daemon_reload": false,
        });
        over_default(&default, unit);
    }
    if facts["data"].is_object() {
        over_default(&pgha::facts::DataDirectory::default(), &mut facts["data"]);
    }
    if facts["wal"].is_object() {
        over_default(&pgha::facts::Wal::default(), &mut facts["wal"]);
        if facts["wal"]["saved"].is_object() {
            over_default(&pgha::facts::Saved::default(), &mut facts["wal"]["saved"]);
        }
    }
    if facts["pooler"].is_object() {
        over_default(&pgha::facts::Pooler::default(), &mut facts["pooler"]);
        for database in entries(&mut facts["pooler"], "databases") {
            over_default(&pgha::facts::PoolerDatabase::default(), database);
        }
    }
    if let Some(untold) = facts["server"].get("untold").cloned() {
        facts["server"] = json!({ "untold": untold });
    } else if facts["server"].is_object() {
        server(&mut facts["server"]);
    }
    if facts["readiness"].is_object() {
        readiness(&mut facts["readiness"]);
    }
}

fn server(server: &mut Value) {
    over_default(&Server::default(), server);
    for setting in entries(server, "settings") {
        if let Some(raw) = setting.get("raw").cloned()
            && setting.get("value").is_none()
        {
            setting["value"] = raw;
        }
        over_default(&pgha::facts::Setting::default(), setting);
    }
    for role in entries(server, "roles") {
        if let Some(password) = role
            .as_object_mut()
            .and_then(|role| role.remove("password"))
        {
            let verifier = Form::Scram.apply(password.as_str().expect("a password is a text"));
            role["password_sha256"] = sha256(&verifier).into();
        }
        over_default(
            &pgha::facts::Role {
                login: true,
                ..Default::default()
            },
            role,
        );
    }
    for database in entries(server, "databases") {
        over_default(&pgha::facts::Database::default(), database);
    }
    for slot in entries(server, "slots") {
        over_default(&pgha::facts::Slot::default(), slot);
    }
    for sender in entries(server, "senders") {
        over_default(&pgha::facts::Sender::default(), sender);
    }
    for node in entries(server, "nodes") {
        over_default(&pgha::facts::NodeRecord::default(), node);
    }
}

fn readiness(readiness: &mut Value) {
    over_default(&pgha::facts::Readiness::default(), readiness);
    if readiness["postmaster"].is_object() {
        over_default(
            &pgha::facts::Postmaster::default(),
            &mut readiness["postmaster"],
        );
    }
    over_default(&pgha::facts::Tried::default(), &mut readiness["primary"]);
    for tried in ["replication", "ssh"] {
        for tried in entries(readiness, tried) {
            over_default(&pgha::facts::Tried::default(), tried);
        }
    }
    if readiness["activity"].is_object() {
        over_default(
            &pgha::facts::Activity::default(),
            &mut readiness["activity"],
        );
        for lag in entries(&mut readiness["activity"], "lags") {
            over_default(&pgha::facts::Lag::default(), lag);
        }
        let sessions = readiness["activity"]["sessions"].as_array_mut();
        for session in sessions.into_iter().flatten() {
            over_default(&pgha::facts::Session::default(), session);
        }
    }
}

/// Seconds as times.
fn times(value: &mut Value) {
    let Value::Object(map) = value else { return };
    for (key, value) in map {
        let is_time = matches!(key.as_str(), "modified" | "started" | "changed" | "loaded");
        if is_time && value.is_number() {
            *value = json!({ "at": value.as_f64() });
        } else {
            times(value);
        }
    }
}

/// Panics where `given` has a key that `whole` has not: a misspelt fact would be none.
fn covers(place: &str, whole: &Value, given: &Value) {
    if let (Value::Object(whole), Value::Object(given)) = (whole, given) {
        for (key, value) in given {
            let place = format!("{place}.{key}");
            let found = whole.get(key);
            covers(
                &place,
                found.unwrap_or_else(|| panic!("{place}: there is no such fact")),
                value,
            );
        }
    }
}

fn facts(host: &str, mut value: Value, release: Release, secrets: &Secrets) -> Facts {
    let held = value
        .as_object_mut()
        .and_then(|facts| facts.remove("conditions"));
    let mut whole = serde_json::to_value(bare(release)).unwrap();
    lay(&mut whole, value);
    complete(&mut whole, secrets);
    let mut facts: Facts = serde_json::from_value(whole.clone())
        .unwrap_or_else(|error| panic!("the facts of {host}: {error}"));
    covers(host, &serde_json::to_value(&facts).unwrap(), &whole);
    let held: Vec<Condition> = serde_json::from_value(held.unwrap_or(json!([]))).unwrap();
    facts.conditions = held
        .into_iter()
        .map(|condition| (condition, true))
        .collect();
    facts
}

/// Those of a vector, over those of the repository.
struct Programs {
    shipped: BTreeMap<String, String>,
    own: BTreeMap<String, String>,
}

impl pgha::template::Programs for Programs {
    fn shipped(&self, name: &str) -> Option<Arc<Source>> {
        match self.shipped.get(name) {
            Some(text) => Some(source(name, text.clone())),
            None => shipped("programs", name),
        }
    }

    fn own(&self, name: &str) -> Result<Option<Arc<Source>>, Problem> {
        Ok(self.own.get(name).map(|text| source(name, text.clone())))
    }

    fn names(&self) -> Vec<String> {
        self.shipped
            .keys()
            .chain(self.own.keys())
            .cloned()
            .collect()
    }
}

/// A file of the repository.
fn shipped(folder: &str, name: &str) -> Option<Arc<Source>> {
    let path = File::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(name);
    Some(source(name, std::fs::read_to_string(path).ok()?))
}

struct Vector {
    given: Given,
    inventory: Inventory,
    playbook: Result<Playbook, Problems>,
    engine: Engine,
    secrets: Secrets,
    world: BTreeMap<String, Facts>,
}

type Predicted = Result<(Plan, BTreeMap<String, Facts>), Problems>;

impl Vector {
    /// `name` as `resource/case`.
    fn load(name: &str) -> Self {
        let whole = read(&folder().join(format!("{name}.yml")));
        let (setup, play) = whole
            .split_once("---\n")
            .expect("a vector has two documents");
        let nothing = setup.lines().all(|line| line.starts_with('#'));
        let seen = if nothing {
            json!({})
        } else {
            from_yaml(name, setup.to_owned())
        };
        let given: Given =
            serde_json::from_value(seen).unwrap_or_else(|error| panic!("{name}: {error}"));
        let file = format!("{}.yml", name.rsplit('/').next().unwrap());
        // The play keeps its lines.
        let play = source(&file, "\n".repeat(setup.lines().count() + 1) + play);
        let mut inventory = given.inventory.clone().unwrap_or_else(|| {
            json!({ "all": { "children": {
                "postgres": { "hosts": {
                    "node1": { "ansible_host": "10.0.0.1" },
                    "node2": { "ansible_host": "10.0.0.2" },
                    "node3": { "ansible_host": "10.0.0.3" },
                } },
                "pgbouncer": { "hosts": { "pooler1": { "ansible_host": "10.0.0.4" } } },
            } } })
        });
        lay(&mut inventory, json!({ "all": { "vars": given.vars } }));
        let inventory = inventory::load(&Sources::of(
            source("inventory.yml", inventory.to_string()),
            "/",
        ))
        .unwrap_or_else(|problems| panic!("{name}: {problems}"));
        let inventory = match &given.removal {
            Some(removal) => inventory.without(&removal.node),
            None => inventory,
        };
        let left_out = given.without.iter().map(String::as_str);
        let known: Vec<&str> = resource::NAMES.iter().copied().chain(left_out).collect();
        let mut playbook = playbook::parse(&file, &known, &|name| {
            if *name == file {
                Some(play.clone())
            } else {
                shipped("playbooks", name)
            }
        });
        for play in playbook.iter_mut().flat_map(|playbook| &mut playbook.plays) {
            play.steps
                .retain(|step| !given.without.contains(&step.kind.text));
        }
        let templates = given.templates.clone();
        let engine = Engine::new(move |name| match templates.get(name) {
            Some(text) => Some(source(name, text.clone())),
            None => shipped("templates", name),
        })
        .with_programs(Programs {
            shipped: given.programs.clone(),
            own: given.own_programs.clone(),
        });
        let mut secrets = inventory.secrets.clone();
        for (name, secret) in &given.secrets {
            secrets.insert(name, secret.as_str());
        }
        let world = world(&given, &inventory, &secrets);
        Self {
            given,
            inventory,
            playbook,
            engine,
            secrets,
            world,
        }
    }

    fn declaration<'a>(&'a self, playbook: &'a Playbook) -> Declaration<'a> {
        Declaration {
            inventory: &self.inventory,
            playbook,
            engine: &self.engine,
            limit: self.given.limit.clone(),
            allow_restart_primary: self.given.allow_restart_primary,
            intent: self.given.intent(),
        }
    }

    fn predict(&self, world: &BTreeMap<String, Facts>) -> Predicted {
        let playbook = self.playbook.as_ref().map_err(Clone::clone)?;
        self.declaration(playbook)
            .predict(world.clone(), &self.secrets)
    }

    /// The world without what no probe asks about.
    fn asked(&self) -> Result<BTreeMap<String, Facts>, Problems> {
        let playbook = self.playbook.as_ref().map_err(Clone::clone)?;
        let questions = self.declaration(playbook).questions()?;
        Ok(self
            .world
            .iter()
            .map(|(host, facts)| {
                let probes = &questions[host][&self.given.release];
                (host.clone(), only_asked(facts.clone(), probes))
            })
            .collect())
    }
}

fn world(given: &Given, inventory: &Inventory, secrets: &Secrets) -> BTreeMap<String, Facts> {
    let mut hosts = match &given.world {
        Some(name) => {
            let file = format!("{name}.yml");
            from_yaml(&file, read(&folder().join(&file)))
        }
        None => json!({}),
    };
    // Who is not in the vector's inventory is registered only where the vector says so.
    for nodes in hosts
        .as_object_mut()
        .into_iter()
        .flat_map(|hosts| hosts.values_mut())
        .filter_map(|host| host.pointer_mut("/server/nodes")?.as_object_mut())
    {
        nodes.retain(|name, _| inventory.hosts.contains_key(name));
    }
    for host in inventory.hosts.keys() {
        hosts
            .as_object_mut()
            .unwrap()
            .entry(host)
            .or_insert(json!({}));
    }
    for host in given.hosts.keys() {
        assert!(
            inventory.hosts.contains_key(host),
            "there is no host {host}"
        );
    }
    lay(&mut hosts, Value::Object(given.hosts.clone()));
    let Value::Object(hosts) = hosts else {
        panic!("hosts are a mapping")
    };
    hosts
        .into_iter()
        .filter(|(host, _)| inventory.hosts.contains_key(host))
        .map(|(host, value)| {
            let facts = facts(&host, value, given.release, secrets);
            (host, facts)
        })
        .collect()
}

fn only_asked(mut facts: Facts, probes: &Probes) -> Facts {
    let cluster = |probe: &Probe| matches!(probe, Probe::Cluster { .. });
    let has = |probe: Probe| probes.contains(&probe);
    facts.remains.retain(|_| has(Probe::Remains));
    facts
        .packages
        .retain(|name, _| has(Probe::Package(name.clone())));
    facts.users.retain(|name, _| has(Probe::User(name.clone())));
    facts.units.retain(|name, _| has(Probe::Unit(name.clone())));
    facts.free.retain(|path, _| has(Probe::Free(path.clone())));
    facts
        .conditions
        .retain(|condition, _| has(Probe::Condition(condition.clone())));
    facts.paths.retain(|path, seen| {
        let with_content = has(Probe::Content(path.clone()));
        if let (Path::File { content, .. }, false) = (seen, with_content) {
            *content = None;
        }
        with_content || has(Probe::Path(path.clone()))
    });
    if !has(Probe::Filesystems) {
        facts.filesystems = pgha::facts::Filesystems::default();
    }
    if !probes.iter().any(cluster) {
        facts.places = pgha::facts::Places::default();
        facts.data = None;
        facts.server = Instance::Down;
    }
    if let Some(server) = facts.server.answers_mut() {
        let asked = |database: &String| has(Probe::Extensions(database.clone()));
        server.extensions.retain(|database, _| asked(database));
    }
    if !probes.iter().any(|probe| matches!(probe, Probe::Pooler(_))) {
        facts.pooler = None;
    }
    if !probes
        .iter()
        .any(|probe| matches!(probe, Probe::Handover(_)))
    {
        facts.readiness = None;
    }
    if !probes
        .iter()
        .any(|probe| matches!(probe, Probe::Wal { .. }))
    {
        facts.wal = None;
    }
    facts
}

/// Fills in what only real hosts know: times and the system identifier.
fn come_true(world: &mut BTreeMap<String, Facts>) {
    let real = |time: &mut Time| {
        if let Time::Planned(number) = time {
            *time = Time::At(1000.0 + f64::from(*number));
        }
    };
    for (host, facts) in world {
        // A witness is a cluster of its own.
        let identifier = if host.starts_with("witness") {
            "8"
        } else {
            "7"
        };
        for path in facts.paths.values_mut() {
            if let Path::File { modified, .. } = path {
                real(modified);
            }
        }
        for unit in facts.units.values_mut() {
            real(&mut unit.started);
            real(&mut unit.changed);
        }
        if let Some(data) = facts.data.as_mut().filter(|data| !data.version.is_empty()) {
            data.system_identifier
                .get_or_insert_with(|| identifier.to_owned());
        }
        if let Some(server) = facts.server.answers_mut() {
            server
                .system_identifier
                .get_or_insert_with(|| identifier.to_owned());
            real(&mut server.started);
            real(&mut server.loaded);
        }
    }
}

/// What pgha makes of a vector, as the golden file has it; the laws are looked at on the way.
fn outcome(name: &str) -> String {
    let vector = Vector::load(name);
    let (plan, after) = match vector.predict(&vector.world) {
        Ok(predicted) => predicted,
        Err(problems) => return told(name, &problems),
    };
    let bytes = serde_json::to_string(&plan).unwrap();
    let again = Vector::load(name);
    let (same, _) = again.predict(&again.world).unwrap();
    assert_eq!(
        serde_json::to_string(&same).unwrap(),
        bytes,
        "{name}: not the same twice"
    );
    let stored: Plan = serde_json::from_str(&bytes).unwrap();
    assert_eq!(stored, plan, "{name}: the stored plan is another");

    let asked = vector
        .asked()
        .unwrap_or_else(|problems| panic!("{name}: no questions: {problems}"));
    let (from_asked, _) = vector.predict(&asked).unwrap();
    assert_eq!(
        from_asked, plan,
        "{name}: the plan uses a fact that no probe asks for"
    );

    // What is told by name and hash is that very file, and goes to the host as it is.
    for change in plan.changes() {
        let Some((diff, program)) = change
            .diff
            .as_ref()
            .and_then(|diff| Some((diff, diff.shipped.as_ref()?)))
        else {
            continue;
        };
        let of_vector = vector.given.programs.get(program).cloned();
        let text = of_vector
            .or_else(|| Some(shipped("programs", program)?.text.clone()))
            .unwrap_or_else(|| panic!("{name}: pgha ships no `{program}`"));
        let writes = |op: &pgha::plan::Op| op.text() == Some(&text.as_str().into());
        assert!(
            diff.after == text.as_str().into() && change.ops.iter().any(writes),
            "{name}: not `{program}` as it is shipped"
        );
    }

    let options = render::plan::PlanOptions {
        diff: render::plan::Diff::Short,
        verbose: true,
        colours: false,
        width: 100,
    };
    let shown = render::plan::text(&plan, vector.world.len(), options);
    for secret in vector
        .secrets
        .names()
        .filter_map(|name| vector.secrets.get(name))
    {
        for form in [Form::Plain, Form::PgPass, Form::Scram] {
            let written = form.apply(secret.expose());
            let quoted = serde_json::to_string(&written).unwrap();
            assert!(
                !bytes.contains(quoted.trim_matches('"')),
                "{name}: `{written}` is in the plan"
            );
            assert!(!shown.contains(&written), "{name}: `{written}` is shown");
        }
    }
    if plan
        .secrets()
        .iter()
        .all(|secret| vector.secrets.get(secret).is_some())
    {
        readable_by_sh(name, &plan, &vector.secrets);
    }

    let mut after = after;
    come_true(&mut after);
    let (second, _) = vector
        .predict(&after)
        .unwrap_or_else(|problems| panic!("{name}: the second plan: {problems}"));
    let left: Vec<String> = second
        .changes()
        .filter(|change| change.action != Action::AlwaysRuns)
        .map(|change| format!("{}: {} {}", change.host, change.resource, change.subject))
        .collect();
    assert_eq!(
        !left.is_empty(),
        vector.given.repeats,
        "{name}: left for a second plan: {left:?}\n{shown}"
    );
    assert_eq!(second.held, plan.held, "{name}: held the second time");
    format!("{shown}{}", beside(&plan))
}

/// What only some plans have, exactly: deadlines, the decision, the way back, and what is done however the run ends.
fn beside(plan: &Plan) -> String {
    let mut out = String::new();
    let parts = [("stage", &plan.stages), ("always", &plan.always)];
    for (part, (number, stage)) in parts
        .into_iter()
        .flat_map(|(part, stages)| (1..).zip(stages).map(move |stage| (part, stage)))
    {
        let place = format!("{part} {number}");
        if let Some(seconds) = stage.deadline {
            out.push_str(&format!("{place}: within {seconds} s\n"));
        }
        for change in stage.hosts.values().flatten() {
            let place = format!("{place}: {} `{}`", change.host, change.step);
            if change.decides {
                out.push_str(&format!("{place} decides\n"));
            }
            let always = change.ops.iter().filter(|_| part == "always");
            let ops = always.map(|op| ("does", op));
            for (verb, op) in ops.chain(change.undo.iter().map(|op| ("is undone by", op))) {
                let op = serde_json::to_string(op).unwrap();
                out.push_str(&format!("{place} {verb} {op}\n"));
            }
        }
    }
    match out.is_empty() {
        true => out,
        false => format!("\n{out}"),
    }
}

/// What is wrong, without its place: `tests/input.rs` has those.
fn told(name: &str, problems: &Problems) -> String {
    let mut out = String::new();
    for problem in &problems.0 {
        let hint = problem.hint.as_ref();
        let hint = hint.unwrap_or_else(|| panic!("{name}: no hint: {problem}"));
        for (before, text) in [
            ("", &problem.host),
            ("in step ", &problem.step),
            ("", &Some(problem.what.clone())),
            ("  ", &problem.cause),
        ] {
            if let Some(text) = text {
                out.push_str(&format!("{before}{text}\n"));
            }
        }
        out.push_str(&format!("hint: {hint}\n\n"));
    }
    format!("{out}exit code {}\n", problems.exit_code())
}

fn readable_by_sh(name: &str, plan: &Plan, secrets: &Secrets) {
    let back = |change: &Change| Change {
        ops: change.undo.clone(),
        ..change.clone()
    };
    let undone = plan.changes().map(back);
    for change in plan.changes().cloned().chain(undone) {
        let script = pgha::run::compile::change(&change, secrets).unwrap();
        let out = std::process::Command::new("/bin/sh")
            .args(["-n", "-c", &script])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{name}: {errors}\n{script}");
    }
}

/// All vectors as `resource/case`, sorted.
fn names() -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_dir() {
            continue;
        }
        let resource = entry.file_name().into_string().unwrap();
        for case in std::fs::read_dir(entry.path()).unwrap() {
            let case = case.unwrap().file_name().into_string().unwrap();
            match case.rsplit_once('.') {
                Some((case, "yml")) => names.push(format!("{resource}/{case}")),
                Some((case, "plan")) => {
                    let vector = folder().join(&resource).join(format!("{case}.yml"));
                    assert!(vector.exists(), "{resource}/{case}.plan has no vector");
                }
                _ => panic!("{resource}/{case} is no vector"),
            }
        }
    }
    names.sort();
    names
}

#[test]
fn each_vector_gives_its_plan() {
    let names = names();
    let mut wrong = Vec::new();
    for name in names {
        let outcome = match std::panic::catch_unwind(|| outcome(&name)) {
            Ok(outcome) => outcome,
            Err(_) => {
                wrong.push(format!("{name}: see above"));
                continue;
            }
        };
        let golden = folder().join(format!("{name}.plan"));
        if std::env::var_os("PGHA_BLESS").is_some() {
            std::fs::write(&golden, &outcome).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != outcome {
            wrong.push(format!("{name}:\n{outcome}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_resource_has_vectors() {
    let names = names();
    for resource in resource::NAMES {
        let of_it = names
            .iter()
            .filter(|name| name.split('/').next() == Some(resource));
        assert!(of_it.count() > 1, "`{resource}` has no vectors");
    }
}

/// While clients wait, each exchange counts: so many one after the other, and what takes part in each.
#[test]
fn clients_wait_for_six_exchanges() {
    let vector = Vector::load("walk/switchover-whole");
    let (plan, _) = vector.predict(&vector.world).unwrap();
    let of = |stage: &pgha::plan::Stage| -> BTreeSet<String> {
        let changes = stage.hosts.values().flatten();
        changes.map(|change| change.resource.clone()).collect()
    };
    let stages: Vec<BTreeSet<String>> = plan.stages.iter().map(of).collect();
    let at = |resource: &str| {
        stages
            .iter()
            .position(|stage| stage.contains(resource))
            .unwrap()
    };
    let waiting = &stages[at("pgbouncer_pause")..=at("pgbouncer_primary")];
    let waiting: Vec<Vec<&str>> = waiting
        .iter()
        .map(|stage| stage.iter().map(String::as_str).collect())
        .collect();
    let expected: [&[&str]; 6] = [
        &["pgbouncer_pause"],
        &["primary_stop"],
        &["wal_received"],
        &["standby_signal"],
        &["standby_promotion"],
        // What the pooler is asked after it has let clients go on rides along.
        &["command", "pgbouncer_primary"],
    ];
    assert_eq!(waiting, expected);
}
